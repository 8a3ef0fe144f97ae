"""Amazon's books: of 2014, a CSV without header and Python dictionaries; of 2023, JSON. A record a line.

Fields: https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html and https://amazon-reviews-2023.github.io/main.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.worlds.logs.builder import LogBuilder
from recsim_envs.worlds.logs.log import Log, Problems
from recsim_envs.worlds.logs.tables import open_table
from recsim_envs.worlds.sources.readers.parts import SECONDS, UNLISTED, Items, Rows
from recsim_envs.worlds.sources.readers.records import SEPARATOR, JsonTable, Kind, LiteralTable
from recsim_envs.worlds.sources.source import Progress

_BOOK_2014: Final = {
    "asin": Kind.TEXT, "title": Kind.TEXT, "categories": Kind.TEXTS, "description": Kind.TEXT,
}  # fmt: skip
_BOOK_2023: Final = {
    "parent_asin": Kind.TEXT, "title": Kind.TEXT, "categories": Kind.TEXTS, "description": Kind.TEXTS,
}  # fmt: skip
_REVIEW_2023: Final = {
    "user_id": Kind.TEXT, "parent_asin": Kind.TEXT, "rating": Kind.NUMBER, "timestamp": Kind.NUMBER,
}  # fmt: skip
_COLUMNS: Final = ("user", "item", "rating", "timestamp")
_ROOT: Final = "Books"  # every book is in it, so it tells none from another


def read_2014(folder: Path, progress: Progress) -> Log:
    """`ratings_Books.csv` (user, item, rating, timestamp, no header) and `meta_Books.json.gz` (Python dictionaries)."""
    books = LiteralTable(folder / "meta_Books.json.gz", _BOOK_2014)
    ratings = open_table(folder / "ratings_Books.csv", names=_COLUMNS, delimiter=",")
    rows = Rows(ratings, dict(zip(_COLUMNS, _COLUMNS, strict=True)), 1.0, 5.0, max_bad_share=UNLISTED)
    return _log(_items(books, "asin"), rows, progress)


def read_2023(folder: Path, progress: Progress) -> Log:
    """`Books.jsonl.gz` (reviews; timestamps in milliseconds) and `meta_Books.jsonl.gz`, joined by `parent_asin`."""
    books = JsonTable(folder / "meta_Books.jsonl.gz", _BOOK_2023)
    reviews = JsonTable(folder / "Books.jsonl.gz", _REVIEW_2023)
    columns = dict(zip(_COLUMNS, _REVIEW_2023, strict=True))
    rows = Rows(reviews, columns, 1.0, 5.0, time=SECONDS / 1000, max_bad_share=UNLISTED)
    return _log(_items(books, "parent_asin"), rows, progress)


def _items(books: JsonTable | LiteralTable, item: str) -> Items:
    filed = pl.col("categories").str.split(SEPARATOR).list.eval(pl.element().filter(pl.element() != _ROOT))
    told = pl.col("description").str.replace_all(SEPARATOR, " ")
    columns = {"item": item, "title": "title", "categories": "categories", "description": "description"}
    return Items(books, columns, categories=filed, text=told)


def _log(items: Items, rows: Rows, progress: Progress) -> Log:
    problems: list[Problems] = []
    shelf = items.shelf(problems, progress)
    builder = LogBuilder(shelf)
    for batch in rows.good(shelf, problems, progress):
        builder.add(batch)
    return builder.build(problems)
