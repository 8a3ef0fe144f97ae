"""A `Log` from batches of rows: names become numbers as they come, 20 bytes a row are kept, and sorted once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.latest import keep_latest, place_rows
from recsim_envs.worlds.logs.log import NO_CATEGORY, Interactions, Log, Problems

SHELF: Final = {"item": pl.String, "title": pl.String, "categories": pl.List(pl.String), "text": pl.String}


class LogBuilder:
    """Makes a `Log` of batches of good rows, in the memory of numbers, never of their text.

    items: the shelf, with the columns of `Log.items`; each item once. None: the shelf is made of the items that
    occur, in the order of users' numbers (see `build`), titled by their ids, without categories or text.
    """

    def __init__(self, items: pl.DataFrame | None) -> None:
        self._shelf = items
        self._users = _Names()
        self._items = _Names(None if items is None else items["item"])
        self._rows: list[Interactions] = []

    def add(self, batch: pl.DataFrame) -> None:
        """Take rows: user and item (String), value (Float64), time (Float64 seconds, null or NaN where unknown).

        Raises `LogError` for an item that is not on the shelf, and for a row without user or item.
        """
        self._rows.append(self._numbered(batch))

    def build(
        self,
        problems: Sequence[Problems] = (),
        random: Iterable[pl.DataFrame] | None = None,
        implicit: bool = False,
    ) -> Log:
        """The log of everything that was added, which leaves the builder empty.

        Of several rows of a user and an item the latest counts; where their times are equal or unknown, the one that
        was added last. Users are numbered by their names: first those that are whole numbers, by number, then the
        others by code point. `random`: batches as for `add`, of what was shown at random; users who occur only
        there are numbered with the others and have no row in `interactions`. Raises `LogError` without any row.
        """
        shown = None if random is None else [self._numbered(batch) for batch in random]
        rows, self._rows = self._rows, []
        if not sum(map(len, rows)):
            raise LogError("the log has no row; pass at least one good one")
        users, user_numbers = self._users.in_order()
        items, item_numbers = self._items.in_order()
        sizes = _Sizes(user_numbers, len(users), item_numbers, len(items))
        interactions, replaced = _latest(rows, sizes)
        return Log(
            interactions,
            users.rename("user"),
            _plain_shelf(items) if self._shelf is None else self._shelf,
            tuple(problems),
            replaced,
            None if shown is None else _latest(shown, sizes)[0],
            implicit,
        )

    def _numbered(self, batch: pl.DataFrame) -> Interactions:
        return Interactions(
            self._users.numbers(batch["user"]),
            self._items.numbers(batch["item"]),
            batch["value"].cast(pl.Float32).to_numpy(),
            batch["time"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        )


class _Names:
    """Numbers for names: those of a fixed list (`known`), or given out as new names come."""

    def __init__(self, known: pl.Series | None = None) -> None:
        self._known = known
        self._met = pl.Categories.random()
        self._type = pl.Categorical(self._met) if known is None else pl.Enum(known)
        self._alive = pl.Series(dtype=self._type)  # polars forgets categories that no series uses

    def numbers(self, names: pl.Series) -> NDArray[np.int32]:
        found = names.cast(pl.String).cast(self._type, strict=False)
        if found.null_count():
            odd = names.filter(found.is_null())[0]
            raise LogError(
                f"a row has no {names.name}" if odd is None else f"{names.name} {odd!r} is not on the shelf of the log"
            )
        return found.to_physical().cast(pl.Int32).to_numpy()

    def in_order(self) -> tuple[pl.Series, NDArray[np.int32]]:
        """The names, and for each number that was given out the place of its name among them."""
        if self._known is not None:
            return self._known, np.arange(len(self._known), dtype=np.int32)
        met = self._met.to_series().alias("name").to_frame().with_row_index("number").drop_nulls()
        whole, digits = pl.col("name").str.contains("^[0-9]+$"), pl.col("name").str.strip_chars_start("0")
        met = met.sort(~whole, pl.when(whole).then(digits.str.len_bytes()), pl.when(whole).then(digits), "name")
        numbers = met["number"].to_numpy()
        places = np.zeros(numbers.max(initial=0) + 1, np.int32)
        places[numbers] = np.arange(len(met), dtype=np.int32)
        return met["name"], places


@dataclass(frozen=True, eq=False)
class _Sizes:
    users: NDArray[np.int32]
    num_users: int
    items: NDArray[np.int32]
    num_items: int


def _latest(rows: list[Interactions], sizes: _Sizes) -> tuple[Interactions, int]:
    """The rows by user and time, one a pair, and how many gave way. Empties `rows`, to free what was copied."""
    counts = np.zeros(sizes.num_users, np.int64)
    for batch in rows:
        counts += np.bincount(sizes.users[batch.users], minlength=sizes.num_users)
    starts = np.concatenate([[0], np.cumsum(counts)])
    total = int(starts[-1])
    items, values, times = np.empty(total, np.int32), np.empty(total, np.float32), np.empty(total, np.float64)
    free = starts[:-1].copy()
    rows.reverse()
    while rows:
        batch = rows.pop()
        users = sizes.users[batch.users]
        place_rows(users, sizes.items[batch.items], batch.values, batch.times, free, items, values, times)
    kept = keep_latest(starts, sizes.num_items, items, values, times)
    users, left = np.repeat(np.arange(len(kept), dtype=np.int32), kept), int(kept.sum())
    return Interactions(users, items[:left], values[:left], times[:left]), total - left


def _plain_shelf(items: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"item": items, "title": items}).with_columns(
        categories=pl.lit([NO_CATEGORY], pl.List(pl.String)), text=pl.lit(None, pl.String)
    )
