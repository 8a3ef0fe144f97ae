"""The items of a log: each once, with a title and at least one category."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.builder import SHELF
from recsim_envs.worlds.logs.columns import ITEMS_COLUMNS, choose_columns, items_given
from recsim_envs.worlds.logs.log import NO_CATEGORY, Problems
from recsim_envs.worlds.logs.sieve import Fault, Progress, Sieve, demand_one_spelling, missing, negative
from recsim_envs.worlds.logs.tables import TableSource, open_table

_ML100K_ITEM: Final = ("item", "title", "released", "released on video", "address")
_OPTIONAL: Final = ("categories", "text")


def read_shelf(
    source: TableSource, given: Mapping[str, str], encoding: str | None, max_bad_share: float, progress: Progress
) -> tuple[pl.DataFrame, Problems]:
    """The items of a file or a frame, with the columns of `Log.items`, in its order; see `reading.read_log`.

    given: our names to those of the ratings' and the items' table.
    """
    if isinstance(source, str | Path) and Path(source).name == "u.item":
        return read_ml100k_shelf(Path(source), encoding or "latin-1", max_bad_share, progress)
    table = open_table(source, encoding=encoding or "utf-8", label="the items frame")
    chosen = choose_columns(table, ITEMS_COLUMNS, _OPTIONAL, items_given(given, table.names))
    sieve = Sieve(table, chosen, _faults(), max_bad_share, optional=_OPTIONAL)
    return _finished(sieve, table.label, progress)


def read_ml100k_shelf(
    path: Path, encoding: str, max_bad_share: float, progress: Progress
) -> tuple[pl.DataFrame, Problems]:
    """`u.item` of MovieLens-100K: five fields and one flag a genre, whose names are in `u.genre` beside it."""
    genres = pl.concat(
        open_table(
            path.with_name("u.genre"), names=("genre", "id"), delimiter="|", encoding=encoding, quotes=False
        ).batches(("genre", "id"))
    )
    numbers = genres["id"].str.strip_chars().cast(pl.Int64, strict=False)
    if numbers.null_count() or numbers.n_unique() < len(numbers):
        raise LogError(f"{path.with_name('u.genre')}: its lines must be a genre, a bar and a number; fetch it again")
    names = genres.sort(numbers)["genre"].to_list()
    flags = [f"flag {name}" for name in names]
    table = open_table(path, names=(*_ML100K_ITEM, *flags), delimiter="|", encoding=encoding, quotes=False)
    chosen = [pl.when(pl.col(f) == "1").then(pl.lit(name)) for f, name in zip(flags, names, strict=True)]
    columns = {name: name for name in ("item", "title", *flags)}
    typed = {"categories": pl.concat_str(*chosen, separator="|", ignore_nulls=True)}
    return _finished(
        Sieve(table, columns, _faults(), max_bad_share, optional=("text",), typed=typed), table.label, progress
    )


def _faults() -> list[Fault]:
    again = ~pl.col("item").is_first_distinct()
    return [*missing("item", "title"), negative("item"), Fault(again, "item", "was listed before")]


def _finished(sieve: Sieve, label: str, progress: Progress) -> tuple[pl.DataFrame, Problems]:
    """The good rows of all batches: only together do they show which items were listed before."""
    good = sieve.sift(pl.concat(sieve.texts(progress, "reading items")))
    problems = sieve.problems()
    demand_one_spelling(label, "item", good["item"])
    categories = good["categories"].fill_null("")
    separator = "|" if categories.str.contains("|", literal=True).any() else ";"
    parts = pl.element().str.strip_chars().replace("", NO_CATEGORY)
    split = categories.str.split(separator).list.eval(parts).list.unique(maintain_order=True)
    return good.with_columns(split.alias("categories")).select(*SHELF), problems
