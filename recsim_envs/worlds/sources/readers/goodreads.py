"""Goodreads (UCSD Book Graph): interactions, books and genres, a JSON object a line, gzipped.

Fields: https://cseweb.ucsd.edu/~jmcauley/datasets/goodreads.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.worlds.logs.builder import LogBuilder
from recsim_envs.worlds.logs.log import NO_CATEGORY, Log, Problems
from recsim_envs.worlds.sources.readers.parts import UNLISTED, Items, Rows
from recsim_envs.worlds.sources.readers.records import SEPARATOR, JsonTable, Kind
from recsim_envs.worlds.sources.source import Progress

_BOOK: Final = {"book_id": Kind.TEXT, "title": Kind.TEXT, "description": Kind.TEXT}
_GENRES: Final = {"book_id": Kind.TEXT, "genres": Kind.COUNTS}
_SEEN: Final = {"user_id": Kind.TEXT, "book_id": Kind.TEXT, "rating": Kind.NUMBER, "date_updated": Kind.TEXT}
_DATE: Final = "%a %b %d %H:%M:%S %z %Y"  # Wed Mar 22 11:37:04 -0700 2017


def read_goodreads(folder: Path, progress: Progress) -> Log:
    """Ratings 1 to 5 with the date of the last change; a rating of 0 is a book on a shelf that nobody rated.

    Categories: the ten genres that the publisher made of readers' shelves, most frequent first.
    """
    problems: list[Problems] = []
    shelf = _shelf(folder, problems, progress)
    builder = LogBuilder(shelf)
    rows = Rows(
        JsonTable(folder / "goodreads_interactions_dedup.json.gz", _SEEN),
        {"user": "user_id", "item": "book_id", "rating": "rating", "timestamp": "date_updated"},
        0.0,
        5.0,
        time=pl.col("timestamp").str.to_datetime(_DATE, time_unit="us", strict=False).dt.epoch("us") / 1e6,
        max_bad_share=UNLISTED,
    )
    for batch in rows.good(shelf, problems, progress):
        builder.add(batch.filter(pl.col("value") > 0))
    return builder.build(problems)


def _shelf(folder: Path, problems: list[Problems], progress: Progress) -> pl.DataFrame:
    """The books, each with its genres, which lie in a file of their own."""
    filed = Items(
        JsonTable(folder / "goodreads_book_genres_initial.json.gz", _GENRES),
        {"item": "book_id", "genres": "genres"},
        title=pl.col("item"),
        categories=pl.col("genres").str.split(SEPARATOR),
    ).shelf(problems, progress)
    books = Items(
        JsonTable(folder / "goodreads_books.json.gz", _BOOK),
        {"item": "book_id", "title": "title", "description": "description"},
        text=pl.col("description"),
    ).shelf(problems, progress)
    known = filed.select("item", "categories")
    joined = books.drop("categories").join(known, "item", how="left", maintain_order="left")
    unfiled = pl.col("categories").fill_null(pl.lit([NO_CATEGORY], pl.List(pl.String)))
    return joined.with_columns(unfiled).select(books.columns)
