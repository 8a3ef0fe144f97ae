"""How the index of memories was divided: CPU time and what is found, by kind of index, size, cells and probes.

python -m tests.benchmarks.memory_sizes   (two to four minutes, 3 GB)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from bilp_agent.memory.index import Sizes, VectorIndex
from recsim_envs.text.encoder import HashingEncoder
from tests.benchmarks.test_memory import K, nearest_in_numpy, states

MEMORIES, QUERIES = 1_000_000, 200


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """A result and the CPU seconds it took: other processes do not count."""
    start = time.process_time()
    return work(*arguments), time.process_time() - start


def flat(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> None:
    for size in (10_000, 50_000, 100_000, 200_000, MEMORIES):
        index = faiss.IndexFlatL2(vectors.shape[1])
        index.add(vectors[:size])
        seconds = [timed(index.search, query[None], K)[1] for query in queries[:50]]
        print(f"every vector   {size:>9,} vectors                    {1e3 * np.median(seconds):6.2f} ms")


def cells(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> None:
    norms = np.einsum("ij,ij->i", vectors, vectors)
    truth = [nearest_in_numpy(vectors, norms, query) for query in queries]
    for lists in (1024, 2048, 4096):
        index = VectorIndex(vectors.shape[1], Sizes(lists=lists))
        _, spent = timed(index.add, vectors)
        print(f"{lists} cells made in {spent:.1f} s")
        for probes in (32, 64, 96, 128):
            index._cells.nprobe = probes  # decides about searching only
            answers = [timed(index.search, query, K) for query in queries]
            found = [[distance for distance, _ in hits] for hits, _ in answers]
            recall = np.mean([[d <= t[-1] for d in row] for row, t in zip(found, truth, strict=True)])
            first = np.mean([row[0] == t[0] for row, t in zip(found, truth, strict=True)])
            middle, late = np.quantile([1e3 * seconds for _, seconds in answers], (0.5, 0.95))
            print(
                f"{lists} cells, {probes:>3} looked into: {middle:5.2f} ms (95 %: {late:5.2f}), "
                f"ten nearest {recall:.3f}, nearest {first:.3f}"
            )


def graph(vectors: NDArray[np.float32]) -> None:
    index = faiss.IndexHNSWFlat(vectors.shape[1], 32)
    index.hnsw.efConstruction = 80
    _, spent = timed(index.add, vectors[:50_000])
    print(f"HNSW           50,000 vectors added in {spent:.1f} s")


if __name__ == "__main__":
    faiss.omp_set_num_threads(1)
    encoder = HashingEncoder()
    remembered, asked = encoder.encode(states(MEMORIES, 0)), encoder.encode(states(QUERIES, 5))
    flat(remembered, asked)
    cells(remembered, asked)
    graph(remembered)
