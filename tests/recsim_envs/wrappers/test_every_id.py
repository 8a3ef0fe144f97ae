"""Any registered id is made continuous, small and discrete, and readable."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError
from recsim_envs.ids import builtin_ids
from recsim_envs.text.budget import count_tokens
from recsim_envs.wrappers import CandidateSet, EmbeddingAction, EpisodeStatistics, FlattenSlate, TextObservation


def play(env, steps: int = 8) -> list[dict]:
    """Random steps; what ended sessions came to. Every observation is in the space."""
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    ended = []
    for _ in range(steps):
        assert env.observation_space.contains(observation)
        observation, _, left, capped, info = env.step(env.action_space.sample())
        if left or capped:
            ended.append(info["episode"])
            observation, _ = env.reset()
    return ended


@pytest.mark.parametrize("env_id", builtin_ids())
def test_every_environment_can_be_wrapped(env_id):
    env = EpisodeStatistics(gym.make(env_id))
    task = env.unwrapped.task
    continuous = FlattenSlate(EmbeddingAction(env, embedding="observation" if task.candidates else "hashing", dim=8))
    assert isinstance(continuous.action_space, gym.spaces.Box)
    assert np.isfinite(continuous.action_space.high).all()
    ended = play(continuous)
    text = TextObservation(env, max_tokens=200)
    assert count_tokens(text.reset(seed=0)[0]) <= 200
    ended += play(text)
    if task.candidates:
        with pytest.raises(ConfigurationError, match="drawn anew"):
            CandidateSet(env)
    else:
        ended += play(FlattenSlate(CandidateSet(env, num_candidates=10, source="mixture")))
    assert all(episode["l"] >= 1 and episode["cause"] for episode in ended)
