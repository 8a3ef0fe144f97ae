"""Submissions of three agents on the tiny suite, and a cache that has their summaries."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from leaderboard.board.build import build
from leaderboard.evaluate.batch import Job, evaluate_all
from leaderboard.schema import Suite
from leaderboard.submit import find, submit

AGENTS = ("random", "oracle", "greedy", "greedy-no-repeat")


@pytest.fixture(scope="session")
def suite(suite: Suite) -> Suite:
    """As many sessions of both tasks, which share their users: so that there are figures over the suite."""
    return suite.model_copy(update={"tasks": tuple(task.model_copy(update={"episodes": 18}) for task in suite.tasks)})


@pytest.fixture(scope="session")
def submitted(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of four submissions; do not change it."""
    folder = tmp_path_factory.mktemp("submitted")
    assert not evaluate_all([Job(n, folder / "runs" / n) for n in AGENTS], suite, workers=1)
    for name in AGENTS:
        submit(folder / "runs" / name, folder / "submissions")
    return folder / "submissions"


@pytest.fixture(scope="session")
def warm(submitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with everything a board of `submitted` needs; do not change it."""
    folder = tmp_path_factory.mktemp("warm")
    assert not build(find([submitted]), folder / "board", cache=folder / "cache", workers=1).failed
    return folder


@pytest.fixture
def copy(submitted: Path, tmp_path: Path) -> Path:
    """A copy of the submissions."""
    return Path(shutil.copytree(submitted, tmp_path / "submissions"))


@pytest.fixture
def cache(warm: Path, tmp_path: Path) -> Path:
    """A copy of the cache."""
    return Path(shutil.copytree(warm / "cache", tmp_path / "cache"))
