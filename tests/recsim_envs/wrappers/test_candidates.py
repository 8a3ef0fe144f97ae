"""Candidate sets: different, allowed, where they say they come from, and drawn as a function of the seed."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import recsim_envs  # noqa: F401
from recsim_envs.errors import ConfigurationError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.wrappers import CandidateSet, NoRepeat
from recsim_envs.wrappers.kernels import latest, offer
from tests.recsim_envs.wrappers.slates import FAMILY, ITEMS


def test_an_action_is_the_number_of_a_candidate():
    env = CandidateSet(gym.make("longrec/Games-v0"), num_candidates=7, source="random")
    observation, _ = env.reset(seed=5)
    assert env.action_space == gym.spaces.Discrete(7)
    later, *_ = env.step(3)
    assert later["session_items"][-1] == observation["candidate_items"][3]
    assert not np.array_equal(later["candidate_items"], observation["candidate_items"])


def test_a_slate_is_made_of_candidates():
    env = CandidateSet(SimulatorEnv(family=FAMILY), num_candidates=4)
    observation, _ = env.reset(seed=5)
    later, *_ = env.step(np.array([2, 0]))
    assert later["session_items"][-2:].tolist() == observation["candidate_items"][[2, 0]].tolist()


def test_popular_candidates_are_the_most_popular():
    env = CandidateSet(gym.make("longrec/Games-v0"), source="popular")
    popularity = env.unwrapped.task.catalogue.popularity
    offered = env.reset(seed=1)[0]["candidate_items"]
    assert offered.tolist() == np.argsort(-popularity, kind="stable")[:10].tolist()


def test_nearest_candidates_share_categories_with_the_history():
    env = CandidateSet(gym.make("longrec/Games-v0"), source="nearest")
    catalogue, observation = env.unwrapped.task.catalogue, env.reset(seed=1)[0]
    recent = observation["history_items"][-5:].tolist()
    known = {tuple(catalogue.categories(item)) for item in recent}
    assert set(observation["candidate_items"][:5].tolist()) >= set(recent)
    assert all(tuple(catalogue.categories(item)) in known for item in observation["candidate_items"].tolist())


def test_candidates_come_through_the_mask_of_no_repeat():
    env = CandidateSet(NoRepeat(SimulatorEnv(family=FAMILY, forbids=5)), num_candidates=4)
    observation, info = env.reset(seed=0)
    assert "action_mask" not in info
    assert 5 not in observation["candidate_items"]
    later, *_ = env.step(np.array([0, 1]))
    assert not set(observation["candidate_items"][:2].tolist()) & set(later["candidate_items"].tolist())


def test_drawn_candidates_are_uniform():
    """Chi-square over 3,000 draws of 2 of 6 items, at the level 0.001; seeds are fixed."""
    out = np.zeros((3000, 2), np.int32)
    nobody, free = np.zeros((3000, 0), np.int32), np.ones((1, ITEMS), np.bool_)
    keys, popular = np.arange(3000, dtype=np.uint64), np.arange(ITEMS)
    offer(nobody, np.zeros((ITEMS, 0), np.int32), keys, np.zeros(3000, np.int64), 8, popular, 0, free, out)
    assert chisquare(np.bincount(out.ravel(), minlength=ITEMS)).pvalue > 0.001
    assert (out[:, 0] != out[:, 1]).all()


@given(st.data())
def test_an_offer_equals_its_plain_description(data):
    """Against streams taken in turn in plain Python, draws left out."""
    count, size = data.draw(st.integers(2, 8)), data.draw(st.integers(1, 6))
    items = st.integers(0, count - 1)
    free = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    known = data.draw(st.lists(items, max_size=3))
    table = np.array(data.draw(st.lists(st.lists(items, min_size=3, max_size=3), min_size=count, max_size=count)))
    popular = np.array(data.draw(st.permutations(range(count))))
    turns = data.draw(st.sampled_from([0, count]))
    recent, out = np.array([known + [-1] * (3 - len(known))], np.int32), np.zeros((1, size), np.int32)
    offer(
        recent,
        table.astype(np.int32),
        np.zeros(1, np.uint64),
        np.zeros(1, np.int64),
        0,
        popular,
        turns,
        free[None],
        out,
    )
    near = [table[item][n] for n in range(3) for item in known]
    mixed = [stream[n] for n in range(9) for stream in (near, popular[:turns].tolist()) if n < len(stream)]
    chosen = list(dict.fromkeys(int(i) for i in [*mixed, *popular] if free[i]))[:size] or [int(popular[0])]
    assert out[0].tolist() == [chosen[n % len(chosen)] for n in range(size)]


@given(st.lists(st.integers(-1, 4), max_size=12), st.integers(0, 5))
def test_the_latest_items_are_different_and_last_first(shown, count):
    out = np.zeros((1, count), np.int32)
    latest(np.array([shown], np.int32), out)
    expected = list(dict.fromkeys(i for i in reversed(shown) if i >= 0))[:count]
    assert out[0].tolist() == expected + [-1] * (count - len(expected))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_candidates": 1}, "num_candidates"),
        ({"num_candidates": 7}, "num_candidates must be an integer of 2 to 6"),
        ({"num_candidates": 4, "source": "best"}, "source 'best' does not exist"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ConfigurationError, match=message):
        CandidateSet(SimulatorEnv(family=FAMILY), **options)


def test_it_is_used_once():
    with pytest.raises(ConfigurationError, match="CandidateSet"):
        CandidateSet(CandidateSet(SimulatorEnv(family=FAMILY), num_candidates=4), num_candidates=2)
