"""Optimal sequences for a known user of the departure family.

A session in which nobody leaves is a sequence whose every W + 1 consecutive items form a *block* that the rule
allows: by distance, items pairwise at least theta apart; by category, items of which no category occurs more than
`category_limit` + 1 times. So no session earns more than ceil(horizon / (W + 1)) times the best block, and showing
the best block round and round, dearest item first, earns that whenever the horizon is a multiple of W + 1. Both
searches below are branch and bound, exact up to their pool and their node limit.
"""

from __future__ import annotations

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


class PackingSearch:
    """The `size` items, repeats allowed, of the highest total reward with no category over its capacity.

    `rewards` (n,) are in descending order and `member` (n, c) counts the categories of each item. Lagrangian prices
    of the categories, found by subgradient steps, make the bound tight: the total of a packing is at most what its
    items are worth beyond their prices, plus the price of all room left. Visits at most `node_limit` nodes.
    """

    def __init__(self, rewards: NDArray[np.float32], member: NDArray[np.int64], capacity: int, node_limit: int) -> None:
        self._rewards, self._member = rewards.astype(np.float64), member
        self._capacity, self._node_limit = capacity, node_limit

    def run(self, size: int) -> list[int]:
        """Indices of the packing, dearest first; empty if none was found."""
        self._best: list[int] = []
        self._best_total, self._nodes = -np.inf, 0
        room = np.full(self._member.shape[1], self._capacity)
        self._prices = self._find_prices(size)
        worth = self._rewards - self._member @ self._prices
        self._order = np.argsort(-worth, kind="stable")
        self._worth = worth[self._order]
        self._extend([], 0.0, room, 0, size)
        return sorted(self._best)

    def _find_prices(self, size: int, rounds: int = 60) -> NDArray[np.float64]:
        """Prices under which the dearest items, each as often as it fits alone, nearly keep to the capacities."""
        prices = np.zeros(self._member.shape[1])
        for k in range(rounds):
            worth = self._rewards - self._member @ prices
            chosen = np.repeat(np.argsort(-worth, kind="stable")[:size], self._capacity)[:size]
            excess = self._member[chosen].sum(axis=0) - self._capacity
            prices = np.maximum(prices + excess * self._rewards[0] * 0.3 / (k + 3), 0.0)
        return prices

    def _extend(self, chosen: list[int], total: float, room: NDArray[np.int64], first: int, missing: int) -> None:
        if missing == 0:
            if total > self._best_total:
                self._best, self._best_total = chosen, total
            return
        left = float(self._prices @ room)
        for place in range(first, len(self._order)):
            if total + missing * self._worth[place] + left <= self._best_total or self._nodes >= self._node_limit:
                return
            item = int(self._order[place])
            if np.all(self._member[item] <= room):
                self._nodes += 1
                after = room - self._member[item]
                self._extend([*chosen, item], total + self._rewards[item], after, place, missing - 1)


def best_packing(
    rewards: NDArray[np.float32], member: NDArray[np.int64], size: int, capacity: int, node_limit: int
) -> NDArray[np.int64]:
    """The best block of `size` items by the category rule, or the best shorter one where there is none.

    `rewards` (n,) descending, `member` (n, c); the result indexes them, and is empty for n = 0. Only the dearest
    item of each set of categories is looked at, for it may stand in a block as often as the set fits.
    """
    if not len(rewards):
        return np.zeros(0, np.int64)
    _, dearest = np.unique(member, axis=0, return_index=True)
    dearest.sort()
    search = PackingSearch(rewards[dearest], member[dearest], capacity, node_limit)
    for length in range(size, 0, -1):
        if found := search.run(length):
            return dearest[found]
    return np.zeros(0, np.int64)


def _safe_square(vectors: NDArray[np.float32], threshold: float) -> float:
    """The squared threshold, raised by more than the kernel's float32 and our float64 can differ."""
    return threshold**2 + 1e-5 * (threshold**2 + float((vectors.astype(np.float64) ** 2).sum(axis=1).max(initial=0)))
