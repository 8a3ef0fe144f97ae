"""Speeds of the environments, as ratios in one run: `make bench`.

Never asserted: machines are shared. `conftest.py` prints the ratios after pytest-benchmark's own table, with the
targets beside them.
"""

from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from numba import njit

import recsim_envs
from recsim_envs import rng
from recsim_envs.faces.seeding import episode_seeds, lane_seeds

LANES = 4096
POOL = 256  # batches of actions, so that the table is read where it lies and not from the nearest cache
STEPS = 20_000  # of a scalar environment in one round


@njit(cache=True)
def gather(table, users, actions, out):
    """What no environment can beat: one read of the reward table a lane."""
    for b in range(len(users)):
        out[b] = table[users[b], actions[b]]


def random_actions(n: int) -> np.ndarray:
    return rng.below_array(n, 1, np.arange(POOL)[:, None], rng.POLICY, np.arange(LANES))


@pytest.fixture(scope="module")
def world():
    return recsim_envs.make_simulator("longrec/Games-v0", 1).world


def test_gather(benchmark, world):
    table = np.asarray(world.arrays["rewards"])
    users = rng.below_array(world.num_users, 2, np.arange(LANES), rng.POLICY)
    actions, out = random_actions(world.num_items), np.empty(LANES, np.float32)
    gather(table, users, actions[0], out)
    benchmark.extra_info["steps"] = POOL * LANES

    @benchmark
    def run():
        for batch in actions:
            gather(table, users, batch, out)


def vector_rounds(env):
    def run():
        for batch in env.pool:
            env.step(batch)

    return run


@pytest.mark.parametrize("env_id", ["longrec/Games-v0", "CartPole-v1"])
def test_vector(benchmark, env_id):
    env = gym.make_vec(env_id, num_envs=LANES, vectorization_mode="vector_entry_point")
    env.reset(seed=0)
    env.pool = random_actions(int(env.single_action_space.n))
    env.step(env.pool[0])
    benchmark.extra_info["steps"] = POOL * LANES
    benchmark(vector_rounds(env))


@pytest.mark.parametrize("unwrapped", [False, True], ids=["made", "unwrapped"])
@pytest.mark.parametrize("env_id", ["longrec/Games-v0", "CartPole-v1"])
def test_scalar(benchmark, env_id, unwrapped):
    # Sessions of 70 steps: every rule is computed, but a random policy would leave after three items.
    stay = {"threshold": 1e-6, "r_min": 0.0} if "Games" in env_id else {}
    env = gym.make(env_id, **stay)
    env = env.unwrapped if unwrapped else env
    actions = rng.below_array(int(env.action_space.n), 1, np.arange(STEPS), rng.POLICY).tolist()
    env.reset(seed=0)
    benchmark.extra_info["steps"] = STEPS

    @benchmark
    def run():
        env.reset()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()


def test_raw_stepping(benchmark):
    """A random policy on the bare simulator at the lanes of an evaluation: what evaluating it is compared with."""
    simulator = recsim_envs.make_simulator("longrec/Games-v0", LANES)
    lanes, seeds = np.arange(LANES), lane_seeds(0, LANES)
    actions = random_actions(simulator.task.action_space.n)
    benchmark.extra_info["steps"] = POOL * LANES

    @benchmark
    def run():
        for t, batch in enumerate(actions):
            over = np.flatnonzero(simulator.over)
            simulator.begin(lanes[over], episode_seeds(seeds[over], np.full(len(over), t)))
            simulator.step(batch)
            simulator.observe()


@pytest.mark.parametrize("package", ["recsim_envs", "gymnasium"])
def test_import(benchmark, package):
    benchmark.extra_info["steps"] = 1
    benchmark.pedantic(
        lambda: subprocess.run([sys.executable, "-c", f"import {package}"], check=True), rounds=7, warmup_rounds=1
    )
