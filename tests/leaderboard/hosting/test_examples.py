"""The examples of docs/protocol.md, in JavaScript and in shell, run as they are told there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.replay import verify
from leaderboard.schema import Suite, Task
from leaderboard.traces import read_trace
from tests.leaderboard.conftest import ENV
from tests.leaderboard.slates import SLATES, register

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "agents"
JS, SHELL = EXAMPLES / "best_unseen.js", EXAMPLES / "in_turn.sh"


@pytest.fixture(params=["node", "jq"])
def command(request) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} IS ABSENT, so its example was not run; install it: apt-get install nodejs jq")
    return f"command:node {JS}" if request.param == "node" else f"command:sh {SHELL}"


@pytest.fixture
def suite(world_path) -> Suite:
    """An item a step, an item a step without repeats, slates."""
    register()
    world = {"world": str(world_path)}
    tasks = (
        Task(env_id=ENV, options=world, episodes=12),
        Task(env_id=ENV, options=world | {"protocol": "NX_0", "horizon": 12}, episodes=12),
        Task(env_id=SLATES, episodes=6),
    )
    return Suite(name="examples", track="zero-shot", training_seeds=(0,), tasks=tasks)


def played(path: Path, agent: str, suite: Suite):
    submission = evaluate(Job(agent, path), suite, workers=1)
    assert sum(cell.lost.sessions for cell in submission.cells) == 0
    verify(path)
    return submission, read_trace(path / "traces.parquet", suite.episodes)[0]


def test_examples_play(command, suite, tmp_path):
    submission, trace = played(tmp_path / "run", command, suite)
    assert submission.agent.entry_point == command
    assert submission.agent.name in ("best-unseen-js", "in-turn-sh")
    assert submission.isolation is not None
    for episode in range(24):
        shown = trace.slates(episode)[:, 0]
        assert len(set(shown.tolist())) == len(shown)  # neither repeats an item in so short a session


def test_the_server_answers_as_the_process_does(suite, tmp_path):
    if shutil.which("node") is None:
        pytest.skip("node IS ABSENT, so its server was not run; install it: apt-get install nodejs")
    with subprocess.Popen(["node", JS, "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().split()[-1]
            submission, there = played(tmp_path / "there", f"http://127.0.0.1:{port}", suite)
        finally:
            server.kill()
    assert submission.agent.entry_point == f"http://127.0.0.1:{port}"
    assert submission.isolation.memory_mb is None
    _, here = played(tmp_path / "here", f"command:node {JS}", suite)
    assert np.array_equal(here.actions, there.actions)
