"""From anybody's files to a clean log: every row is checked, bad ones are counted and skipped, too many are fatal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.worlds.logs.builder import LogBuilder
from recsim_envs.worlds.logs.columns import (
    ITEMS_COLUMNS,
    ITEMS_ITEM,
    RATINGS_COLUMNS,
    check_columns,
    choose_columns,
    guess_columns,
    items_given,
)
from recsim_envs.worlds.logs.log import Log, Problems
from recsim_envs.worlds.logs.shelf import read_shelf
from recsim_envs.worlds.logs.sieve import Fault, Progress, Sieve, demand_one_spelling, missing, negative
from recsim_envs.worlds.logs.tables import Table, TableSource, open_table

LARGEST_VALUE: Final = 1e12  # squared errors of larger ones leave float32, in which models are fitted
LATEST_TIME: Final = 1e11
_MILLISECONDS: Final = "Times are seconds: divide milliseconds by 1000"
_DATES: Final = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


def read_log(
    ratings: TableSource,
    items: TableSource | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    max_bad_share: float = 0.01,
    progress: Progress | None = None,
) -> Log:
    """Read and clean what users did, and the items they did it with, in memory that does not grow with the text.

    ratings: user, item, rating (absent: every row is a signal of value 1 and the log is implicit), timestamp
        (optional: seconds or an ISO date).
    items: item, title, categories (optional, may be empty), text (optional). Categories are separated by "|"; by ";"
        where no row has a "|"; never by commas, which names of categories contain. None: the items are those of the
        ratings, titled by their ids.
    Each is a path or a frame: see `tables.open_table`. Files named `u.data` and `u.item` are read in MovieLens-100K's
    formats (`u.genre` must lie beside `u.item`). columns: our names to the files' ("items.item": the items file's
    name for the item, where they differ; "" for an optional column that is not there). encoding: of delimited
    files, utf-8 unless told. progress: called with "reading items" or "reading ratings", done and total.

    A row is bad if it has another number of fields than the header, if a field is missing or no finite number where
    one is due, if its rating is beyond 1e12 or its time beyond 1e11 seconds, if an id is a negative number, if its
    item was listed before, or if its item is not in the items file. Bad rows are skipped. Of several rows of a user
    and an item the latest counts; without times, the last in the file. `Log.problems` are those of the items (if
    given), then of the ratings.

    Raises `LogError` where a file cannot be read, a column is missing or taken for two things, more than
    `max_bad_share` of the rows are bad, the files have no item in common, an id is spelt in two ways, all ratings
    are equal, times are dates written as 20170714, or there is only one user.
    """
    if not isinstance(max_bad_share, int | float) or not 0 <= max_bad_share <= 1:
        raise ConfigurationError(f"max_bad_share must be 0 to 1, got {max_bad_share!r}")
    given = check_columns(columns)
    tell = progress or _silent
    shelf, problems = None, []
    if items is not None:
        shelf, found = read_shelf(items, given, encoding, max_bad_share, tell)
        problems.append(found)
    builder = LogBuilder(shelf)
    table = _open_ratings(ratings, encoding)
    about = {} if _is_named(ratings, "u.data") else given
    chosen = choose_columns(table, RATINGS_COLUMNS, ("rating", "timestamp"), about)
    problems.append(_read_rows(table, chosen, builder, shelf, max_bad_share, tell))
    log = builder.build(problems, implicit="rating" not in chosen)
    _demand_use(table, log, shelf)
    return log


def propose_columns(
    ratings: TableSource,
    items: TableSource | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> dict[str, str]:
    """What `read_log` might be told as `columns` beyond those given: guesses for people to confirm, often none."""
    given = check_columns(columns)
    table = _open_ratings(ratings, encoding)
    guesses = guess_columns(table.names, RATINGS_COLUMNS, given)
    if items is None or _is_named(items, "u.item"):
        return guesses
    shelf = open_table(items, encoding=encoding or "utf-8").names
    likely = {ITEMS_ITEM: guesses["item"]} if guesses.get("item") in shelf else {}
    return guesses | guess_columns(shelf, ITEMS_COLUMNS, likely | items_given(given, shelf))


def _open_ratings(source: TableSource, encoding: str | None) -> Table:
    if _is_named(source, "u.data"):
        return open_table(source, names=RATINGS_COLUMNS, delimiter="\t", encoding=encoding or "utf-8", quotes=False)
    return open_table(source, encoding=encoding or "utf-8", label="the ratings frame")


def _is_named(source: Any, name: str) -> bool:
    return isinstance(source, str | Path) and Path(source).name == name


def _read_rows(
    table: Table,
    chosen: Mapping[str, str],
    builder: LogBuilder,
    shelf: pl.DataFrame | None,
    max_bad_share: float,
    progress: Progress,
) -> Problems:
    """Give all good rows to the builder."""
    faults, typed = _judgement(chosen)
    if shelf is not None:
        faults.append(_unknown_item(shelf["item"]))
    sieve = Sieve(table, chosen, faults, max_bad_share, typed=typed)
    for batch in sieve.good(progress, "reading ratings"):
        builder.add(batch)
    return sieve.problems()


def _judgement(chosen: Mapping[str, str]) -> tuple[list[Fault], dict[str, pl.Expr]]:
    """What makes a row bad, and the numbers that this needs."""
    faults = [*missing("user", "item"), negative("user"), negative("item")]
    typed = {"value": pl.lit(1.0), "time": pl.lit(None, pl.Float64)}
    if "rating" in chosen:
        typed["value"] = pl.col("rating").cast(pl.Float64, strict=False)
        faults += [
            *missing("rating"),
            Fault(~pl.col("value").is_finite().fill_null(False), "rating", "is no finite number"),
            Fault(pl.col("value").abs() > LARGEST_VALUE, "rating", f"is beyond {LARGEST_VALUE:g}"),
        ]
    if "timestamp" in chosen:
        typed["time"] = pl.col("timestamp").map_batches(_seconds, return_dtype=pl.Float64)
        unreadable = pl.col("timestamp").is_not_null() & ~pl.col("time").is_finite().fill_null(False)
        faults += [
            Fault(unreadable, "timestamp", "is neither seconds nor an ISO date"),
            Fault(pl.col("time").abs() > LATEST_TIME, "timestamp", "is beyond the year 5000", _MILLISECONDS),
        ]
    return faults, typed


def _unknown_item(known: pl.Series) -> Fault:
    return Fault(
        pl.col("item").is_not_null() & pl.col("item").cast(pl.Enum(known), strict=False).is_null(),
        "item",
        "is not in the items file",
        f"The items file calls its first item {known[0]!r}: write the ids alike in both. 3.0 is not 3, as pandas "
        "writes numbers beside empty fields",
    )


def _seconds(texts: pl.Series) -> pl.Series:
    """Seconds from numbers and ISO dates (UTC unless they say otherwise), null for anything else."""
    seconds = texts.cast(pl.Float64, strict=False)
    rest = texts.filter(seconds.is_null()).drop_nulls().unique()
    if not len(rest):
        return seconds
    iso = rest.str.replace(" ", "T", literal=True)
    zones = {form: None if form.endswith("z") else "UTC" for form in _DATES}
    read = [iso.str.to_datetime(form, time_unit="us", time_zone=zone, strict=False) for form, zone in zones.items()]
    dates = pl.select(pl.coalesce(*read)).to_series().dt.epoch("us") / 1e6
    return seconds.fill_null(texts.replace_strict(rest, dates, default=None, return_dtype=pl.Float64))


def _demand_use(table: Table, log: Log, shelf: pl.DataFrame | None) -> None:
    """Raise `LogError` for a log that nothing can be learned from, or that would be learned from wrongly."""
    demand_one_spelling(table.label, "user", log.users)
    if shelf is None:
        demand_one_spelling(table.label, "item", log.items["item"])
    values = log.interactions.values
    if not log.implicit and values.min() == values.max():
        raise LogError(
            f"{table.label}: all ratings are equal, so nothing can be learned; pass graded ratings, or no rating "
            "(--columns rating=) if they only say that something happened"
        )
    if _are_dates(log.interactions.times):
        raise LogError(
            f"{table.label}, field timestamp: numbers such as {log.interactions.times[0]:.0f} are dates, not seconds; "
            "write them as 2017-07-14, or leave them out (--columns timestamp=)"
        )
    if len(log.users) < 2:
        raise LogError(f"{table.label}: there is only one user, {log.users[0]!r}; pass the log of many")


def _are_dates(times: NDArray[np.float64]) -> bool:
    """Whether all times (n,) are written as 20170714: as seconds they would be days of 1970, seconds apart."""
    known = times[np.isfinite(times)]
    month, day = known // 100 % 100, known % 100
    fits = (known >= 19000101) & (known <= 21001231) & (month >= 1) & (month <= 12) & np.isin(day, np.arange(1, 32))
    return bool(len(known) and fits.all())


def _silent(stage: str, done: int, total: int) -> None:
    pass
