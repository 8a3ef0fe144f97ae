"""What the reference policies expect is what plain Python expects, and they look at nothing that they may not know."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs.markets import registered_markets
from recsim_envs.markets.creator import response
from recsim_envs.markets.creator.references import _share
from tests.recsim_envs.markets.reference import Creators, Platforms
from tests.recsim_envs.markets.support import begun, random_actions


def creators_worth(world, i, plan, action):
    """What creator i of a reference world expects to earn now from an action, against the plan of the others."""
    total, items = 0.0, {}
    for j, cause in enumerate(world.cause):
        if not cause:
            a = action if j == i else plan[j]
            items[j] = a // 9, a // 3 % 3 / 2, a % 3 / 2
    for u, taste in enumerate(world.tastes):
        logits = {j: taste[k] + 0.3 * q + 0.5 * b - 0.5 * b * world.fatigue[u] for j, (k, q, b) in items.items()}
        scores = {
            j: world.score(u, j, item, logits[j]) + world.noise(u, j, response.IMAGINED) for j, item in items.items()
        }
        slate = sorted(items, key=lambda j: (-scores[j], j))[:5]
        if i in slate:
            total += world.habit[u] * math.exp(logits[i]) / (math.e + sum(math.exp(logits[j]) for j in slate))
    return total - 0.5 * items[i][1] ** 2


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    creators=st.integers(2, 8),
    mechanism=st.sampled_from(["engagement", "quality", "viability"]),
)
def test_myopic_creators_choose_what_pays_most_now(seed, creators, mechanism):
    options = {"mechanism": mechanism, "viability": 23.0, "fatigue_gain": 0.2, "horizon": 50}
    market, seeds = begun("creator_market_v0", 1, seed, num_creators=creators, num_users=6, **options)
    world = Creators(seeds[0], creators=creators, users=6, **options)
    for number in range(4):
        actions = random_actions(market, seed, number)
        market.step(actions)
        world.step(actions[0].tolist())
    plan = random_actions(market, seed, 9)
    answered = plan.copy()
    market.respond(answered, 0, creators)  # the first creator only
    assert (answered[0, 1:] == plan[0, 1:]).all()
    if world.cause[0]:
        assert answered[0, 0] == plan[0, 0]
    else:
        worth = [creators_worth(world, 0, plan[0].tolist(), action) for action in range(45)]
        assert worth[answered[0, 0]] == pytest.approx(max(worth), abs=1e-12)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), player=st.sampled_from([0, 1]))
def test_myopic_platforms_choose_what_pays_most_now(seed, player):
    market, seeds = begun("duopoly_v0", 1, seed, num_users=8)
    world = Platforms(seeds[0], users=8, harm=0.6, horizon=100)
    for number in range(4):
        actions = random_actions(market, seed, number)
        market.step(actions)
        world.step(actions[0].tolist())
    plan = random_actions(market, seed, 9)
    answered = plan.copy()
    market.respond(player, answered)
    assert answered[0, 1 - player] == plan[0, 1 - player]

    def worth(action):
        both = plan[0].tolist()
        both[player] = action
        time = sum(world.returning[u] * world.split(u, both)[player] for u in range(8))
        return 10 * time / 8 - 0.5 * (action // 3 % 3 / 2) ** 2

    assert worth(int(answered[0, player])) == pytest.approx(max(map(worth, range(45))), abs=1e-12)


def test_myopic_slots_show_the_likeliest_click():
    market, _ = begun("slate_team_v0", 50)
    slates = market.references()["myopic"]()()
    varied = market.references()["myopic-no-repeat"]()()
    assert np.array_equal(varied, (-market.hidden()["tastes"]).argsort(axis=1)[:, :5])
    for tastes, slate in zip(market.hidden()["tastes"], slates.tolist(), strict=True):
        for n, topic in enumerate(slate):
            chances = [tastes[k] - 0.3 * slate[:n].count(k) for k in range(12)]
            assert chances[topic] == max(chances)


def test_a_rotation_shows_the_nine_favourites_in_two_rounds_the_most_liked_on_top():
    market, _ = begun("slate_team_v0", 4)
    act, first = market.references()["rule-rotation"](), []
    for _ in range(2):
        first.append(act())
        market.step(first[-1])
    favourites = (-market.hidden()["tastes"]).argsort(axis=1)
    assert np.array_equal(np.concatenate(first, axis=1), favourites[:, [0, 1, 2, 3, 4, 0, 5, 6, 7, 8]])


@pytest.mark.parametrize("name", ["creator_market_v0", "duopoly_v0"])
def test_fixed_quality_has_no_clickbait_and_never_changes(name):
    market, _ = begun(name, 2)
    act = market.references()["rule-honest"]()
    kept = act()
    assert (kept % 3 == 0).all()
    assert (kept // 3 % 3 > 0).all()
    assert market.spec.action_space.contains(kept[0, 0])
    market.step(kept)
    assert np.array_equal(act(), kept)


@pytest.mark.parametrize("name", registered_markets())
def test_references_are_deterministic_and_leave_the_market_alone(name):
    market, _ = begun(name, 3, horizon=12)
    for make in market.references().values():
        plays = []
        for _ in range(2):
            market.begin(np.arange(3), np.arange(3, dtype=np.uint64))
            before, policy = market.observe(), make()
            assert np.array_equal(market.observe(), before)
            plays.append([])
            while not market.over.all():
                plays[-1].append(policy().tolist())
                market.step(np.array(plays[-1][-1]))
        assert plays[0] == plays[1]


def test_topics_are_shared_in_proportion_to_the_clusters():
    sizes, active = np.array([[25, 15, 10, 0, 0], [10, 10, 10, 10, 10]]), np.ones((2, 10), bool)
    topics = _share(sizes, active)
    assert np.bincount(topics[0], minlength=5).tolist() == [5, 3, 2, 0, 0]
    assert np.bincount(topics[1], minlength=5).tolist() == [2] * 5
    active[0, 0] = False  # a place is divided no more
    assert np.bincount(_share(sizes, active)[0, 1:], minlength=5).tolist() == [5, 3, 1, 0, 0]
