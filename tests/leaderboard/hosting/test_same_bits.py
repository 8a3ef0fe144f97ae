"""An agent in a process of its own gives the bits that it gives inside the harness: acting, watching, training."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.schema import Isolation, LogRef, SpentBudget, Submission, Usage
from leaderboard.suites import custom_suite
from recsim_envs.errors import AgentError, ConfigurationError
from tests.leaderboard.conftest import ENV, HERE
from tests.leaderboard.hosting.loop import Loop
from tests.leaderboard.slates import SLATES, register

ODD = "tests.leaderboard.hosting.loud_agents"
APART = Isolation(step_seconds=60.0, memory_mb=4096)


@pytest.fixture
def looped(monkeypatch):
    """Messages to a host in this process: as they are to one of its own, without the time that it takes to start."""
    monkeypatch.setattr("leaderboard.hosting.start.Process", Loop)


def run(path: Path, agent: str, suite, parameters=None, isolation: Isolation | None = APART, **options) -> Submission:
    return evaluate(Job(agent, path, parameters or {}, isolation=isolation), suite, **({"workers": 1} | options))


def same(agent, suite, tmp_path, parameters=None):
    here = run(tmp_path / "here", agent, suite, parameters, isolation=None)
    there = run(tmp_path / "there", agent, suite, parameters)
    assert there.isolation == APART
    assert there.traces_sha256 == here.traces_sha256
    assert [(c.spent, c.facts) for c in there.cells] == [(c.spent, c.facts) for c in here.cells]
    assert (there.agent.name, there.agent.parameters) == (here.agent.name, here.agent.parameters)
    return there


@pytest.fixture
def tiny(world_path):
    def made(episodes=12, options=None, **rest):
        options = {"world": str(world_path), **(options or {})}
        return custom_suite(ENV, episodes=episodes, training_seeds=(0,), options=options, **rest)

    return made


def test_an_agent_that_may_not_repeat(looped, tiny, tmp_path):
    same("greedy-no-repeat", tiny(options={"protocol": "NX_0"}), tmp_path)


def test_an_agent_that_shows_slates(looped, tmp_path):
    register()
    same("random", custom_suite(SLATES, episodes=6, training_seeds=(0,)), tmp_path)


def test_a_bandit_that_trains(looped, tiny, tmp_path):
    submission = same("linucb", tiny(limit=SpentBudget(episodes=12)), tmp_path, {"num_envs": 3})
    assert submission.cells[0].spent.episodes == 12


def test_a_network_that_trains(looped, tiny, tmp_path):
    pytest.importorskip("stable_baselines3")
    parameters = {"num_envs": 4, "embedding_dim": 4, "hidden": 4}
    submission = same("ppo", tiny(limit=SpentBudget(episodes=12)), tmp_path, parameters)
    assert submission.cells[0].spent.episodes == 12


def test_an_agent_that_learns_from_a_log(looped, tiny, tmp_path):
    log = LogRef(name="longrec/games/random-v0", sessions=20)
    same("tests.leaderboard.log_agents:LogLearner", tiny(track="offline", log=log), tmp_path)


def test_an_agent_that_watches_and_prints(tiny, tmp_path):
    """What it prints disturbs nobody."""
    loud = run(tmp_path / "loud", f"{ODD}:Loud", tiny())
    assert loud.traces_sha256 == run(tmp_path / "quiet", f"{HERE}:Watcher", tiny(), isolation=None).traces_sha256
    assert loud.cells[0].lost.sessions == 0


@pytest.mark.parametrize("agent", ["Forgetful", "Keeping"])
def test_one_that_dies_once_goes_on_with_what_it_had_learned(tiny, tmp_path, monkeypatch, agent):
    """Trained anew, or loaded, it acts as if it had lived; no session is lost, for alone it does not die."""
    suite = tiny(limit=SpentBudget(episodes=10))
    monkeypatch.setenv("ONCE", str(tmp_path / "once"))
    died = run(tmp_path / "there", f"{ODD}:{agent}", suite)
    assert (tmp_path / "once").exists()
    assert died.cells[0].lost.sessions == 0
    assert died.cells[0].lost.told.startswith(f"{agent}.act failed: it ended with exit status 9")
    assert died.cells[0].spent.episodes == 10
    lived = run(tmp_path / "here", f"{ODD}:Forgetful", suite, isolation=None)
    assert died.traces_sha256 == lived.traces_sha256
    assert lived.cells[0].usage == {"test": Usage(model="parrot", calls=3)}
    assert died.cells[0].usage == {"test": Usage(model="parrot")}  # not measured: what it had counted died with it


@pytest.mark.parametrize(
    ("agent", "parameters", "text"),
    [
        ("Exits", {}, r"Exits, longrec/Games-v0, training seed 0: Exits\.act failed: SystemExit\(0\) \(and so in"),
        ("Overspends", {}, "Overspends, longrec/Games-v0, training seed 0: the training budget is spent"),
        ("Describes", {"how": "array"}, r"Describes\.describe returned what is no JSON object"),
        ("Watcher", {"sault": 1}, "has no parameter 'sault'; did you mean salt"),
        ("Watcher", {"salt": "much"}, "parameter 'salt' takes a whole number, got 'much'"),
        ("Nobody", {}, "has no class 'Nobody'; known are"),
    ],
)
def test_faults_are_told_as_they_are_inside(looped, tiny, tmp_path, monkeypatch, agent, parameters, text):
    monkeypatch.setattr("leaderboard.evaluate.simulate.MOST_LOST", 2)
    with pytest.raises(AgentError, match=text):
        run(tmp_path / "run", f"{HERE}:{agent}", tiny(limit=SpentBudget(episodes=10)), parameters)


def test_hidden_state_stays_inside(looped, tiny, tmp_path):
    with pytest.raises(
        AgentError, match="'oracle' reads hidden state, which never leaves the harness; add --no-isolate"
    ):
        run(tmp_path / "run", "oracle", tiny())


def test_what_a_run_with_another_isolation_left(looped, tiny, tmp_path):
    run(tmp_path / "run", "random", tiny(), isolation=None)
    with pytest.raises(ConfigurationError, match="holds a run with another isolation of the agent; pass --fresh"):
        run(tmp_path / "run", "random", tiny())
