"""Steam: reviews and games as the text of a Python dictionary a line, gzipped.

Fields: https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data, version 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.worlds.logs.builder import LogBuilder
from recsim_envs.worlds.logs.log import Log, Problems
from recsim_envs.worlds.sources.readers.parts import RATING, UNLISTED, Items, Rows
from recsim_envs.worlds.sources.readers.records import SEPARATOR, Kind, LiteralTable
from recsim_envs.worlds.sources.source import Progress

_GAME: Final = {
    "id": Kind.TEXT, "title": Kind.TEXT, "app_name": Kind.TEXT, "genres": Kind.TEXTS, "tags": Kind.TEXTS,
    "specs": Kind.TEXTS,
}  # fmt: skip
_REVIEW: Final = {"username": Kind.TEXT, "product_id": Kind.TEXT, "hours": Kind.NUMBER, "date": Kind.TEXT}
HOURS: Final = (1.0, 5.0, 20.0, 100.0)
"""Hours played at which the levels 2 to 5 begin."""


def read_steam(folder: Path, progress: Progress) -> Log:
    """Users by `username`, which all reviews have (`user_id` is missing from most); time: the day of the review.

    Value: `hours` in levels 1 to 5. Categories: `genres`, or `tags` where there are none; text: tags and specs.
    """
    problems: list[Problems] = []
    games = LiteralTable(folder / "steam_games.json.gz", _GAME)
    columns = {"item": "id", **{name: name for name in _GAME if name != "id"}}
    shelf = Items(
        games,
        columns,
        title=pl.coalesce("title", "app_name"),
        categories=pl.coalesce("genres", "tags").str.split(SEPARATOR),
        text=pl.concat_str("tags", "specs", separator=SEPARATOR, ignore_nulls=True).str.replace_all(SEPARATOR, ", "),
    ).shelf(problems, progress)
    reviews = LiteralTable(folder / "steam_reviews.json.gz", _REVIEW)
    builder = LogBuilder(shelf)
    rows = Rows(
        reviews,
        {"user": "username", "item": "product_id", "rating": "hours", "timestamp": "date"},
        1.0,
        5.0,
        value=_level(RATING),
        time=pl.col("timestamp").str.to_datetime("%Y-%m-%d", time_unit="us", strict=False).dt.epoch("us") / 1e6,
        max_bad_share=UNLISTED,
    )
    for batch in rows.good(shelf, problems, progress):
        builder.add(batch)
    return builder.build(problems)


def _level(hours: pl.Expr) -> pl.Expr:
    reached = [(hours >= begin).cast(pl.Float64) for begin in HOURS]
    return pl.when(hours >= 0).then(pl.sum_horizontal(pl.lit(1.0), *reached))
