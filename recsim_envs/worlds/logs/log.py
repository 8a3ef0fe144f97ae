"""`Log`: what people did with items, as numbers, whatever files it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

NO_CATEGORY: Final = "(none)"
TIMED: Final = 0.9
"""Share of rows with a time above which a log is in order: rows without one stand before those of their user."""


@dataclass(frozen=True)
class Problems:
    """What was wrong in one file: how many of its lines, and the first few of them in words."""

    file: str
    lines: int
    bad: int
    examples: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Interactions:
    """What users did with items, as arrays (n,).

    users, items: int32, from 0. values: float32, a rating or the strength of a signal. times: float64, seconds, NaN
    where the log has none. Those of a log are sorted by user, each user's from the oldest to the latest.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    times: NDArray[np.float64]

    def __getitem__(self, index: NDArray[Any] | slice) -> Interactions:
        return Interactions(self.users[index], self.items[index], self.values[index], self.times[index])

    def __len__(self) -> int:
        return len(self.values)

    def timed(self) -> Interactions | None:
        """The rows whose time is known; None where these are fewer than nine in ten, or their times are all equal."""
        known = np.isfinite(self.times)
        if not known.any() or known.mean() < TIMED:
            return None
        rows = self if known.all() else self[known]
        return rows if rows.times.min() < rows.times.max() else None

    def indptr(self, num_users: int) -> NDArray[np.int64]:
        """Where each user's rows begin, int64 (num_users + 1); for rows that are sorted by user."""
        counts = np.bincount(self.users, minlength=num_users)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Log:
    """A clean log.

    interactions: one row a pair of user and item, sorted by user, then time, then the file's order.
    random: the same for items that were shown at random and not chosen; None where the data have no such split.
    users: names of the users (String), number u is `users[u]`. items: item (String), title (String), categories
        (List[String], never empty), text (String, null where there is none); number i is row i.
    implicit: whether values only say that something happened (all 1), so that what did not happen must be sampled.
    problems: those of each file that was read. replaced: how many rows gave way to a later one of the same pair.
    """

    interactions: Interactions
    users: pl.Series
    items: pl.DataFrame
    problems: tuple[Problems, ...]
    replaced: int
    random: Interactions | None = None
    implicit: bool = False
