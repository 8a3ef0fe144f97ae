"""Before anything is fitted: who stays in, what did not happen, what is held out, who is tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsim_envs.errors import LogError
from recsim_envs.rng import WORLD, below_array, bits_array
from recsim_envs.worlds.building.options import BuildOptions
from recsim_envs.worlds.logs.log import Interactions, Log
from recsim_envs.worlds.logs.visits import Visits, visits
from recsim_envs.worlds.models.base import ModelSizes
from recsim_envs.worlds.storage import StringColumn

_SPLIT: Final = WORLD + 64  # which rows are held out
_USERS: Final = WORLD + 65  # which users are test users
_ABSENT: Final = WORLD + 71  # which items stand for what did not happen
FEWEST: Final = 10  # users, and items, below which a log makes no world
TENTHS: Final = 10
_PLACE: Final = WORLD + 73  # and where these stand among the rows of their user
_TRIES: Final = 8


@dataclass(frozen=True, eq=False)
class Prepared:
    """A log that is ready to be fitted.

    log: what happened, without users of too few rows and items that nobody met. rows: what is learned from: the
    log's interactions and, where they only say that something happened, as many sampled pairs that did not, with
    value 0. train, valid, held_out: indices into `rows`, int64. train_users, test_users: int32, disjoint, sorted.
    visits: of the log, None where it has no times.
    """

    log: Log
    rows: Interactions
    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    held_out: NDArray[np.int64]
    train_users: NDArray[np.int32]
    test_users: NDArray[np.int32]
    by_time: bool
    visits: Visits | None

    @cached_property
    def categories(self) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int32]]:
        """See `category_arrays`."""
        return category_arrays(self.log.items)

    @cached_property
    def titles(self) -> StringColumn:
        """Titles of the items."""
        return StringColumn.of(self.log.items["title"].to_list())

    @property
    def sizes(self) -> ModelSizes:
        """What user models are told of users, items and categories."""
        _, indptr, ids = self.categories
        return ModelSizes(self.num_users, self.num_items, indptr, ids, int(ids.max()) + 1)

    @property
    def num_users(self) -> int:
        """Number of users."""
        return len(self.log.users)

    @property
    def num_items(self) -> int:
        """Number of items."""
        return len(self.log.items)


def prepare(log: Log, how: BuildOptions) -> Prepared:
    """Filter, sample what is missing, split. Raises `LogError` where too little is left or nothing can be learned."""
    log = _kept(log, how.min_ratings)
    rows = with_absent(log.interactions, len(log.items), how.seed) if log.implicit else log.interactions
    if rows.values.min() == rows.values.max():
        raise LogError(
            f"{log.problems[-1].file}: all ratings of users with at least {how.min_ratings} are equal, so nothing can "
            "be learned. Lower min_ratings or pass graded ratings"
        )
    timed = rows.timed() is not None
    if how.holdout == "time" and not timed:
        raise LogError(
            f"{log.problems[-1].file}: holdout 'time' needs times, different ones and in nine rows of ten; pass the "
            "timestamp column or holdout 'random'"
        )
    by_time = timed and how.holdout != "random"
    tenth = _last_first(rows, len(log.users)) if by_time else _at_random(len(rows), how.seed)
    train, valid, held_out = (np.flatnonzero(part) for part in (tenth > 1, tenth == 1, tenth == 0))
    seen = visits(log.interactions, how.pause)
    return Prepared(log, rows, train, valid, held_out, *_user_split(log, how), by_time=by_time, visits=seen)


def _kept(log: Log, fewest: int) -> Log:
    """The log of users with enough rows, users and items numbered anew."""
    found = log.interactions
    counts = np.bincount(found.users, minlength=len(log.users))
    users = np.flatnonzero(counts >= fewest)
    stays = np.isin(np.arange(len(log.users)), users)
    rows = found if len(users) == len(log.users) else found[stays[found.users]]
    items = np.unique(rows.items)
    if len(users) < FEWEST or len(items) < FEWEST:
        raise LogError(
            f"{log.problems[-1].file}: {len(users)} users with at least {fewest} ratings and {len(items)} rated items "
            f"are left; {FEWEST} of each are needed. Lower min_ratings or pass more data"
        )
    number = _numbers(users, len(log.users)), _numbers(items, len(log.items))
    return replace(
        log,
        interactions=_renumbered(rows, *number),
        users=log.users.gather(users),
        items=log.items[items] if len(items) < len(log.items) else log.items,
        random=None if log.random is None else _renumbered(log.random, *number),
    )


def _numbers(kept: NDArray[Any], count: int) -> NDArray[np.int32]:
    numbers = np.full(count, -1, np.int32)
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    return numbers


def _renumbered(rows: Interactions, user: NDArray[np.int32], item: NDArray[np.int32]) -> Interactions:
    moved = replace(rows, users=user[rows.users], items=item[rows.items])
    known = (moved.users >= 0) & (moved.items >= 0)
    return moved if known.all() else moved[known]


def with_absent(found: Interactions, num_items: int, seed: int) -> Interactions:
    """These rows, and as many of value 0 for items that their users never met, each at the time of a row beside it.

    Items are drawn uniformly, none twice for a user; a row for which eight draws find none that is new gets none. What
    was never met is not what is disliked: such zeros teach which items people choose. They are shuffled
    among the rows of their user: if each followed what happened, a sequential model would know by the value before a
    row which of the two it is.
    """
    rows, items = _absent_items(found, num_items, seed)
    users = np.concatenate([found.users, found.users[rows]])
    drawn = bits_array(seed, np.arange(len(users)), _PLACE) >> np.uint64(32)
    absent = np.argsort(users.astype(np.uint64) << np.uint64(32) | drawn, kind="stable") >= len(found)
    users = np.sort(users, kind="stable")
    beside = np.maximum(np.cumsum(~absent) - 1, 0)  # the row before, or the user's first
    beside += found.users[beside] != users
    both = replace(found[beside], users=users)
    both.items[absent], both.values[absent] = items, 0
    return both


def _absent_items(found: Interactions, num_items: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Rows whose users get an item that they never met, rising, and these items."""
    taken = np.sort(found.users.astype(np.int64) * num_items + found.items)
    items, open_rows = np.full(len(found), -1, np.int32), np.arange(len(found))
    for attempt in range(_TRIES):
        drawn = below_array(num_items, seed, open_rows, _ABSENT, attempt)
        keys, firsts = np.unique(found.users[open_rows].astype(np.int64) * num_items + drawn, return_index=True)
        fresh = taken[np.minimum(np.searchsorted(taken, keys), len(taken) - 1)] != keys
        taken = np.sort(np.concatenate([taken, keys[fresh]]), kind="stable")  # merges what is sorted
        items[open_rows[firsts[fresh]]] = drawn[firsts[fresh]]
        open_rows = open_rows[items[open_rows] < 0]
    rows = np.flatnonzero(items >= 0)
    return rows, items[rows]


