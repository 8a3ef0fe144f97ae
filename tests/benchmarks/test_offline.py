"""Speed of making a log: drawing, stepping, ordering, writing Parquet; `test_raw_stepping` is stepping alone."""

from __future__ import annotations

import pytest

from recsim_envs.offline import DatasetSpec, generate, load_log, write_log

SESSIONS = 400_000
SPECS = {
    "random": DatasetSpec("longrec/Games-v0", "random", sessions=SESSIONS),
    "mixed": DatasetSpec("longrec/Games-v0", "mixed", sessions=SESSIONS),
    "slates": DatasetSpec("longrec/SlateTopKBored-v0", "mixed", sessions=5_000),
}


@pytest.mark.parametrize("name", SPECS)
def test_make_log(benchmark, tmp_path, name):
    benchmark.extra_info["steps"] = len(generate(SPECS[name]).rewards)
    benchmark(lambda: write_log(generate(SPECS[name]), tmp_path / "log"))


def test_load_log(benchmark, tmp_path):
    log = generate(SPECS["mixed"])
    write_log(log, tmp_path / "log")
    benchmark.extra_info["steps"] = len(log.rewards)
    benchmark(load_log, tmp_path / "log")
