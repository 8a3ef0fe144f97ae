"""Speed of the harness: evaluating the random agent, and replaying what was evaluated."""

from __future__ import annotations

from leaderboard import seeds
from leaderboard.agents import build_agent
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.simulate import simulate
from leaderboard.replay import verify
from leaderboard.schema import Task
from leaderboard.suites import custom_suite

LANES = 4096
EPISODES = 400_000  # a hundred for each lane: the last sessions, on which fewer and fewer lanes work, hardly count
ENV = "longrec/Games-v0"


def test_evaluation(benchmark):
    """The random agent over a fixed quota: sessions begun, ended, tagged and put in order included."""
    simulator = simulator_for(Task(env_id=ENV, episodes=1), LANES)
    agent = build_agent("random", {})
    agent.reset(simulator.task, LANES, 0)
    episodes, keys = seeds.episode_seeds("bench", ENV, EPISODES), seeds.session_keys("bench", ENV, 0, EPISODES)
    benchmark.extra_info["steps"] = len(simulate(agent, simulator, episodes, keys).actions)
    benchmark(simulate, agent, simulator, episodes, keys)


def test_replay(benchmark, tmp_path):
    """A whole `verify`: reading, hashing, checking and stepping."""
    suite = custom_suite(ENV, episodes=30_000)
    evaluate(Job("random", tmp_path / "run"), suite, workers=1)
    benchmark.extra_info["steps"] = verify(tmp_path / "run").steps
    benchmark(verify, tmp_path / "run")
