"""From files to a clean log: every line checked, bad ones counted and skipped, too many of them fatal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.errors import LogError
from recsim_envs.worlds.tables import EXTRA, LINE, read_delimited, read_table

RATINGS_COLUMNS: Final = ("user", "item", "rating", "timestamp")
ITEMS_COLUMNS: Final = ("item", "title", "categories")
NO_CATEGORY: Final = "(none)"
LARGEST_RATING: Final = 1e12  # squared errors of larger ones leave float32, in which the model is fitted
_EXAMPLES = 5
_ML100K_ITEM = ("item", "title", "released", "released on video", "address")


@dataclass(frozen=True)
class Problems:
    """What was wrong in one file: how many of its lines, and the first few of them in words."""

    file: str
    lines: int
    bad: int
    examples: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Log:
    """A clean log.

    ratings: user, item (strings as in the files), rating (float64), timestamp (float64 seconds, null where the
        file has none), one row a pair of user and item; oldest first, file order among equals.
    items: item, title, categories (list of strings, never empty), in the file's order.
    problems: those of the items file and of the ratings file.
    replaced: how many ratings gave way to a later one of the same pair.
    """

    ratings: pl.DataFrame
    items: pl.DataFrame
    problems: tuple[Problems, Problems]
    replaced: int


def read_log(
    ratings: str | Path,
    items: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    max_bad_share: float = 0.01,
) -> Log:
    """Read and clean a ratings file and an items file.

    Files named `u.data` and `u.item` are read in MovieLens-100K's formats (`u.genre` must lie beside `u.item`), all
    others as CSV, TSV or Parquet with named columns: user, item, rating, timestamp (optional: seconds or an ISO
    date) and item, title, categories (separated by "|", may be empty). `columns` maps these names to the files'.

    A line is bad if it has too many fields, if a field is missing or no finite number where one is due, if its
    rating is beyond 1e12, if its item was listed before, or if its item is not in the items file. Bad lines are
    skipped. Of several ratings of one item by one user the latest counts; without times, the last in the file.
    Raises `LogError` where a file cannot be read, a column is missing or taken for two things, more than
    `max_bad_share` of the lines are bad, the files have no item in common, or all ratings are equal.
    """
    renamed = dict(columns or {})
    unknown = sorted(set(renamed) - {*RATINGS_COLUMNS, *ITEMS_COLUMNS})
    if unknown:
        raise LogError(f"column {unknown[0]!r} has no meaning; map {', '.join((*RATINGS_COLUMNS, *ITEMS_COLUMNS[1:]))}")
    for ours in (RATINGS_COLUMNS, ITEMS_COLUMNS):
        theirs = [renamed.get(name, name) for name in ours]
        twice = next((name for name in theirs if theirs.count(name) > 1), None)
        if twice is not None:
            both = " and ".join(name for name, other in zip(ours, theirs, strict=True) if other == twice)
            raise LogError(f"column {twice!r} cannot be both {both}; map each to a column of its own")
    shelf, items_problems = read_items(Path(items), renamed, encoding, max_bad_share)
    found, ratings_problems = read_ratings(Path(ratings), shelf["item"], renamed, encoding, max_bad_share)
    latest = found.sort("timestamp", nulls_last=False, maintain_order=True).unique(
        ["user", "item"], keep="last", maintain_order=True
    )
    if latest["rating"].cast(pl.Float32).n_unique() < 2:
        raise LogError(f"{ratings}: all ratings are equal, so nothing can be learned; pass graded ratings")
    return Log(latest, shelf, (items_problems, ratings_problems), len(found) - len(latest))


def read_items(
    path: Path, columns: Mapping[str, str], encoding: str | None, max_bad_share: float
) -> tuple[pl.DataFrame, Problems]:
    """Item, title and categories of the good lines of an items file; see `read_log`."""
    if path.name == "u.item":
        raw = _movielens_items(path, encoding or "latin-1")
    else:
        names = {name: columns.get(name, name) for name in ITEMS_COLUMNS}
        raw = read_table(path, names, ("categories",), encoding or "utf-8")
    again = pl.col("item").is_first_distinct().not_()
    faults = [*_missing("item", "title"), (again, "item", "was listed before")]
    good, problems = _sift(path, raw, faults, max_bad_share)
    parts = pl.col("categories").fill_null("").str.split("|")
    parts = parts.list.eval(pl.element().str.strip_chars().replace("", NO_CATEGORY)).list.unique(maintain_order=True)
    return good.select("item", "title", parts.alias("categories")), problems


def read_ratings(
    path: Path, known_items: pl.Series, columns: Mapping[str, str], encoding: str | None, max_bad_share: float
) -> tuple[pl.DataFrame, Problems]:
    """User, item, rating and timestamp of the good lines of a ratings file; see `read_log`."""
    if path.name == "u.data":
        raw = read_delimited(path, RATINGS_COLUMNS, "\t", encoding or "utf-8", header=False)
    else:
        names = {name: columns.get(name, name) for name in RATINGS_COLUMNS}
        raw = read_table(path, names, ("timestamp",), encoding or "utf-8")
    _demand_common_items(path, raw["item"], known_items)
    date = pl.col("timestamp").str.to_datetime(time_unit="us", time_zone="UTC", strict=False).dt.epoch("us") / 1e6
    typed = raw.with_columns(
        rating_number=pl.col("rating").cast(pl.Float64, strict=False),
        time_number=pl.coalesce(pl.col("timestamp").cast(pl.Float64, strict=False), date),
    )
    faults = [
        *_missing("user", "item", "rating"),
        (pl.col("rating_number").is_finite().fill_null(False).not_(), "rating", "is no finite number"),
        (pl.col("rating_number").abs() > LARGEST_RATING, "rating", f"is beyond {LARGEST_RATING:g}"),
        (
            pl.col("timestamp").is_not_null() & pl.col("time_number").is_finite().fill_null(False).not_(),
            "timestamp",
            "is neither seconds nor an ISO date",
        ),
        (pl.col("item").is_in(known_items.implode()).not_(), "item", "is not in the items file"),
    ]
    good, problems = _sift(path, typed, faults, max_bad_share)
    return good.select("user", "item", rating="rating_number", timestamp="time_number"), problems


def _demand_common_items(path: Path, rated: pl.Series, known: pl.Series) -> None:
    found = rated.drop_nulls()
    if len(found) and not found.is_in(known.implode()).any():
        raise LogError(
            f"{path}: none of its items is in the items file; it calls them {found[0]!r}, the items file "
            f"{known[0]!r}. Write the ids alike in both: 3.0 is not 3, as pandas writes numbers beside empty fields"
        )


Fault = tuple[pl.Expr, str, str]


def _missing(*fields: str) -> list[Fault]:
    return [(pl.col(EXTRA) > 0, EXTRA, "there are more fields than columns")] + [
        (pl.col(field).is_null(), field, "is missing") for field in fields
    ]


def _sift(path: Path, frame: pl.DataFrame, faults: list[Fault], max_bad_share: float) -> tuple[pl.DataFrame, Problems]:
    """Good lines, and what was wrong with the others: the first fault of each line counts."""
    which = pl.coalesce(*(pl.when(wrong).then(pl.lit(k)) for k, (wrong, _, _) in enumerate(faults)))
    judged = frame.with_columns(fault=which)
    bad = judged.filter(pl.col("fault").is_not_null())
    examples = []
    for row in bad.head(_EXAMPLES).iter_rows(named=True):
        _, field, problem = faults[row["fault"]]
        value = "" if row[field] is None or field == EXTRA else f" {str(row[field])[:40]!r}"
        examples.append(f"line {row[LINE]}, field {field.strip()}:{value} {problem}")
    problems = Problems(str(path), len(frame), len(bad), tuple(examples))
    if len(bad) > max_bad_share * len(frame):
        raise LogError(
            f"{path}: {len(bad)} of {len(frame)} lines are bad, more than {max_bad_share:.1%}. {'; '.join(examples)}. "
            "Mend the file, or allow more with max_bad_share"
        )
    good = judged.filter(pl.col("fault").is_null()).drop("fault")
    if not len(good):
        raise LogError(f"{path}: no good line is left. {'; '.join(examples)}")
    return good, problems


def _movielens_items(path: Path, encoding: str) -> pl.DataFrame:
    """`u.item`: five fields and one flag a genre, whose names are in `u.genre`."""
    genres = read_delimited(path.with_name("u.genre"), ("genre", "id"), "|", encoding, header=False)
    names = genres.drop_nulls().with_columns(pl.col("id").cast(pl.Int64)).sort("id")["genre"].to_list()
    flags = [f"flag {name}" for name in names]
    frame = read_delimited(path, [*_ML100K_ITEM, *flags], "|", encoding, header=False)
    chosen = pl.concat_str(
        [pl.when(pl.col(f) == "1").then(pl.lit(name)) for f, name in zip(flags, names, strict=True)],
        separator="|",
        ignore_nulls=True,
    )
    return frame.select(LINE, EXTRA, "item", "title", categories=chosen)
