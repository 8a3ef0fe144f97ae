"""KuaiRec (a zip of CSV files) and KuaiRand (a tar.gz of them): videos by number, without titles.

Fields: the READMEs of https://github.com/chongminggao/KuaiRec and https://github.com/chongminggao/KuaiRand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.worlds.logs.builder import LogBuilder
from recsim_envs.worlds.logs.log import Log, Problems
from recsim_envs.worlds.logs.sieve import Fault, Sieve, missing
from recsim_envs.worlds.sources.archives import members
from recsim_envs.worlds.sources.readers.lines import UNREAD, CsvLines
from recsim_envs.worlds.sources.readers.parts import (
    RATING,
    SECONDS,
    Items,
    Rows,
    csv_table,
    demand_columns,
    unread,
)
from recsim_envs.worlds.sources.registry import find_source
from recsim_envs.worlds.sources.source import Progress

LONGEST_WATCH: Final = 5.0
"""The watch ratio above which nothing more is learned: the video ran in a loop."""
_TORN: Final = 0.2  # share of the lines that captions with line ends in them may tear; only titles are lost with them
_TITLE: Final = 60  # characters of a caption
_LEVELS: Final = ("first_level_category_name", "second_level_category_name", "third_level_category_name")
_WORDS: Final = ("caption", "manual_cover_text", "topic_tag")
_NOTHING: Final = ("UNKNOWN", "[]")


def read_kuairec(folder: Path, progress: Progress) -> Log:
    """`big_matrix.csv` as the log, `small_matrix.csv` as the random split; value: `watch_ratio`, at most 5.

    Categories: the named levels of `kuairec_caption_category.csv`, else the numbered tags of `item_categories.csv`.
    """
    zipped, captions = find_source("kuairec").files
    with members(zipped, folder, progress) as paths:
        problems: list[Problems] = []
        videos = _videos(paths["item_categories.csv"], "feat").shelf(problems, progress)
        shelf = _described(videos, _captions(folder / captions.name, problems, progress))
        builder = LogBuilder(shelf)
        for batch in _watched(paths["big_matrix.csv"]).good(shelf, problems, progress):
            builder.add(batch)
        random = list(_watched(paths["small_matrix.csv"]).good(shelf, problems, progress))
        return builder.build(problems, random)


def read_kuairand_pure(folder: Path, progress: Progress) -> Log:
    """See `_read_kuairand`."""
    return _read_kuairand("pure", folder, progress)


def read_kuairand_1k(folder: Path, progress: Progress) -> Log:
    """See `_read_kuairand`."""
    return _read_kuairand("1k", folder, progress)


def _read_kuairand(version: str, folder: Path, progress: Progress) -> Log:
    """The two `log_standard` files as the log, `log_random` as the random split; value: `is_click`, time: `time_ms`.

    Categories: the numbers of `tag` in `video_features_basic`.
    """
    with members(find_source(f"kuairand-{version}").files[0], folder, progress) as paths:
        problems: list[Problems] = []
        shelf = _videos(paths[f"video_features_basic_{version}.csv"], "tag").shelf(problems, progress)
        builder = LogBuilder(shelf)
        for dates in ("4_08_to_4_21", "4_22_to_5_08"):
            for batch in _clicked(paths[f"log_standard_{dates}_{version}.csv"]).good(shelf, problems, progress):
                builder.add(batch)
        shown = _clicked(paths[f"log_random_4_22_to_5_08_{version}.csv"])
        return builder.build(problems, list(shown.good(shelf, problems, progress)))


def _videos(path: Path, tags: str) -> Items:
    """Videos with the categories "tag 27", of tags like "[27, 9]" or "27,9"."""
    table = csv_table(path, ("video_id", tags))
    numbered = pl.col("tags").str.extract_all(r"\d+").list.eval(pl.concat_str(pl.lit("tag "), pl.element()))
    title = pl.concat_str(pl.lit("video "), "item")
    return Items(table, {"item": "video_id", "tags": tags}, title=title, categories=numbered)


def _watched(path: Path) -> Rows:
    columns = {"user": "user_id", "item": "video_id", "rating": "watch_ratio", "timestamp": "timestamp"}
    table = csv_table(path, list(columns.values()))
    return Rows(table, columns, 0.0, LONGEST_WATCH, value=RATING.clip(upper_bound=LONGEST_WATCH))


def _clicked(path: Path) -> Rows:
    columns = {"user": "user_id", "item": "video_id", "rating": "is_click", "timestamp": "time_ms"}
    return Rows(csv_table(path, list(columns.values())), columns, 0.0, 1.0, time=SECONDS / 1000)


def _captions(path: Path, problems: list[Problems], progress: Progress) -> pl.DataFrame:
    """What is known of some videos: item, caption, levels (List[String]) and text, null where nothing is said."""
    columns = {"item": "video_id", **{name: name for name in (*_LEVELS, *_WORDS)}}
    table = CsvLines(path)
    demand_columns(table, list(columns.values()))
    odd = Fault(~pl.col("item").str.contains(r"^[0-9]+$"), "item", "is no number")
    sieve = Sieve(table, columns | {UNREAD: UNREAD}, [*unread(table), *missing("item"), odd], _TORN)
    told = pl.concat(sieve.good(progress, f"read {path.name}")).unique("item", keep="first")
    problems.append(sieve.problems())
    said = {name: pl.when(~pl.col(name).is_in(_NOTHING)).then(name) for name in (*_LEVELS, *_WORDS)}
    return told.select(
        "item",
        said["caption"].str.slice(0, _TITLE).alias("caption"),
        pl.concat_list(said[name] for name in _LEVELS).list.drop_nulls().alias("levels"),
        pl.concat_str([said[name] for name in _WORDS], separator=" ", ignore_nulls=True).alias("told"),
    )


def _described(videos: pl.DataFrame, captions: pl.DataFrame) -> pl.DataFrame:
    """The videos with what their captions say of them."""
    both = videos.join(captions, "item", how="left", maintain_order="left")
    return both.select(
        "item",
        pl.coalesce("caption", "title").alias("title"),
        pl.when(pl.col("levels").list.len() > 0).then("levels").otherwise("categories").alias("categories"),
        pl.when(pl.col("told") != "").then("told").alias("text"),
    )
