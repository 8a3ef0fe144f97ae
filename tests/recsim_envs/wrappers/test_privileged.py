"""Hidden state appears through the privileged wrappers and nowhere else."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import recsim_envs  # noqa: F401
from recsim_envs.errors import ConfigurationError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.faces.vector import SimulatorVectorEnv
from recsim_envs.wrappers import PrivilegedInfo, VectorPrivilegedInfo


def test_scalar(small_world):
    env = PrivilegedInfo(SimulatorEnv(family="departure", world=small_world))
    _, info = env.reset(seed=4)
    user = info["privileged"]["user"]
    assert user.shape == (1,)
    _, reward, _, _, info = env.step(3)
    assert reward == small_world.arrays["rewards"][user[0], 3]
    assert info["privileged"]["world"] is small_world


def test_vector(small_world):
    env = VectorPrivilegedInfo(SimulatorVectorEnv(5, family="departure", world=small_world))
    _, infos = env.reset(seed=4)
    users = infos["privileged"]["user"]
    _, rewards, *_ = env.step(np.arange(5))
    assert np.array_equal(rewards, small_world.arrays["rewards"][users, np.arange(5)])


def test_other_environments_have_nothing_to_show():
    with pytest.raises(ConfigurationError, match="no longrec environment"):
        PrivilegedInfo(gym.make("CartPole-v1"))
