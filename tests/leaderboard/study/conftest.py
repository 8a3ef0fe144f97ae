"""A tiny study: a few agents on the tiny world, with its window and with another, one of them without a part too."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.board.summary import Summary, summarise
from leaderboard.evaluate.batch import Job, evaluate_all
from leaderboard.replay import verify
from leaderboard.schema import SpentBudget, Suite, Task
from leaderboard.study.records import Records, Table, records_of
from tests.leaderboard.conftest import ENV

PLAIN = ("random", "oracle", "greedy", "greedy-no-repeat", "best-rated", "act-only")
SCRIPTED: dict[str, object] = {"model": "scripted"}


@pytest.fixture(scope="session")
def summaries(world_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Summary]:
    """Replayed submissions; do not change them."""
    out = tmp_path_factory.mktemp("study")
    options = {"world": str(world_path), "horizon": 12}
    tasks = (
        Task(env_id=ENV, options=options, episodes=12),
        Task(env_id=ENV, options=options | {"window": 2}, episodes=6),
    )
    suite = Suite(name="tiny", training_seeds=(0, 1, 2), tasks=tasks, limit=SpentBudget(episodes=3))
    jobs = [Job(agent, out / agent) for agent in PLAIN]
    jobs.append(Job("billp", out / "billp", SCRIPTED))
    jobs.append(Job("billp", out / "ablated", SCRIPTED | {"use_reflector": False}))
    assert not evaluate_all(jobs, suite, workers=1)
    return [summarise(verify(job.path)) for job in jobs]


@pytest.fixture(scope="session")
def records(summaries: list[Summary]) -> Records:
    return records_of(summaries)


@pytest.fixture
def table(records: Records) -> Table:
    (usual,) = records.usual
    return usual
