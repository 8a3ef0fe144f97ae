"""Nearest neighbours among vectors that only ever get more: exact while they are few, by lists when they are many.

Up to `exact` vectors faiss compares with every one. Beyond, they are sorted into `lists` cells around centroids learnt
from the first `exact` of them, and a query looks into the `probes` nearest cells. Vectors join the cells in blocks of
`block`, cut by their number; those after the last full block are compared one by one. So the index is a function
of the vectors and their order, not of how many were added at a time: one that grew equals one that was made at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import AgentError


@dataclass(frozen=True)
class Sizes:
    """When and how finely an index is divided; docs/memories.md tells how these were chosen."""

    exact: int = 100_000
    lists: int = 1024
    probes: int = 64
    block: int = 8192
    rounds: int = 5  # of k-means


class VectorIndex:
    """Squared Euclidean distances to float32 vectors of one width; rows are numbered in the order of adding."""

    def __init__(self, dim: int, sizes: Sizes | None = None) -> None:
        self._faiss, self._sizes, self._dim = _faiss(), sizes or Sizes(), dim
        self._loose = self._faiss.IndexFlatL2(dim)
        self._cells: Any = None

    def __len__(self) -> int:
        return int(self._sorted + self._loose.ntotal)

    @property
    def exact(self) -> bool:
        """Whether a query is compared with every vector."""
        return self._cells is None

    @property
    def _sorted(self) -> int:
        return 0 if self._cells is None else int(self._cells.ntotal)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append float32 (n, dim)."""
        self._loose.add(np.ascontiguousarray(vectors, np.float32))
        if self._cells is None and self._loose.ntotal > self._sizes.exact:
            self._cells = self._learn_cells(self._loose.reconstruct_n(0, self._sizes.exact))
        if self._cells is not None and self._loose.ntotal >= self._sizes.block:
            self._sort_blocks()

    def _learn_cells(self, vectors: NDArray[np.float32]) -> Any:
        cells = self._faiss.IndexIVFFlat(self._faiss.IndexFlatL2(self._dim), self._dim, self._sizes.lists)
        cells.cp.niter, cells.cp.seed, cells.nprobe = self._sizes.rounds, 0, self._sizes.probes
        cells.train(vectors)
        return cells

    def _sort_blocks(self) -> None:
        """Move all full blocks, one at a time, for a block's size decides how its distances are rounded."""
        block = self._sizes.block
        full = self._loose.ntotal // block * block
        for start in range(0, full, block):
            self._cells.add(self._loose.reconstruct_n(start, block))
        rest = self._loose.reconstruct_n(full, self._loose.ntotal - full)
        self._loose.reset()
        self._loose.add(rest)

    def search(self, vector: NDArray[np.float32], k: int) -> list[tuple[float, int]]:
        """(squared distance, row) of the k nearest (fewer if there are fewer), nearest first, older first if as near.

        One query at a time, so that an answer never depends on what else is asked. vector: float32 (dim,).
        """
        query = np.ascontiguousarray(vector[None], np.float32)
        found = _hits(self._loose, query, k, self._sorted)
        if self._cells is not None:
            found += _hits(self._cells, query, k, 0)
        return sorted(found)[:k]


def _hits(index: Any, query: NDArray[np.float32], k: int, first: int) -> list[tuple[float, int]]:
    k = min(k, index.ntotal)
    if k <= 0:
        return []
    distances, rows = index.search(query, k)
    pairs = zip(distances[0].tolist(), rows[0].tolist(), strict=True)
    return [(distance, first + row) for distance, row in pairs if row >= 0]  # -1: the cells held fewer


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise AgentError("faiss is not installed, which the memories need; run: pip install 'longrec[llm]'") from error
    return faiss
