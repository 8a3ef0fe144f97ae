"""Speed of reading a log, in rows, beside Arrow's bare parser on the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsim_envs.worlds.logs.reading import read_log
from recsim_envs.worlds.logs.tables import open_table

ROWS = 1_000_000


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    """A million ratings of 50 thousand users and 20 thousand items."""
    folder, g = tmp_path_factory.mktemp("log"), np.random.default_rng(0)
    items = np.arange(20_000)
    shelf = {"item": items, "title": items, "categories": items % 20}
    users, what = g.integers(0, 50_000, ROWS), g.integers(0, len(items), ROWS)
    times = 1_500_000_000 + g.integers(0, 10**8, ROWS)
    ratings = {"user": users, "item": what, "rating": g.integers(1, 6, ROWS), "timestamp": times}
    for name, columns in (("ratings", ratings), ("items", shelf)):
        pl.DataFrame(columns).write_csv(folder / f"{name}.csv")
    return folder / "ratings.csv", folder / "items.csv"


def test_read_log(benchmark, files):
    """From two files to sorted arrays, every row checked."""
    benchmark.extra_info["steps"] = ROWS
    log = benchmark(read_log, *files)
    assert len(log.interactions) + log.replaced == ROWS


def test_bare_parse(benchmark, files):
    """The same rows as text, in batches, unchecked."""
    benchmark.extra_info["steps"] = ROWS
    table = open_table(files[0])
    assert benchmark(lambda: sum(map(len, table.batches(table.names)))) == ROWS
