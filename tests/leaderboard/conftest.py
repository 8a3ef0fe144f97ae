"""A tiny world, a suite on it, and a finished run that tests may copy and damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.schema import Suite, Task
from tests.worlds import tiny_world

ENV = "longrec/Games-v0"
HERE = "tests.leaderboard.agents"


@pytest.fixture(scope="session")
def world_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "tiny"
    tiny_world(users=40, items=60, threshold=0.6, r_min=2.0).save(path)
    return path


@pytest.fixture(scope="session")
def suite(world_path: Path) -> Suite:
    """Two tasks on the tiny world, one of them under a no-repeat protocol; two training seeds."""
    return Suite(
        name="tiny-suite",
        training_seeds=(0, 3),
        tasks=(
            Task(env_id=ENV, options={"world": str(world_path)}, episodes=25),
            Task(env_id=ENV, options={"world": str(world_path), "protocol": "NX_0", "horizon": 12}, episodes=10),
        ),
    )


@pytest.fixture(scope="session")
def one_task(suite: Suite) -> Suite:
    return suite.model_copy(update={"tasks": suite.tasks[:1]})


@pytest.fixture(scope="session")
def finished(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random agent's run; do not change it."""
    path = tmp_path_factory.mktemp("finished") / "random"
    evaluate(Job("random", path, command=("longrec", "evaluate", "random")), suite, workers=1)
    return path


@pytest.fixture
def submission(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "submission"))
