"""Agents that crash, hang, overeat and talk nonsense lose the sessions they do it in, and no others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from leaderboard import seeds
from leaderboard.ends import CRASHED, LOST, OUT_OF_MEMORY, TIMED_OUT
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.replay import verify
from leaderboard.schema import Isolation, Lost, Suite, Task
from leaderboard.traces import Trace, read_trace
from recsim_envs.errors import AgentError
from tests.leaderboard.conftest import ENV
from tests.leaderboard.hosting.plain_agent import DEEDS

PLAIN = Path(__file__).with_name("plain_agent.py")
LIMITS = Isolation(step_seconds=30.0, memory_mb=512)
QUOTA = 24


def suite_of(options) -> Suite:
    """Its seeds, and so what happens in it, depend on its name alone."""
    task = Task(env_id=ENV, options=options, episodes=QUOTA)
    return Suite(name="failures", track="zero-shot", training_seeds=(0,), tasks=(task,))


@pytest.fixture(scope="module")
def few(world_path):
    return suite_of({"world": str(world_path)})


def plain(deed: str, keys=()) -> str:
    return f"command:{sys.executable} {PLAIN} {deed} {' '.join(map(str, keys))}"


def run(path: Path, suite, agent: str, isolation: Isolation = LIMITS, num_lanes: int = 256) -> tuple[Lost, Trace]:
    submission = evaluate(Job(agent, path, isolation=isolation), suite, workers=1, num_lanes=num_lanes)
    return submission.cells[0].lost, read_trace(path / "traces.parquet", QUOTA)[0]


@pytest.fixture(scope="module")
def good(few, tmp_path_factory) -> Trace:
    lost, trace = run(tmp_path_factory.mktemp("good") / "run", few, plain("none"))
    assert lost == Lost()
    return trace


@pytest.fixture(scope="module")
def lasting(few, good):
    """Sessions that last longer than a step, and their keys."""
    episodes = np.flatnonzero(good.lengths > 1)
    return episodes, seeds.session_keys(few.name, ENV, 0, QUOTA)[episodes]


def check(path, good, trace, doomed):
    """The doomed sessions end after a step, and all others are as if nothing had been."""
    assert np.flatnonzero(np.isin(trace.ends, LOST)).tolist() == doomed.tolist()
    assert (trace.lengths[doomed] == 1).all()
    for episode in range(QUOTA):
        kept = trace.lengths[episode]
        assert trace.slates(episode).tolist() == good.slates(episode)[:kept].tolist()
        if episode not in doomed:
            assert (kept, trace.ends[episode]) == (good.lengths[episode], good.ends[episode])
    verify(path)


def test_each_failure_costs_its_session(few, good, lasting, tmp_path):
    episodes, keys = (part[: len(DEEDS)] for part in lasting)
    assert len(keys) == len(DEEDS)
    lost, trace = run(tmp_path / "run", few, plain("each", keys))
    check(tmp_path / "run", good, trace, episodes)
    causes = [OUT_OF_MEMORY if deed == "memory" else CRASHED for deed in DEEDS]
    assert trace.ends[episodes].tolist() == causes
    assert (lost.crashed, lost.timed_out, lost.out_of_memory) == (len(DEEDS) - 1, 0, 1)
    assert lost.told == "plain.act failed: it ended with exit status 1; its last words: out of ideas"


@pytest.mark.parametrize(
    ("deed", "limits", "cause", "told"),
    [
        ("hang", Isolation(step_seconds=2.0), TIMED_OUT, "plain.act failed: no answer within 2 s"),
        ("eat", Isolation(memory_mb=128), OUT_OF_MEMORY, "MiB of memory, and may use 128"),
    ],
)
def test_limits_cost_a_session(few, good, lasting, tmp_path, deed, limits, cause, told):
    episodes, keys = (part[:1] for part in lasting)
    lost, trace = run(tmp_path / "run", few, plain(deed, keys), limits)
    check(tmp_path / "run", good, trace, episodes)
    assert trace.ends[episodes].tolist() == [cause]
    assert lost.sessions == 1
    assert told in lost.told


def test_lanes_change_nothing(few, good, lasting, tmp_path):
    """With five lanes the first to be lost leaves others waiting, and so does the second."""
    episodes, keys = (part[[2, -2]] for part in lasting)
    _, trace = run(tmp_path / "run", few, plain("crash", keys), num_lanes=5)
    check(tmp_path / "run", good, trace, episodes)


def test_lost_sessions_leave_nothing_running(world_path, tmp_path):
    """No lane may be stepped on with an item shown before, where repeats are forbidden and its session is lost."""
    suite = suite_of({"world": str(world_path), "protocol": "NX_0"})
    keys = seeds.session_keys(suite.name, ENV, 0, QUOTA)[3:5]
    run(tmp_path / "run", suite, plain("crash", keys), num_lanes=6)
    verify(tmp_path / "run")


def test_one_that_always_fails_is_given_up(few, tmp_path, monkeypatch):
    monkeypatch.setattr("leaderboard.evaluate.simulate.MOST_LOST", 3)
    with pytest.raises(
        AgentError, match=r"exit status 4 \(and so in 3 sessions one after another, each played alone\)"
    ):
        run(tmp_path / "run", few, plain("always"))


def test_a_killed_run_goes_on(few, good, lasting, tmp_path):
    """Killed while its second cell plays; what the first had lost is kept, and the second is played anew."""
    suite = few.model_copy(update={"training_seeds": (0, 1)})
    agent = plain("crash", lasting[1][:1])
    script = (
        "import os, sys; from pathlib import Path\n"
        "from leaderboard.evaluate.batch import Job, evaluate; from leaderboard.schema import Suite\n"
        "def watch(specs, event):\n    if specs[event.cell].training_seed == 1: os._exit(9)\n"
        "suite = Suite.model_validate_json(sys.argv[2])\n"
        f"evaluate(Job({agent!r}, Path(sys.argv[1])), suite, workers=1, watch=watch)"
    )
    arguments = [sys.executable, "-c", script, str(tmp_path / "run"), suite.model_dump_json()]
    assert subprocess.run(arguments, cwd=Path(__file__).parents[3], check=False).returncode == 9
    assert (tmp_path / "run" / "cells" / "000-0.parquet").exists()
    submission = evaluate(Job(agent, tmp_path / "run"), suite, workers=1)
    assert [cell.lost.crashed for cell in submission.cells] == [1, 0]
    ends, doomed = read_trace(tmp_path / "run" / "traces.parquet", 2 * QUOTA)[0].ends, lasting[0][0]
    assert np.flatnonzero(ends == CRASHED).tolist() == [doomed]
    assert np.delete(ends[:QUOTA], doomed).tolist() == np.delete(good.ends, doomed).tolist()
    verify(tmp_path / "run")


def test_what_is_wrong_for_good_ends_the_run(few, lasting, tmp_path):
    """A language model that does not answer, say: what is finished is kept, and nothing is lost for it."""
    with pytest.raises(AgentError, match="plain, longrec/Games-v0, training seed 0: no model answers"):
        run(tmp_path / "run", few, plain("fatal", lasting[1][:1]))
