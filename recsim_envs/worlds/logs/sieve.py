"""Good rows of a table and what was wrong with the others: counted, the first few shown, too many of them fatal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.log import Problems
from recsim_envs.worlds.logs.tables import KEPT_EXAMPLES, Table

Progress: TypeAlias = Callable[[str, int, int], None]  # stage, done, total (0: unknown)
_SURELY_TOO_MANY: Final = 2.0  # times what the whole table may hold, by how much of it was read


@dataclass(frozen=True, eq=False)
class Fault:
    """A row where `wrong` is true is bad: `field` (a column of ours) `problem`. advice: where all rows are bad."""

    wrong: pl.Expr
    field: str
    problem: str
    advice: str = ""


class Sieve:
    """Lets the good rows of a table through, batch by batch, and remembers what the others were.

    columns: our names to the table's. optional: names of ours that are null throughout where `columns` lacks them.
    faults: in the order in which a row is judged. typed: further columns, computed from the text, that faults and
    the reader need. max_bad_share: of all rows, above which `LogError` is raised, by `problems` or as soon as it is
    out of reach.
    """

    def __init__(
        self,
        table: Table,
        columns: Mapping[str, str],
        faults: Sequence[Fault],
        max_bad_share: float,
        *,
        optional: Sequence[str] = (),
        typed: Mapping[str, pl.Expr] | None = None,
    ) -> None:
        self._table, self._columns, self._faults, self._share = table, columns, faults, max_bad_share
        self._absent = [name for name in optional if name not in columns]
        self._typed = dict(typed or {})
        self._read = 0
        self._counts = [0] * len(faults)
        self._examples: list[tuple[int, str]] = []

    def good(self, progress: Progress, stage: str) -> Iterator[pl.DataFrame]:
        """The good rows: our columns as text, stripped, null where empty, and the typed ones."""
        for batch in self.texts(progress, stage):
            yield self.sift(batch)
            self._give_up()

    def texts(self, progress: Progress, stage: str) -> Iterator[pl.DataFrame]:
        """All rows as text, for readers that must see them together before they `sift`."""
        for batch in self._table.batches(list(self._columns.values())):
            yield batch.select(
                *(_text(theirs).alias(ours) for ours, theirs in self._columns.items()),
                *(pl.lit(None, pl.String).alias(name) for name in self._absent),
            )
            progress(stage, self._table.done, self._table.size)

    def sift(self, texts: pl.DataFrame) -> pl.DataFrame:
        """The good rows of this batch; the first fault of a row counts."""
        which = pl.coalesce(*(pl.when(f.wrong).then(pl.lit(k, pl.Int8)) for k, f in enumerate(self._faults)))
        judged = texts.with_columns(**self._typed).with_columns(which.alias("fault"))
        if judged["fault"].null_count() < len(judged):
            self._note(judged.with_row_index("row", self._read).filter(pl.col("fault").is_not_null()))
            judged = judged.filter(pl.col("fault").is_null())
        self._read += len(texts)
        return judged.drop("fault")

    def problems(self) -> Problems:
        """What was wrong, after the last batch. Raises `LogError` for too many bad rows, and where none is good."""
        if self._bad > self._share * self._rows:
            raise self._refusal(f"{self._bad} of {self._rows} {self._table.unit}s are bad, more than")
        found = Problems(self._table.label, self._rows, self._bad, self._in_words())
        if self._bad == self._rows:
            raise self._refusal(f"no good {self._table.unit} is left, within")
        return found

    @property
    def _rows(self) -> int:
        return self._read + self._table.odd

    @property
    def _bad(self) -> int:
        return sum(self._counts) + self._table.odd

    def _give_up(self) -> None:
        """Raise `LogError` if the rest of the table would have to be far longer than it is to make up for this."""
        table = self._table
        if not 0 < table.done < table.size:
            return
        if self._bad > _SURELY_TOO_MANY * self._share * self._rows * table.size / table.done:
            raise self._refusal(f"{self._bad} of its first {self._rows} {table.unit}s are bad, which leads beyond")

    def _refusal(self, what: str) -> LogError:
        commonest = max(range(len(self._counts)), key=self._counts.__getitem__)
        advice = self._faults[commonest].advice if self._bad == self._rows and self._counts[commonest] else ""
        return LogError(
            f"{self._table.label}: {what} a share of {self._share:.1%}. {'; '.join(self._in_words())}. "
            f"{advice or 'Mend the file, or allow more with max_bad_share'}"
        )

    def _note(self, bad: pl.DataFrame) -> None:
        for k, count in bad["fault"].value_counts().iter_rows():
            self._counts[k] += count
        for row in bad.head(KEPT_EXAMPLES - len(self._examples)).iter_rows(named=True):
            fault = self._faults[row["fault"]]
            value = "" if row[fault.field] is None else f" {row[fault.field][:40]!r}"
            self._examples.append((row["row"], f"field {fault.field}:{value} {fault.problem}"))

    def _in_words(self) -> tuple[str, ...]:
        """The first bad rows. Only rows of the right width were numbered; the odd ones before them shift them."""
        table = self._table
        width = len(table.names)
        first = [(row, f"{fields} fields, but there are {width} columns") for row, fields in table.odd_rows]
        for row, words in self._examples:
            place = row
            for odd, _ in table.odd_rows:
                place += odd <= place
            first.append((place, words))
        shown = sorted(first)[:KEPT_EXAMPLES]
        places = table.places([row for row, _ in shown]) if shown else {}
        return tuple(
            f"{table.unit} {places[row]}, {words}" if row in places else f"row {row + 1}, {words}"
            for row, words in shown
        )


def missing(*fields: str) -> list[Fault]:
    """The faults of rows that lack one of these fields."""
    return [Fault(pl.col(field).is_null(), field, "is missing") for field in fields]


def negative(field: str) -> Fault:
    """The fault of rows whose id is a negative number, which logs have where none is known."""
    return Fault(pl.col(field).cast(pl.Float64, strict=False) < 0, field, "is a negative id")


def demand_one_spelling(label: str, field: str, ids: pl.Series) -> None:
    """Raise `LogError` where an id is there both as 3 and as 3.0: they would be taken for two."""
    decimal = ids.filter(ids.str.contains(r"^[0-9]+\.0+$"))
    whole = decimal.str.replace(r"\.0+$", "")
    both = whole.filter(whole.is_in(ids.implode()))
    if len(both):
        raise LogError(
            f"{label}, field {field}: {both[0]!r} is also written as {decimal.filter(whole == both[0])[0]!r}, as "
            "pandas writes numbers beside empty fields; write each id in one way"
        )


def _text(name: str) -> pl.Expr:
    stripped = pl.col(name).str.strip_chars()
    return pl.when(stripped != "").then(stripped)
