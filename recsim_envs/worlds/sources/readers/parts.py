"""What all readers do: make the shelf of a table of items, and good rows of a table of what users did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.builder import SHELF
from recsim_envs.worlds.logs.log import NO_CATEGORY, Problems
from recsim_envs.worlds.logs.sieve import Fault, Sieve, missing
from recsim_envs.worlds.logs.tables import Table, open_table
from recsim_envs.worlds.sources.readers.lines import UNREAD
from recsim_envs.worlds.sources.source import Progress

MALFORMED: Final = 0.01
"""The share of bad rows above which a file is not the publisher's."""
UNLISTED: Final = 0.2
"""The same where some items were withdrawn before the publisher collected the list of items."""
TEXT_CHARACTERS: Final = 400
"""What is kept of a description: millions of them must fit in memory."""
RATING: Final = pl.col("rating").cast(pl.Float64, strict=False)
TITLE: Final = pl.col("title")
NOT_FILED: Final = pl.lit(None, pl.List(pl.String))
NO_TEXT: Final = pl.lit(None, pl.String)
SECONDS: Final = pl.col("timestamp").cast(pl.Float64, strict=False)


def csv_table(path: Path, columns: Sequence[str]) -> Table:
    """A CSV file whose first line names these columns, perhaps among others. Raises `LogError` without one of them."""
    table = open_table(path)
    demand_columns(table, columns)
    return table


def demand_columns(table: Table, columns: Sequence[str]) -> None:
    """Raise `LogError` unless a table has these columns."""
    lacking = [column for column in columns if column not in table.names]
    if lacking:
        raise LogError(
            f"{table.label}: no column {', '.join(map(repr, lacking))}; it has {', '.join(map(repr, table.names))}. "
            "Is it the publisher's file? Fetch it anew"
        )


def unread(table: Table) -> list[Fault]:
    """The fault of lines that are no record, for tables of lines."""
    return [Fault(pl.col(UNREAD).is_not_null(), UNREAD, "is no record")] if UNREAD in table.names else []


@dataclass(frozen=True, eq=False)
class Items:
    """A table of items.

    columns: `item` and whatever else is needed, to the table's names. title, categories (List[String]), text:
    computed of these; an item whose title is null is titled by its id.
    """

    table: Table
    columns: Mapping[str, str]
    title: pl.Expr = TITLE
    categories: pl.Expr = NOT_FILED
    text: pl.Expr = NO_TEXT

    def shelf(self, problems: list[Problems], progress: Progress) -> pl.DataFrame:
        """A `Log`'s items, in the table's order; what was wrong joins `problems`.

        A row is bad without item, and where its item was listed before. Raises `LogError` for too many of them.
        """
        again = Fault(~pl.col("item").is_first_distinct(), "item", "was listed before")
        columns = _with_unread(self.table, self.columns)
        sieve = Sieve(self.table, columns, [*unread(self.table), *missing("item"), again], MALFORMED)
        texts = [self._made(batch) for batch in sieve.texts(progress, _stage(self.table))]
        shelf = sieve.sift(pl.concat(texts)).select(*SHELF)
        problems.append(sieve.problems())
        return shelf

    def _made(self, batch: pl.DataFrame) -> pl.DataFrame:
        name, kept = pl.element().str.strip_chars(), self.text.str.slice(0, TEXT_CHARACTERS)
        found = self.categories.list.eval(name.filter(name != "")).list.unique(maintain_order=True)
        return batch.select(
            "item",
            *(UNREAD,) * (UNREAD in batch.columns),
            pl.coalesce(self.title, "item").alias("title"),
            pl.when(found.list.len() > 0)
            .then(found)
            .otherwise(pl.lit([NO_CATEGORY], pl.List(pl.String)))
            .alias("categories"),
            # A slice alone would keep the whole text alive.
            pl.when(kept != "").then(pl.concat_str(kept, pl.lit(""))).alias("text"),
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """A table of what users did.

    columns: user, item, rating, and where there are times timestamp, to the table's names. value, time: computed of
    these; a value beyond `lowest` to `highest` is wrong, a time that is missing or unreadable is unknown.
    """

    table: Table
    columns: Mapping[str, str]
    lowest: float
    highest: float
    value: pl.Expr = RATING
    time: pl.Expr = SECONDS
    max_bad_share: float = MALFORMED

    def good(self, shelf: pl.DataFrame | None, problems: list[Problems], progress: Progress) -> Iterator[pl.DataFrame]:
        """Batches for `LogBuilder.add`; what was wrong joins `problems` at the end.

        A row is bad without user, item or value, with a value out of range, and with an item that is not on the
        shelf (None: any item is fine). Raises `LogError` for too many of them.
        """
        out = f"is not within {self.lowest:g} and {self.highest:g}"
        faults = [
            *unread(self.table),
            *missing("user", "item", "rating"),
            Fault(~pl.col("value").is_finite().fill_null(False), "rating", "is no number that is understood"),
            Fault(~pl.col("value").is_between(self.lowest, self.highest), "rating", out),
        ]
        if shelf is not None:
            unlisted = pl.col("item").cast(pl.Enum(shelf["item"]), strict=False).is_null()
            faults.append(Fault(unlisted, "item", "is not among the items"))
        columns = _with_unread(self.table, self.columns)
        typed = {"value": self.value, "time": self.time}
        sieve = Sieve(self.table, columns, faults, self.max_bad_share, optional=("timestamp",), typed=typed)
        for batch in sieve.good(progress, _stage(self.table)):
            yield batch.select("user", "item", "value", "time")
        problems.append(sieve.problems())


def _stage(table: Table) -> str:
    return f"read {Path(table.label).name}"


def _with_unread(table: Table, columns: Mapping[str, str]) -> dict[str, str]:
    return {**columns, UNREAD: UNREAD} if UNREAD in table.names else dict(columns)
