"""The kernels of the markets against slow plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recsim_envs.markets.reference import Creators, Platforms, Slots
from tests.recsim_envs.markets.support import begun, random_actions

SEEDS = st.integers(0, 2**32)


def close(value):
    return pytest.approx(value, rel=1e-9, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    seed=SEEDS,
    creators=st.integers(2, 9),
    users=st.integers(1, 12),
    mechanism=st.sampled_from(["engagement", "quality", "viability"]),
    viability=st.sampled_from([0.0, 12.0, 20.0, 24.0]),
    fatigue_gain=st.sampled_from([0.0, 0.05, 1.0]),
    split=st.sampled_from(["train", "test", "all"]),
)
def test_the_creator_market_equals_its_reference(seed, creators, users, mechanism, viability, fatigue_gain, split):
    options = {"mechanism": mechanism, "viability": viability, "fatigue_gain": fatigue_gain, "horizon": 12}
    market, seeds = begun("creator_market_v0", 2, seed, num_creators=creators, num_users=users, split=split, **options)
    expected = [Creators(s, creators=creators, users=users, **options) for s in seeds]
    for number in range(13):
        actions = random_actions(market, seed, number)
        step, hidden = market.step(actions), market.hidden()
        for b, world in enumerate(expected):
            assert step.rewards[b].tolist() == close(world.step(actions[b].tolist()))
            assert market.causes()[b].tolist() == world.cause
            assert step.terminated[b].tolist() == [cause == "left" for cause in world.cause]
            assert step.truncated[b].tolist() == [cause == "horizon" for cause in world.cause]
            if number < 12:  # worlds that are over stay as they are
                assert hidden["audience"][b].tolist() == close(world.audience)
                if any(not cause for cause in world.cause):
                    assert hidden["habit"][b].tolist() == close(world.habit)
                    assert hidden["fatigue"][b].tolist() == close(world.fatigue)
    assert market.over.all()


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, slots=st.integers(2, 9), tiring=st.sampled_from([0.0, 0.2, 3.0]), topics=st.integers(1, 12))
def test_the_slate_team_equals_its_reference(seed, slots, tiring, topics):
    options = {"tiring": tiring, "horizon": 30}
    market, seeds = begun("slate_team_v0", 3, seed, num_slots=slots, **options)
    expected = [Slots(s, slots=slots, **options) for s in seeds]
    for number in range(31):
        actions = random_actions(market, seed, number) % topics
        step, hidden = market.step(actions), market.hidden()
        for b, user in enumerate(expected):
            reward = 0.0 if user.cause else user.step(actions[b].tolist())
            assert step.rewards[b].tolist() == [reward] * slots
            assert market.causes()[b].tolist() == [user.cause] * slots
            assert hidden["weariness"][b] == close(user.weariness)
            assert hidden["patience"][b] == close(user.patience)
            assert hidden["exposure"][b].tolist() == close(user.exposure)
    assert market.over.all()


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, users=st.integers(1, 12), harm=st.sampled_from([0.0, 0.6, 2.0]))
def test_the_duopoly_equals_its_reference(seed, users, harm):
    market, seeds = begun("duopoly_v0", 2, seed, num_users=users, harm=harm, horizon=15)
    expected = [Platforms(s, users=users, harm=harm, horizon=15) for s in seeds]
    for number in range(15):
        actions = random_actions(market, seed, number)
        step, hidden = market.step(actions), market.hidden()
        for b, world in enumerate(expected):
            assert step.rewards[b].tolist() == close(world.step(actions[b].tolist()))
            assert market.causes()[b].tolist() == [world.cause] * 2
            assert hidden["returning"][b].tolist() == close(world.returning)
            for name in ("satisfaction", "habit"):
                assert hidden[name][b].ravel().tolist() == close(np.ravel(getattr(world, name)).tolist())
    assert market.over.all()