def _last_first(rows: Interactions, num_users: int) -> NDArray[np.int64]:
    """For each row which tenth of its user's it lies in, from the latest (0); of short logs at least the last row."""
    ends = rows.indptr(num_users)
    counts = np.diff(ends)[rows.users]
    place = ends[1:][rows.users] - 1 - np.arange(len(rows))  # 0 for the latest
    return place // np.maximum(1, np.rint(counts / TENTHS).astype(np.int64))


def _at_random(count: int, seed: int) -> NDArray[np.int64]:
    return np.argsort(bits_array(seed, np.arange(count), _SPLIT), kind="stable") % TENTHS


def _user_split(log: Log, how: BuildOptions) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Train and test users: drawn, or those test users whose first row is the latest."""
    count = len(log.users)
    if how.test_users == "latest":
        first = log.interactions.times[log.interactions.indptr(count)[:-1]]
        if not np.isfinite(first).all():
            raise LogError(
                f"{log.problems[-1].file}: test_users 'latest' needs times; pass the timestamp column or 'random'"
            )
        order = np.argsort(-first, kind="stable")
    else:
        order = np.argsort(bits_array(how.seed, np.arange(count), _USERS), kind="stable")
    tests = min(max(1, round(how.test_share * count)), count - 1)
    return np.sort(order[tests:]).astype(np.int32), np.sort(order[:tests]).astype(np.int32)


def category_arrays(items: pl.DataFrame) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int32]]:
    """Names of the categories, sorted, and those of each item as `Catalogue` holds them (indptr, ids)."""
    lists = items["categories"]
    flat = lists.explode()
    names = flat.unique().sort()
    ids = flat.replace_strict(names, pl.Series(range(len(names)), dtype=pl.Int32), return_dtype=pl.Int32)
    indptr = np.concatenate([[0], np.cumsum(lists.list.len().to_numpy().astype(np.int64))])
    return tuple(names.to_list()), indptr, ids.to_numpy().astype(np.int32)
