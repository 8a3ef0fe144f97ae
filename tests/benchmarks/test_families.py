"""Speed of every family at 1,024 lanes on one core: random actions on the native vector face."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from recsim_envs.policies import random_actions
from tests.benchmarks.family_speeds import FAMILIES, LANES, STEPS


@pytest.mark.parametrize("name", FAMILIES)
def test_family(benchmark, name):
    env_id, options, _ = FAMILIES[name]
    env = gym.make_vec(env_id, num_envs=LANES, vectorization_mode="vector_entry_point", **options)
    env.reset(seed=0)
    keys = np.arange(LANES, dtype=np.uint64)
    actions = [random_actions(env.unwrapped.simulator, keys, t) for t in range(STEPS)]
    env.step(actions[0])
    benchmark.extra_info["steps"] = STEPS * LANES

    @benchmark
    def run():
        for batch in actions:
            env.step(batch)
