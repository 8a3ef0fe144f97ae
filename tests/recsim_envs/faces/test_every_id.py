"""Whatever is registered passes the checkers of the field, and every face shows the same sessions."""

from __future__ import annotations

import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import recsim_envs
from recsim_envs import rng
from recsim_envs.faces.seeding import episode_seeds, lane_seeds

IDS = recsim_envs.registered_ids()
PROTOCOLS = ["FB", "NX_0", "NX_10"]


def test_the_default_worlds_are_registered():
    assert {"longrec/Games-v0", "longrec/Books-v0"} <= set(IDS)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("env_id", IDS)
def test_gymnasium_and_sb3_find_nothing_to_complain_about(env_id, protocol):
    env = gym.make(env_id, protocol=protocol, render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Gymnasium warns of every environment that it is checked inside gym.make's wrappers.
        check_env(env.unwrapped, skip_render_check=False)
        check_env_sb3(env, warn=True)


@pytest.mark.parametrize("env_id", IDS)
def test_a_vector_lane_equals_a_scalar_environment_for_a_thousand_seeds(env_id):
    """Bit for bit over two episodes and their autoreset, each lane against `reset(seed=its seed)`."""
    lanes, steps = 1000, 12
    vector = gym.make_vec(env_id, num_envs=lanes, split="test")
    scalar = gym.make(env_id, split="test").unwrapped
    seeds = rng.bits_array(17, np.arange(lanes), rng.POLICY) >> np.uint64(1)
    first, _ = vector.reset(seed=[int(s) for s in seeds])
    n = int(vector.single_action_space.n)
    actions = [rng.below_array(n, 3, t, rng.POLICY, np.arange(lanes)) for t in range(steps)]
    record = [vector.step(a) for a in actions]
    for lane in range(lanes):
        observation, _ = scalar.reset(seed=int(seeds[lane]))
        assert_same(observation, first, lane)
        over = False
        for a, (observations, rewards, terminated, truncated, _) in zip(actions, record, strict=True):
            if over:
                observation, _ = scalar.reset()
                result = (0.0, False, False)
            else:
                observation, *result, _ = scalar.step(int(a[lane]))
            assert_same(observation, observations, lane)
            assert tuple(result[:3]) == (rewards[lane], terminated[lane], truncated[lane])
            over = result[1] or result[2]


def assert_same(observation, batch, lane):
    for key, value in observation.items():
        assert value.dtype == batch[key].dtype
        assert value.tobytes() == np.ascontiguousarray(batch[key][lane]).tobytes()


@pytest.mark.parametrize("env_id", IDS)
def test_the_bare_simulator_plays_the_same_episodes(env_id):
    vector = gym.make_vec(env_id, num_envs=64, autoreset_mode="Disabled")
    simulator = recsim_envs.make_simulator(env_id, 64)
    observations, _ = vector.reset(seed=5)
    simulator.begin(np.arange(64), episode_seeds(lane_seeds(5, 64), np.zeros(64, np.int64)))
    assert all(np.array_equal(observations[k], v) for k, v in simulator.observe().items())


@pytest.mark.parametrize("env_id", IDS)
def test_public_infos_hide_the_user(env_id):
    for protocol in PROTOCOLS:
        env = gym.make(env_id, protocol=protocol)
        _, info = env.reset(seed=1)
        *_, later = env.step(0)
        assert set(info) | set(later) <= {"action_mask"}


FINGERPRINT = """
import gymnasium as gym, hashlib, numpy as np, recsim_envs
from recsim_envs import rng
env = gym.make_vec({env_id!r}, num_envs={lanes}, split="test")
digest = [hashlib.sha256() for _ in range(8)]
observations, _ = env.reset(seed=list(range(100, 100 + {lanes})))
for t in range(30):
    actions = rng.below_array(int(env.single_action_space.n), np.arange({lanes}), t, rng.POLICY)
    observations, rewards, terminated, truncated, _ = env.step(actions)
    for b in range(8):
        for value in (*observations.values(), rewards, terminated, truncated):
            digest[b].update(np.ascontiguousarray(value[b]).tobytes())
print([d.hexdigest() for d in digest])
"""


@pytest.mark.parametrize("env_id", IDS)
def test_other_processes_and_batch_sizes_compute_the_same_bits(env_id):
    outputs = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", FINGERPRINT.format(env_id=env_id, lanes=lanes)],
            capture_output=True, text=True, check=True,
        ).stdout
        for lanes in (8, 8, 33)
    }  # fmt: skip
    assert len(outputs) == 1


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_make_vec_knows_gymnasiums_autoreset_modes(mode):
    env = gym.make_vec(IDS[0], num_envs=3, autoreset_mode=mode.value)
    assert env.metadata["autoreset_mode"] is mode
    assert env.observation_space.contains(env.reset(seed=0)[0])
