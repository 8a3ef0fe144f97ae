"""Flat observations and numbered slates, and what Stable-Baselines3 makes of them."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.env_checker import check_env

import recsim_envs  # noqa: F401
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.wrappers import CandidateSet, EmbeddingAction, FlattenSlate, NoRepeat
from tests.recsim_envs.wrappers.slates import FAMILY, ITEMS


def test_parts_follow_each_other_in_the_order_of_the_space():
    plain, flat = SimulatorEnv(family=FAMILY), FlattenSlate(SimulatorEnv(family=FAMILY))
    parts, _ = plain.reset(seed=1)
    vector, _ = flat.reset(seed=1)
    assert vector.tolist() == np.concatenate([parts[key].ravel() for key in plain.observation_space]).tolist()
    assert vector.dtype == np.float32
    assert flat.observation_space.contains(vector)
    assert flat.action_space == plain.action_space


def test_a_slate_by_its_number():
    env = FlattenSlate(NoRepeat(SimulatorEnv(family=FAMILY)), enumerate_slates=True)
    assert env.action_space == gym.spaces.Discrete(ITEMS**2)
    env.reset(seed=1)
    observation, _, _, _, info = env.step(4 * ITEMS + 2)
    assert observation[2:4].tolist() == [4, 2]
    allowed = np.flatnonzero(info["action_mask"]).tolist()
    assert allowed == [a * ITEMS + b for a in range(ITEMS) for b in range(ITEMS) if not {a, b} & {4, 2}]
    assert np.flatnonzero(env.action_masks()).tolist() == allowed
    with pytest.raises(InvalidActionError):
        env.step(ITEMS**2)


def test_too_many_slates_are_refused(monkeypatch):
    monkeypatch.setattr("recsim_envs.wrappers.flatten.MOST_SLATES", 35)
    with pytest.raises(ConfigurationError, match=r"6\^2 = 36 slates, more than 35; make the choice smaller"):
        FlattenSlate(SimulatorEnv(family=FAMILY), enumerate_slates=True)
    assert FlattenSlate(
        CandidateSet(SimulatorEnv(family=FAMILY), num_candidates=5), enumerate_slates=True
    ).action_space == gym.spaces.Discrete(25)


def games():
    return gym.make("longrec/Games-v0", horizon=20)


def slates():
    return SimulatorEnv(family=FAMILY)


SMALL = {"policy_kwargs": {"net_arch": [16]}, "seed": 0, "device": "cpu"}
TRAINED = [
    (PPO, lambda: FlattenSlate(CandidateSet(games())), {"n_steps": 32, "batch_size": 32, "n_epochs": 1}),
    (PPO, lambda: FlattenSlate(CandidateSet(slates(), num_candidates=4)), {"n_steps": 32, "batch_size": 32}),
    (DQN, lambda: FlattenSlate(CandidateSet(games())), {"learning_starts": 20}),
    (DQN, lambda: FlattenSlate(slates(), enumerate_slates=True), {"learning_starts": 20}),
    (SAC, lambda: FlattenSlate(EmbeddingAction(games())), {"learning_starts": 20}),
    (SAC, lambda: FlattenSlate(EmbeddingAction(NoRepeat(slates()), dim=3)), {"learning_starts": 20}),
]


@pytest.mark.parametrize(("algorithm", "make", "options"), TRAINED)
def test_stable_baselines_trains_on_it(algorithm, make, options):
    env = make()
    check_env(env)
    model = algorithm("MlpPolicy", env, **options, **SMALL).learn(64)
    action, _ = model.predict(env.reset(seed=0)[0], deterministic=True)
    assert env.action_space.contains(action) or int(action) in range(env.action_space.n)
