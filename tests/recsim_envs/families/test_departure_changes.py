"""Population shift, drifting interests and churn in the departure family, held against their descriptions."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.families import make_family
from recsim_envs.families.departure.changing import COHORTS, ON_OFFER
from recsim_envs.worlds import resolve
from tests.worlds import every_kind, tiny_gru_world, tiny_world

WORLDS = every_kind()
CALM = {"threshold": 0.0, "r_min": 0.0}  # nobody leaves


def changing(lanes, world="table", **options):
    simulator = make_family("changing-departure", lanes, world=WORLDS[world], **({"split": "all"} | options))
    simulator.begin(np.arange(lanes), rng.bits_array(3, np.arange(lanes), 1))
    return simulator


@settings(max_examples=40)
@given(st.sampled_from(sorted(WORLDS)), st.integers(0, 2**63), st.sampled_from(["FB", "NX_0", "NX_5"]))
def test_without_changes_it_is_the_departure_family(world, seed, protocol):
    simulators = [
        make_family(f, 5, world=WORLDS[world], protocol=protocol) for f in ("changing-departure", "departure")
    ]
    for simulator in simulators:
        simulator.begin(np.arange(5), rng.bits_array(seed, np.arange(5), 1))
    for t in range(8):
        actions = (np.arange(5) * 7 + t) % 30
        one, other = (simulator.step(actions) for simulator in simulators)
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        seen = [simulator.observe() | simulator.infos() for simulator in simulators]
        assert all(np.array_equal(seen[0][key], seen[1][key]) for key in seen[1])


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_drifting_users_come_to_give_a_friends_rewards_category_by_category(world):
    simulator = changing(40, world, drift=3, horizon=10, **CALM)
    hidden, lanes = simulator.hidden(), np.arange(40)
    assert set(np.unique(hidden["turns"])) == {3, 6, 9, 12}  # four phases; at 12 the session is over
    assert (hidden["friend"] != hidden["user"]).mean() > 0.8
    for t in range(10):
        actions = rng.below_array(30, 5, t, 2, np.arange(40))
        turned = hidden["turns"][np.arange(40), actions % 3] <= t  # the main category of item i is i % 3
        speaker = np.where(turned, hidden["friend"], hidden["user"])
        memory = simulator.hidden().get("memory")  # stays the lane's own, whoever speaks
        expected = WORLDS[world].user_rewards(speaker, memory)[lanes, actions]
        assert np.array_equal(simulator.opinions(lanes)[lanes, actions], expected)
        assert np.array_equal(simulator.step(actions).rewards.astype(np.float32), expected)
        assert np.array_equal(simulator.user_ids(), hidden["user"])


def test_low_rewards_of_a_turned_category_make_users_leave():
    simulator = changing(40, drift=1, horizon=6, threshold=0.0, r_min=3.0)
    for t in range(5):
        actions, running = rng.below_array(30, 6, t, 2, np.arange(40)), ~simulator.over
        stays = simulator.stays(actions)
        assert np.array_equal(simulator.step(actions).terminated[running], ~stays[running])


def test_a_tenth_of_the_catalogue_goes_and_another_comes():
    world = tiny_world(items=1000)
    simulator = make_family("changing-departure", 3, world=world, churn=2, horizon=60, **CALM)
    simulator.begin(np.arange(3), np.arange(3, dtype=np.uint64))
    masks = []
    for _ in range(2 * COHORTS):
        masks.append(simulator.infos()["action_mask"])
        simulator.step(masks[-1].argmax(axis=1))
    for t, (now, later) in enumerate(pairwise(masks)):
        gone, come = ((now > later).mean(axis=1), (now < later).mean(axis=1))
        if t % 2:
            assert np.all(np.abs(np.stack([gone, come]) - 0.1) < 0.03)
        else:
            assert not np.any([gone, come])
        assert now.mean() == pytest.approx(ON_OFFER / COHORTS, abs=0.05)


def test_what_is_not_on_offer_is_not_shown():
    simulator = changing(6, churn=4, horizon=5)
    closed = simulator.infos()["action_mask"].argmin(axis=1)
    step = simulator.step(closed)
    assert not np.any([*step])
    seen = simulator.observe()
    assert seen["length"].ravel().tolist() == [1] * 6
    assert np.all(seen["session_items"] == -1)
    for _ in range(3):
        simulator.step(simulator.infos()["action_mask"].argmin(axis=1))
    assert simulator.step(simulator.infos()["action_mask"].argmin(axis=1)).truncated.all()
    assert simulator.causes().tolist() == ["horizon"] * 6


def test_what_is_not_shown_is_not_remembered():
    simulator = changing(6, "gru", churn=4, horizon=9, **CALM)
    closed, before = simulator.infos()["action_mask"].argmin(axis=1), simulator.hidden()["memory"]
    actions = np.where(np.arange(6) < 3, closed, simulator.infos()["action_mask"].argmax(axis=1))
    simulator.step(actions)
    moved = np.any(simulator.hidden()["memory"] != before, axis=1)
    assert moved.tolist() == [False] * 3 + [True] * 3
    assert np.array_equal(simulator.changed(), np.ones(6, bool))


@pytest.mark.parametrize("rule", [{"threshold": 1.5}, {"leave_by": "category", "category_limit": 0}])
def test_an_empty_slot_stands_in_the_window_like_any_other(rule):
    simulator = changing(1, churn=20, window=2, r_min=0.0, **rule)
    mask = simulator.infos()["action_mask"][0]
    item, closed = int(mask.argmax()), int(mask.argmin())
    for action, leaves in ((item, False), (closed, False), (closed, False), (item, False), (item, True)):
        assert simulator.step(np.array([action])).terminated.tolist() == [leaves]


def test_churn_and_no_repeats_make_one_mask():
    simulator = changing(4, churn=3, protocol="NX_0", horizon=5, **CALM)
    before = simulator.infos()["action_mask"]
    actions = before.argmax(axis=1)
    simulator.step(actions)
    after = simulator.infos()["action_mask"]
    assert np.array_equal(np.argwhere(before != after)[:, 1], actions)
    with pytest.raises(InvalidActionError, match="already shown"):
        simulator.step(actions)
    assert simulator.steps.tolist() == [1] * 4
    with pytest.raises(InvalidActionError, match="out of range"):
        simulator.step(np.full(4, 30))
    assert not simulator.over.any()


@pytest.mark.parametrize("name", ["games", "videos"])
def test_shifted_users_like_other_categories(name):
    """Train users lean to even main categories, test users to odd ones; without a shift both are alike."""
    world = resolve(name)
    odd = np.asarray(world.arrays["category_ids"])[np.asarray(world.arrays["category_indptr"])[:-1]] % 2 == 1

    def preference(split, shift):
        users = make_family("changing-departure", 1, world=world, split=split, shift=shift)._users
        rewards = world.user_rewards(users)
        return len(users), float((rewards[:, odd].mean(1) - rewards[:, ~odd].mean(1)).mean())

    (n_train, train), (n_test, test) = preference("train", 1.0), preference("test", 1.0)
    assert n_train == round(len(world.users("train")) / 2)
    assert n_test == round(len(world.users("test")) / 2)
    assert test - train > 4 * abs(preference("test", 0.0)[1] - preference("train", 0.0)[1])
    assert preference("train", 0.5)[0] == round(0.75 * len(world.users("train")))
    assert preference("all", 1.0)[0] == world.num_users


def test_shifted_splits_stay_apart():
    splits = [
        make_family("changing-departure", 1, world=WORLDS["table"], split=s, shift=1.0)._users
        for s in ("train", "test")
    ]
    assert not set(splits[0]) & set(splits[1])
    assert all(len(users) == 3 for users in splits)


OPTIONS = {"drift": 2, "churn": 3, "shift": 0.5}


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_a_session_does_not_depend_on_its_lane_or_its_neighbours(world):
    wide = make_family("changing-departure", 50, world=WORLDS[world], **OPTIONS)
    narrow = make_family("changing-departure", 2, world=WORLDS[world], **OPTIONS)
    wide.begin(np.arange(50), np.arange(50, dtype=np.uint64))
    narrow.begin(np.arange(2), np.array([41, 7], np.uint64))
    for t in range(20):
        actions = (np.arange(50) * 7 + t * 3) % 30
        one, other = wide.step(actions), narrow.step(actions[[41, 7]])
        assert all(np.array_equal(a[[41, 7]], b) for a, b in zip(one, other, strict=True))
        assert np.array_equal(wide.infos()["action_mask"][[41, 7]], narrow.infos()["action_mask"])


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda simulator: pickle.loads(pickle.dumps(simulator))])
@pytest.mark.parametrize("world", ["table", "gru"])
def test_a_copy_goes_on_alone(clone, world):
    original = changing(4, world, **OPTIONS)
    original.step(np.arange(4))
    copied = clone(original)
    one, other = original.step(np.arange(4, 8)), copied.step(np.arange(4, 8))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("options", [{"drift": 5}, {"churn": 5}, {"drift": 4, "churn": 3, "leaving_pays": True}])
@pytest.mark.parametrize("rule", [{"threshold": 1.5}, {"leave_by": "category", "category_limit": 1, "window": 3}])
@pytest.mark.parametrize("make", [tiny_world, tiny_gru_world])
def test_the_planner_follows_the_changes(make, options, rule):
    world, sessions = make(users=40, items=400, threshold=1.5), 20
    returns = {}
    for name in ("planner", "myopic-no-repeat"):
        simulator = make_family("changing-departure", sessions, world=world, split="test", **options, **rule)
        simulator.begin(np.arange(sessions), np.arange(sessions, dtype=np.uint64))
        policy, returns[name] = simulator.references()[name](), 0.0
        while not simulator.over.all():
            returns[name] += simulator.step(policy()).rewards.sum()
        if name == "planner":
            assert np.all(simulator.steps == 20)
    assert returns["planner"] >= 0.97 * returns["myopic-no-repeat"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shift": 1.5}, "shift must be a number of 0 to 1"),
        ({"drift": -1}, "drift must be an integer of 0"),
        ({"churn": 2.5}, "churn must be an integer of 0"),
        ({"churn": 2, "protocol": "NX_0"}, "items on offer in some season, protocol NX_0 needs 20"),
        ({"chrun": 2}, "did you mean 'churn'"),
        ({"treshold": 2.0}, "did you mean 'threshold'"),
    ],
)
def test_options_without_meaning_are_refused(options, words):
    with pytest.raises(ConfigurationError, match=words):
        make_family("changing-departure", 1, world=WORLDS["table"], **options)
