"""Nothing twice: what was shown is masked, refused or replaced."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recsim_envs  # noqa: F401
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.wrappers import NoRepeat
from tests.recsim_envs.wrappers.slates import FAMILY, ITEMS, SLOTS


def test_what_was_shown_is_masked_and_refused():
    env = NoRepeat(gym.make("longrec/Games-v0"))
    _, info = env.reset(seed=0)
    assert info["action_mask"].all()
    *_, info = env.step(7)
    assert np.flatnonzero(info["action_mask"] == 0).tolist() == [7]
    assert np.flatnonzero(~env.action_masks()).tolist() == [7]
    with pytest.raises(InvalidActionError, match="item 7 was already shown"):
        env.step(7)
    assert env.reset()[1]["action_mask"].all()


@given(st.lists(st.lists(st.integers(0, ITEMS - 1), min_size=SLOTS, max_size=SLOTS), max_size=3), st.integers(0, 99))
def test_replaced_slates_never_repeat_until_the_items_are_used_up(slates, seed):
    """Against a set of what was shown; three slates of two use up six items."""
    env = NoRepeat(SimulatorEnv(family=FAMILY), on_repeat="replace")
    env.reset(seed=seed)
    shown: set[int] = set()
    for slate in slates:
        observation, _, left, _, info = env.step(np.array(slate))
        new = observation["session_items"][-SLOTS:].tolist()
        assert len(set(new)) == SLOTS
        assert not shown & set(new)
        assert set(slate) - shown <= set(new)
        shown |= set(new)
        fresh = len(shown) == ITEMS
        assert info["action_mask"].tolist() == [1 if fresh or i not in shown else 0 for i in range(ITEMS)]
        if left:
            break


def test_a_slate_with_an_item_twice_is_refused():
    env = NoRepeat(SimulatorEnv(family=FAMILY))
    env.reset(seed=0)
    with pytest.raises(InvalidActionError, match="item 3"):
        env.step(np.array([3, 3]))


def test_the_protocols_own_mask_is_kept():
    env = NoRepeat(SimulatorEnv(family=FAMILY, forbids=4), on_repeat="replace")
    _, info = env.reset(seed=0)
    assert info["action_mask"].tolist() == [1, 1, 1, 1, 0, 1]
    observation, *_ = env.step(np.array([4, 4]))
    assert observation["session_items"][-2:].tolist() == [5, 3]  # the most popular that may be shown


def test_options_are_checked():
    with pytest.raises(ConfigurationError, match="on_repeat 'skip' does not exist"):
        NoRepeat(SimulatorEnv(family=FAMILY), on_repeat="skip")
