"""Rows of a log by user and time, the latest of each pair only: compiled, and in place where it can be."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)  # type: ignore[untyped-decorator]
def place_rows(
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    values: NDArray[np.float32],
    times: NDArray[np.float64],
    free: NDArray[np.int64],
    to_items: NDArray[np.int32],
    to_values: NDArray[np.float32],
    to_times: NDArray[np.float64],
) -> None:
    """Copy rows to the next free row of their user: one pass of a counting sort. `free` (users,) moves on."""
    for k in range(len(users)):
        row = free[users[k]]
        free[users[k]] += 1
        to_items[row] = items[k]
        to_values[row] = values[k]
        to_times[row] = times[k]


@njit(cache=True)  # type: ignore[untyped-decorator]
def keep_latest(
    starts: NDArray[np.int64],
    num_items: int,
    items: NDArray[np.int32],
    values: NDArray[np.float32],
    times: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Sort each user's rows by time (NaN first, equal times as they stand) and keep the last of each item.

    User u has rows starts[u] to starts[u + 1]. What is kept is moved to the front of the arrays, user by user.
    Returns how many rows each user keeps, int64 (users,).
    """
    kept = np.zeros(len(starts) - 1, np.int64)
    seen = np.full(num_items, -1, np.int32)  # the user whose later row of this item was met last
    end = 0
    for user in range(len(kept)):
        first, last = starts[user], starts[user + 1]
        _sort_by_time(items[first:last], values[first:last], times[first:last])
        write = last
        for row in range(last - 1, first - 1, -1):  # the rows that are kept gather at the end of the user's
            if seen[items[row]] != user:
                seen[items[row]] = user
                write -= 1
                items[write], values[write], times[write] = items[row], values[row], times[row]
        for row in range(write, last):
            items[end], values[end], times[end] = items[row], values[row], times[row]
            end += 1
        kept[user] = last - write
    return kept


@njit(cache=True)  # type: ignore[untyped-decorator]
def _sort_by_time(items: NDArray[np.int32], values: NDArray[np.float32], times: NDArray[np.float64]) -> None:
    keys = np.where(np.isnan(times), -np.inf, times)
    if np.all(keys[1:] >= keys[:-1]):
        return
    order = np.argsort(keys, kind="mergesort")
    items[:], values[:], times[:] = items[order], values[order], times[order]
