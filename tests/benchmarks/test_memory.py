"""A million memories: retrieval beside a plain numpy comparison with every vector, adding, and room.

Without --benchmark-enable there are twenty thousand: then only what is found is under test.
"""

from __future__ import annotations

import resource

import numpy as np
import pytest
from numpy.typing import NDArray

from bilp_agent.memory import CriticExample, Memory
from recsim_envs.text.encoder import HashingEncoder

pytest.importorskip("faiss")

QUERIES, K = 100, 10
CATEGORIES, LIKED = 300, 8  # a state is what a user of so many categories thinks of some of them


def states(count: int, seed: int) -> list[str]:
    """Users' profiles, as the Planner's memory is keyed by them; nearly all are different."""
    g = np.random.default_rng(seed)
    categories, means = g.integers(0, CATEGORIES, (count, LIKED)), g.integers(1, 6, (count, LIKED))
    rows = zip(categories.tolist(), means.tolist(), strict=True)
    return ["; ".join(f"category {c} {m}" for c, m in zip(*row, strict=True)) for row in rows]


def nearest_in_numpy(
    vectors: NDArray[np.float32], norms: NDArray[np.float32], query: NDArray[np.float32]
) -> list[float]:
    """The K smallest squared distances, by |x|^2 - 2 x.q + |q|^2 with the norms at hand; exact for these vectors."""
    distances = norms - 2.0 * (vectors @ query) + query @ query
    return sorted(np.partition(distances, K)[:K].tolist())


@pytest.fixture(scope="module")
def remembered(request: pytest.FixtureRequest) -> list[CriticExample]:
    count = 1_000_000 if request.config.getoption("benchmark_enable") else 20_000
    return [CriticExample(state, 0.0) for state in states(count, 0)]


@pytest.fixture(scope="module")
def memory(remembered: list[CriticExample]) -> Memory[CriticExample]:
    return filled_with(remembered)


@pytest.fixture(scope="module")
def vectors(memory: Memory[CriticExample]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    embedded = HashingEncoder().encode(memory.states)
    return embedded, np.einsum("ij,ij->i", embedded, embedded)


def filled_with(records: list[CriticExample]) -> Memory[CriticExample]:
    """A memory whose index is made: it has answered once."""
    memory = Memory(CriticExample, HashingEncoder(), records)
    memory.nearest("none", 1)
    return memory


def resident_mib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_memory_add(benchmark, remembered) -> None:
    """Embedding, indexing and keeping; the records themselves are there already."""
    before = resident_mib()
    filled = benchmark.pedantic(filled_with, (remembered,), rounds=1)
    benchmark.extra_info |= {"steps": len(remembered), "MiB": round(resident_mib() - before)}
    assert len(filled) == len(remembered)


def test_memory_nearest(benchmark, memory, vectors) -> None:
    """Queries that nobody asked before: none is answered from what was kept."""
    rounds = iter(range(1, 100))
    benchmark.pedantic(
        memory.nearest_batch, setup=lambda: ((states(QUERIES, next(rounds)), K), {}), rounds=5, warmup_rounds=1
    )
    queries = states(QUERIES, 0xFFFF)
    found = [[match.distance for match in matches] for matches in memory.nearest_batch(queries, K)]
    truth = [nearest_in_numpy(*vectors, query) for query in HashingEncoder().encode(queries)]
    recall = np.mean([[d <= t[-1] for d in row] for row, t in zip(found, truth, strict=True)])
    first = np.mean([row[0] == t[0] for row, t in zip(found, truth, strict=True)])
    benchmark.extra_info |= {"steps": QUERIES, "recall": round(float(recall), 3), "nearest": round(float(first), 3)}
    assert recall == 1.0 if len(memory) < 100_000 else recall > 0.98


def test_memory_numpy(benchmark, vectors) -> None:
    queries = HashingEncoder().encode(states(10, 1))
    benchmark.pedantic(lambda: [nearest_in_numpy(*vectors, query) for query in queries], rounds=3, warmup_rounds=1)
    benchmark.extra_info["steps"] = len(queries)
