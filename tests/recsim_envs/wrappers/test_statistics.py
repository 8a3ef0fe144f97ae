"""What a session came to, against a plain count; agreement between faces is tested in `test_both_faces`."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given
from hypothesis import strategies as st

import recsim_envs  # noqa: F401
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.faces.vector import SimulatorVectorEnv
from recsim_envs.wrappers import CandidateSet, EpisodeStatistics, VectorEpisodeStatistics
from tests.recsim_envs.wrappers.slates import FAMILY, ITEMS, SLOTS


@given(st.lists(st.lists(st.integers(0, ITEMS - 1), min_size=SLOTS, max_size=SLOTS), min_size=4, max_size=4))
def test_they_are_what_a_plain_count_finds(slates):
    env = EpisodeStatistics(SimulatorEnv(family=FAMILY, horizon=4))
    env.reset(seed=9)
    shown, total = [], 0.0
    for number, slate in enumerate(slates, 1):  # noqa: B007
        _, reward, left, capped, info = env.step(np.array(slate))
        shown += slate
        total += reward
        if left or capped:
            break
        assert "episode" not in info
    found = info["episode"]
    assert (found["r"], found["l"], found["cause"]) == (total, number, "hated" if left else "horizon")
    assert (found["items"], found["repeats"]) == (len(set(shown)), len(shown) - len(set(shown)))
    assert 0 < found["t"] < 60


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_return_and_length_are_gymnasiums(mode):
    """Against `RecordEpisodeStatistics` of Gymnasium over the same steps."""
    env = SimulatorVectorEnv(4, family=FAMILY, horizon=3, autoreset_mode=mode)
    env = VectorEpisodeStatistics(gym.wrappers.vector.RecordEpisodeStatistics(env, stats_key="gymnasium"))
    env.reset(seed=0)
    env.action_space.seed(0)
    ends = 0
    for _ in range(12):
        *_, terminated, truncated, infos = env.step(env.action_space.sample())
        over = terminated | truncated
        if over.any():
            assert np.array_equal(infos["_episode"], infos["_gymnasium"])
            assert all(np.array_equal(infos["episode"][key], infos["gymnasium"][key]) for key in ("r", "l"))
            ends += over.sum()
            if mode is AutoresetMode.DISABLED:
                env.reset(options={"reset_mask": over})
    assert ends >= 4


def test_where_items_are_drawn_anew_they_are_not_counted():
    env = SimulatorEnv(family=FAMILY, horizon=1)
    env.simulator.task = env.simulator.task.__class__(**{**vars(env.simulator.task), "candidates": True})
    env = EpisodeStatistics(env)
    env.reset(seed=0)
    assert set(env.step(np.array([0, 0]))[-1]["episode"]) == {"r", "l", "t", "cause"}


def test_sb3s_monitor_reads_them():
    from stable_baselines3 import PPO
    from stable_baselines3.common.evaluation import evaluate_policy

    env = CandidateSet(EpisodeStatistics(gym.make("longrec/Games-v0", horizon=5)), num_candidates=3)
    model = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, n_epochs=1, seed=0)
    model.learn(64)
    assert len(model.ep_info_buffer) > 0
    assert {"r", "l", "t"} <= set(model.ep_info_buffer[0])
    evaluate_policy(model, env, n_eval_episodes=2, warn=False)
