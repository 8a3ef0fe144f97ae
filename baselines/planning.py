"""Optimal sequences for a known user of the departure family.

Under departures without a ban on repeats, any W + 1 consecutive items of a session are pairwise at least
theta apart: a clique of the graph "far enough". So no session earns more than ceil(horizon / (W + 1)) times
the best clique of W + 1 items, and showing the best clique round and round, dearest item first, earns that
whenever the horizon is a multiple of W + 1. The search below is exact up to its pool and its node limit.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray


def far_apart(vectors: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Which pairs of items may stand in one window, bool (n, n), from their vectors (n, d).

    A pair closer to the threshold than rounding can tell counts as too near. An item is never far from itself,
    unless the rule is off (threshold 0).
    """
    if threshold <= 0:
        return np.ones((len(vectors), len(vectors)), np.bool_)
    exact = vectors.astype(np.float64)
    squares = (exact**2).sum(axis=1)
    far = squares[:, None] + squares[None, :] - 2.0 * exact @ exact.T >= _safe_square(vectors, threshold)
    np.fill_diagonal(far, False)
    return np.asarray(far)


class CliqueSearch:
    """The `size` pairwise far items of the highest total reward, by branch and bound.

    `rewards` (n,) are in descending order, `far` is the graph (n, n). Visits at most `node_limit` nodes and then
    settles for the best found.
    """

    def __init__(self, rewards: NDArray[np.float32], far: NDArray[np.bool_], node_limit: int) -> None:
        self._rewards = [float(r) for r in rewards]
        self._far = [int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little") for row in far]
        self._node_limit = node_limit

    def run(self, size: int) -> list[int]:
        """Indices of the clique, dearest first; empty if none was found."""
        self._best: list[int] = []
        self._best_total = -np.inf
        self._nodes = 0
        self._extend([], 0.0, (1 << len(self._rewards)) - 1, size)
        return self._best

    def _extend(self, chosen: list[int], total: float, candidates: int, missing: int) -> None:
        if missing == 0:
            if total > self._best_total:
                self._best, self._best_total = chosen, total
            return
        while candidates.bit_count() >= missing and self._nodes < self._node_limit:
            first = (candidates & -candidates).bit_length() - 1
            if total + self._optimist(candidates, missing) <= self._best_total:
                return
            self._nodes += 1
            candidates &= candidates - 1
            self._extend([*chosen, first], total + self._rewards[first], candidates & self._far[first], missing - 1)

    def _optimist(self, candidates: int, missing: int) -> float:
        """What the `missing` best candidates would add if they were all far apart."""
        total = 0.0
        for _ in range(missing):
            total += self._rewards[(candidates & -candidates).bit_length() - 1]
            candidates &= candidates - 1
        return total


def best_cycle(
    rewards: NDArray[np.float32], vectors: NDArray[np.float32], size: int, threshold: float, node_limit: int
) -> NDArray[np.int64]:
    """The best cycle of `size` items, dearest first, or the best shorter sequence where no such cycle exists.

    `rewards` (n,) descending, `vectors` (n, d) in the same order; the result indexes them, and is empty for n = 0.
    """
    search = CliqueSearch(rewards, far_apart(vectors, threshold), node_limit)
    for length in range(min(size, len(rewards)), 0, -1):
        if found := search.run(length):
            return np.array(found, np.int64)
    return np.zeros(0, np.int64)


def best_walk(
    rewards: NDArray[np.float32], vectors: NDArray[np.float32], window: int, threshold: float, horizon: int
) -> NDArray[np.int64]:
    """A sequence without repeats: at each step the dearest unused item that is far from the last `window`.

    Arguments as in `best_cycle`. Greedy, so not always the best; it ends early where nothing fits.
    """
    exact, limit = vectors.astype(np.float64), _safe_square(vectors, threshold)
    unused = np.ones(len(rewards), np.bool_)
    near: deque[NDArray[np.bool_]] = deque(maxlen=window)  # what each item of the window rules out
    walk: list[int] = []
    while len(walk) < horizon:
        fitting = unused & ~np.logical_or.reduce(near) if near else unused
        if not fitting.any():
            break
        item = int(fitting.argmax())
        walk.append(item)
        unused[item] = False
        near.append(((exact - exact[item]) ** 2).sum(axis=1) < limit)
    return np.array(walk, np.int64)


def _safe_square(vectors: NDArray[np.float32], threshold: float) -> float:
    """The squared threshold, raised by more than the kernel's float32 and our float64 can differ."""
    return threshold**2 + 1e-5 * (threshold**2 + float((vectors.astype(np.float64) ** 2).sum(axis=1).max(initial=0)))
