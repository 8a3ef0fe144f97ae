"""Yahoo! R3: two files of user, song and rating by tabs, as the README of the release describes them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from recsim_envs.worlds.logs.builder import LogBuilder
from recsim_envs.worlds.logs.log import Log, Problems
from recsim_envs.worlds.logs.tables import open_table
from recsim_envs.worlds.sources.readers.parts import Rows
from recsim_envs.worlds.sources.registry import find_source
from recsim_envs.worlds.sources.source import Progress

_COLUMNS: Final = ("user", "item", "rating")


def read_r3(folder: Path, progress: Progress) -> Log:
    """The train file, songs that users chose to rate, as the log; the test file, 10 drawn a user, as the random split.

    Songs have numbers only: no titles, no categories.
    """
    chosen, drawn = (_ratings(folder / file.name) for file in find_source("yahoo-r3").files)
    problems: list[Problems] = []
    builder = LogBuilder(None)
    for batch in chosen.good(None, problems, progress):
        builder.add(batch)
    return builder.build(problems, list(drawn.good(None, problems, progress)))


def _ratings(path: Path) -> Rows:
    table = open_table(path, names=_COLUMNS, delimiter="\t", quotes=False)
    return Rows(table, dict(zip(_COLUMNS, _COLUMNS, strict=True)), 1.0, 5.0)
