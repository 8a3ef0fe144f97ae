"""MovieLens: tables with tabs and bars (100K), with double colons in Latin-1 (1M), and CSV (20M, 32M)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.worlds.logs.builder import LogBuilder
from recsim_envs.worlds.logs.log import Log, Problems
from recsim_envs.worlds.logs.reading import read_log
from recsim_envs.worlds.logs.tables import Table
from recsim_envs.worlds.sources.archives import members
from recsim_envs.worlds.sources.readers.lines import ColonTable
from recsim_envs.worlds.sources.readers.parts import Items, Rows, csv_table
from recsim_envs.worlds.sources.registry import find_source
from recsim_envs.worlds.sources.source import Progress

_FILMS: Final = {"item": "movieId", "title": "title", "genres": "genres"}
_RATINGS: Final = {"user": "userId", "item": "movieId", "rating": "rating", "timestamp": "timestamp"}


def read_100k(folder: Path, progress: Progress) -> Log:
    """`u.data`, `u.item` and `u.genre`, in the formats that `read_log` knows by these names."""
    with members(find_source("ml-100k").files[0], folder, progress) as paths:
        return read_log(paths["u.data"], paths["u.item"], progress=progress)


def read_1m(folder: Path, progress: Progress) -> Log:
    """`ratings.dat` (UserID::MovieID::Rating::Timestamp) and `movies.dat` (MovieID::Title::Genre|Genre)."""
    with members(find_source("ml-1m").files[0], folder, progress) as paths:
        films = ColonTable(paths["movies.dat"], list(_FILMS.values()))
        return _log(films, ColonTable(paths["ratings.dat"], list(_RATINGS.values())), progress)


def read_20m(folder: Path, progress: Progress) -> Log:
    """See `_read_csv`."""
    return _read_csv("ml-20m", folder, progress)


def read_32m(folder: Path, progress: Progress) -> Log:
    """See `_read_csv`."""
    return _read_csv("ml-32m", folder, progress)


def _read_csv(name: str, folder: Path, progress: Progress) -> Log:
    """`ratings.csv` (userId, movieId, rating, timestamp) and `movies.csv` (movieId, title, genres by bars)."""
    with members(find_source(name).files[0], folder, progress) as paths:
        films = csv_table(paths["movies.csv"], list(_FILMS.values()))
        return _log(films, csv_table(paths["ratings.csv"], list(_RATINGS.values())), progress)


def _log(films: Table, ratings: Table, progress: Progress) -> Log:
    problems: list[Problems] = []
    genres = pl.col("genres").replace("(no genres listed)", "").str.split("|")
    shelf = Items(films, _FILMS, categories=genres).shelf(problems, progress)
    builder = LogBuilder(shelf)
    for batch in Rows(ratings, _RATINGS, 0.5, 5.0).good(shelf, problems, progress):
        builder.add(batch)
    return builder.build(problems)
