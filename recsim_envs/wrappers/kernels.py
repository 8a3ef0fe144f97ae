"""Compiled choices of items, lane by lane: the same answer whatever the other lanes are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs import rng


@njit(cache=True)
def nearest(queries, columns, by_distance, allowed, out):  # type: ignore[no-untyped-def]
    """Fill `out` int64 (B, k) with the k best allowed items of each query, best first, the smaller id first at a tie.

    queries: float32 (B, d). columns: float32 (B or 1, d, n), items as columns, so that a pass over one of them
    is a pass over memory. by_distance: smallest Euclidean distance wins instead of largest inner product.
    allowed: bool (B or 1, n). Slots for which no item is left get -1.
    """
    lanes, slots = out.shape
    dim, count = columns.shape[1], columns.shape[2]
    scores = np.empty(count, np.float32)
    for b in range(lanes):
        table = columns[b if columns.shape[0] > 1 else 0]
        free = allowed[b if allowed.shape[0] > 1 else 0]
        scores[:] = np.float32(0.0)
        for j in range(dim):
            q = queries[b, j]
            row = table[j]
            if by_distance:
                for i in range(count):
                    scores[i] -= (row[i] - q) * (row[i] - q)
            else:
                for i in range(count):
                    scores[i] += row[i] * q
        for k in range(slots):
            best = -1
            for i in range(count):
                if free[i] and (best < 0 or scores[i] > scores[best]):
                    taken = False
                    for earlier in range(k):
                        taken = taken or out[b, earlier] == i
                    if not taken:
                        best = i
            out[b, k] = best


@njit(cache=True)
def offer(recent, neighbours, keys, steps, draws, popular, popular_turns, allowed, out):  # type: ignore[no-untyped-def]
    """Fill `out` int32 (B, k) with different allowed items of three streams, one of each in turn.

    The streams: the `neighbours` int32 (n, m) of the items in `recent` int32 (B, r), which ends with -1 where fewer
    are known; `draws` items drawn uniformly from the allowed ones, a pure function of keys uint64 (B,) and steps
    int64 (B,); the first `popular_turns` of `popular` int64 (n,). What they leave open is filled up by popularity
    and, where fewer than k items are allowed, by repeating. allowed: bool (B or 1, n).
    """
    lanes, size = out.shape
    ids, left = np.empty(len(popular), np.int64), 0
    for b in range(lanes):
        free, row = allowed[b if allowed.shape[0] > 1 else 0], out[b]
        if b == 0 or allowed.shape[0] > 1:
            left = 0
            for i in range(len(popular)):
                if free[i]:
                    ids[left] = i
                    left += 1
        known = 0
        while known < recent.shape[1] and recent[b, known] >= 0:
            known += 1
        filled, wanted, near = 0, min(size, left), known * neighbours.shape[1]
        for turn in range(max(near, draws, popular_turns)):
            if filled == wanted:
                break
            if turn < near:
                filled = _add(neighbours[recent[b, turn % known], turn // known], free, row, filled)
            if filled < wanted and turn < draws:
                filled = _add(ids[rng.below(left, keys[b], steps[b], rng.CANDIDATES, turn)], free, row, filled)
            if filled < wanted and turn < popular_turns:
                filled = _add(popular[turn], free, row, filled)
        for item in popular:
            if filled == wanted:
                break
            filled = _add(item, free, row, filled)
        for i in range(filled, size):
            row[i] = row[i - filled] if filled else popular[0]


@njit(cache=True)
def _add(item, free, row, filled):  # type: ignore[no-untyped-def]
    """Append an item to a row unless it is forbidden or there already; the new number of items."""
    if not free[item]:
        return filled
    for i in range(filled):
        if row[i] == item:
            return filled
    row[filled] = item
    return filled + 1


@njit(cache=True)
def latest(shown, out):  # type: ignore[no-untyped-def]
    """Fill `out` int32 (B, r) with the last different items of each row of `shown` (B, l), the last first, then -1."""
    for b in range(len(out)):
        filled = 0
        for j in range(shown.shape[1] - 1, -1, -1):
            item, known = shown[b, j], shown[b, j] < 0
            for i in range(filled):
                known = known or out[b, i] == item
            if not known and filled < out.shape[1]:
                out[b, filled] = item
                filled += 1
        out[b, filled:] = -1


def as_columns(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Item vectors (n, d) or (B, n, d) as `nearest` wants them."""
    stacked = vectors if vectors.ndim == 3 else vectors[None]
    return np.ascontiguousarray(stacked.transpose(0, 2, 1), np.float32)
