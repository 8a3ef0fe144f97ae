"""Speed of the reward models at 1,024 lanes on one core: ten million items with factors, 50 thousand with networks.

Where benchmarks are switched off the worlds are small, and this only shows that the files run.
"""

from __future__ import annotations

import tempfile

import gymnasium as gym
import numpy as np
import pytest
from numba import njit

from recsim_envs import rng
from recsim_envs.worlds.world import World
from tests.benchmarks.family_speeds import LANES
from tests.worlds import tiny_deepfm_world, tiny_factor_world, tiny_gru_world

USERS, RANK = 100_000, 16
POOL = 512  # batches of actions, so that items are read where they lie and not from a cache
RULES = {"threshold": 0.5, "r_min": 0.0, "leaving_pays": True}


@njit(cache=True)
def gather(user_factors, item_factors, item_bias, vectors, users, actions, out):
    """What no environment on factors can beat: one read of everything about an item a lane, and no rules."""
    for b in range(len(users)):
        total = item_bias[actions[b]]
        for k in range(item_factors.shape[1]):
            total += user_factors[users[b], k] * item_factors[actions[b], k] + vectors[actions[b], k]
        out[b] = total


def large_world(items: int) -> World:
    """A factor world as `tests.worlds` makes them, of a size that no list of Python's should have."""
    small, generator = tiny_factor_world(), np.random.default_rng(0)
    numbers, users = np.arange(items + 1, dtype=np.int64), np.arange(USERS, dtype=np.int32)
    arrays = {
        "vectors": generator.random((items, RANK), np.float32),
        "title_bytes": np.full(items, ord("x"), np.uint8),
        "title_offsets": numbers,
        "category_indptr": numbers,
        "category_ids": (numbers[:-1] % 3).astype(np.int32),
        "popularity": numbers[:-1],
        "mean_reward": np.full(items, 3.0, np.float32),
        "train_users": users[::2],
        "test_users": users[1::2],
        "log_indptr": np.zeros(USERS + 1, np.int64),
        "log_items": np.zeros(0, np.int32),
        "log_rewards": np.zeros(0, np.float32),
        "user_factors": generator.random((USERS, RANK), np.float32),
        "item_factors": generator.random((items, RANK), np.float32) - np.float32(0.5),
        "user_bias": np.full(USERS, 3.0, np.float32),
        "item_bias": np.zeros(items, np.float32),
    }
    return World(small.info, arrays)


@pytest.fixture(scope="module")
def ten_million(request):
    """On disk and memory-mapped, as a world of this size is used; about 1.7 GB."""
    items = 10_000_000 if request.config.getoption("--benchmark-enable") else 1000
    with tempfile.TemporaryDirectory() as folder:
        yield large_world(items).save(f"{folder}/large")


def drawn(items: int) -> np.ndarray:
    return rng.below_array(items, 1, np.arange(POOL)[:, None], rng.POLICY, np.arange(LANES))


def step_through(benchmark, world: World) -> None:
    env = gym.make_vec("longrec/Games-v0", LANES, "vector_entry_point", world=world, **RULES)
    env.reset(seed=0)
    actions = drawn(world.num_items)
    env.step(actions[0])
    benchmark.extra_info["steps"] = POOL * LANES

    @benchmark
    def run():
        for batch in actions:
            env.step(batch)


def test_large_gather(benchmark, ten_million):
    arrays = [np.asarray(ten_million.arrays[n]) for n in ("user_factors", "item_factors", "item_bias", "vectors")]
    users, actions = rng.below_array(USERS, 2, np.arange(LANES), rng.POLICY), drawn(ten_million.num_items)
    out = np.empty(LANES, np.float32)
    gather(*arrays, users, actions[0], out)
    benchmark.extra_info["steps"] = POOL * LANES

    @benchmark
    def run():
        for batch in actions:
            gather(*arrays, users, batch, out)


def test_large_world(benchmark, ten_million):
    step_through(benchmark, ten_million)


@pytest.mark.parametrize("model", ["factors", "deepfm", "gru"])
def test_reward_model(benchmark, request, model):
    items = 50_000 if request.config.getoption("--benchmark-enable") else 1000
    make, sizes = {
        "factors": (tiny_factor_world, {}),
        "deepfm": (tiny_deepfm_world, {"layers": (64, 32), "rank": RANK}),
        "gru": (tiny_gru_world, {"width": 32, "rank": RANK}),
    }[model]
    step_through(benchmark, make(users=1000, items=items, dim=RANK, **sizes))
