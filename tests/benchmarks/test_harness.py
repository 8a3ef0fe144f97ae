"""Speeds of evaluating and of replaying; the ratios stand in `conftest.py`."""

from __future__ import annotations

import numpy as np
import pytest

import recsim_envs
from baselines.simple import RandomAgent
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.simulate import simulate
from leaderboard.replay import verify
from leaderboard.schema import Suite, Task
from recsim_envs.faces.seeding import lane_seeds

LANES = 4096
EPISODES = 50_000


def test_evaluation(benchmark):
    """The random agent through the evaluation loop, traces included, at the lanes of `test_raw_stepping`."""
    simulator = recsim_envs.make_simulator("longrec/Games-v0", LANES)
    agent, seeds, keys = RandomAgent(), lane_seeds(0, EPISODES), lane_seeds(1, EPISODES)
    agent.reset(simulator.task, LANES, 0)
    benchmark.extra_info["steps"] = int(simulate(agent, simulator, seeds, keys).offsets[-1])
    benchmark(simulate, agent, simulator, seeds, keys)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Sessions of a careful agent: about fifty steps each."""
    path = tmp_path_factory.mktemp("run") / "popular"
    task = Task(env_id="longrec/Games-v0", options={"threshold": 1e-6, "r_min": 0.0}, episodes=EPISODES)
    evaluate(Job("popular", path), Suite(name="replayed", training_seeds=(0,), tasks=(task,)), workers=1)
    return path


def test_replay(benchmark, run):
    """`longrec verify`, from the files: hashes, tags, quota and every step."""
    benchmark.extra_info["steps"] = verify(run).steps
    benchmark.pedantic(verify, (run,), rounds=5)


def test_verified_rewards_are_the_tables(run):
    outcome = verify(run).outcomes[0]
    world = recsim_envs.make_simulator("longrec/Games-v0", 1).world
    users = np.repeat(outcome.users, np.diff(outcome.offsets))
    assert np.array_equal(outcome.rewards, world.arrays["rewards"][users, outcome.items])
