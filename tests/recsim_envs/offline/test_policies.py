"""Behaviour policies: exact propensities, and the compiled code against plain Python."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from recsim_envs.errors import ConfigurationError
from recsim_envs.offline.policies import MEMORY, LogPolicy, observed_values, popularity
from recsim_envs.offline.spec import POLICIES
from tests.recsim_envs.offline.plain import PlainPolicy, stage, task

NAMES = [*POLICIES, "greedy"]


def all_actions(items, slate):
    return np.array(list(itertools.permutations(range(items), slate or 1)))


def judged(policy, actions, simulator, history=()):
    """The probability of each action, one a lane, after a history that all lanes share."""
    lanes = np.arange(len(actions))
    policy.begin(lanes, np.zeros(len(lanes), np.uint64))
    running = np.ones(len(lanes), bool)
    for shown in history:
        policy.judge(running, np.tile(shown, (len(lanes), 1)), simulator)
    return policy.judge(running, actions, simulator)


@pytest.mark.parametrize("slate", [None, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_propensities_of_all_actions_sum_to_one(name, slate):
    actions = all_actions(6, slate)
    policy = LogPolicy(name, task(6, slate), len(actions))
    for history in ([], [actions[0]], [actions[3], actions[1], actions[0]]):
        chances = judged(policy, actions, None, history)
        assert chances.sum() == pytest.approx(1, abs=1e-12)
        assert name == "greedy" or (chances > 0).all()


@pytest.mark.parametrize("slate", [None, 2])
@pytest.mark.parametrize("name", NAMES)
def test_masked_items_are_never_shown(name, slate):
    actions = all_actions(6, slate)
    masks = np.tile(np.array([1, 0, 1, 1, 0, 1], np.int8), (len(actions), 1))
    simulator, policy = stage(masks), LogPolicy(name, task(6, slate), len(actions))
    chances = judged(policy, actions, simulator)
    forbidden = np.isin(actions, [1, 4]).any(axis=1)
    assert (chances[forbidden] == 0).all()
    assert chances.sum() == pytest.approx(1, abs=1e-12)
    lanes = np.arange(len(actions))
    policy.begin(lanes, lanes.astype(np.uint64))
    shown, _ = policy.act(np.ones(len(lanes), bool), simulator)
    assert not np.isin(shown, [1, 4]).any()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("slate", [None, 2])
@pytest.mark.parametrize("name", POLICIES)
def test_frequencies_are_the_propensities(name, slate, masked):
    """Chi-square over 40,000 sessions; the second step is drawn given the first, as the propensity is."""
    count, actions = 40_000, all_actions(5, slate)
    policy = LogPolicy(name, task(5, slate), count)
    simulator = stage(np.tile(np.array([1, 1, 0, 1, 1], np.int8), (count, 1))) if masked else None
    lanes, running = np.arange(count), np.ones(count, bool)
    policy.begin(lanes, lanes.astype(np.uint64) * np.uint64(77) + np.uint64(5))
    first, chances = policy.act(running, simulator)
    second, again = policy.act(running, simulator)
    for shown, probability in ((first, chances), (second, again)):
        wide = shown.reshape(count, -1)
        index = {tuple(a): i for i, a in enumerate(actions.tolist())}
        kinds = np.array([index[tuple(a)] for a in wide.tolist()])
        # The draws of an action, each worth 1 / its propensity, add up to all sessions.
        assert np.bincount(kinds, 1 / probability, len(actions))[np.unique(kinds)] / count == pytest.approx(1, abs=0.2)
    wide = first.reshape(count, -1)
    seen = np.array([(wide == a).all(axis=1).sum() for a in actions])
    few = stage(simulator.infos()["action_mask"][: len(actions)]) if masked else None
    exact = judged(LogPolicy(name, task(5, slate), len(actions)), actions, few)
    possible = exact > 0
    assert seen[~possible].sum() == 0
    assert chisquare(seen[possible], exact[possible] * count).pvalue > 1e-4


@settings(max_examples=25)
@given(
    name=st.sampled_from(NAMES),
    slate=st.sampled_from([None, 2, 3]),
    items=st.integers(4, 14),
    seed=st.integers(0, 2**32),
    masked=st.booleans(),
)
def test_compiled_is_plain_python(name, slate, items, seed, masked):
    spec, lanes, width = task(items, slate, seed=seed % 97), 3, slate or 1
    policy = LogPolicy(name, spec, lanes, epsilon=0.3)
    parts = list(zip(np.diff(policy.cumulative, axis=1).tolist(), policy.epsilons.tolist(), strict=True))
    order = np.argsort(-spec.catalogue.mean_reward, kind="stable").tolist()
    keys = (np.arange(lanes) + seed).astype(np.uint64)
    plain = [PlainPolicy(parts, order, key, width, MEMORY if slate is None else 0) for key in keys]
    policy.begin(np.arange(lanes), keys)
    generator = np.random.default_rng(seed)
    for _ in range(12):
        masks = np.ones((lanes, items), np.int8)
        if masked:
            masks[:, generator.choice(items, items - 3 if items > 6 else 1, replace=False)] = 0
        actions, chances = policy.act(np.ones(lanes, bool), stage(masks) if masked else None)
        for lane, one in enumerate(plain):
            assert np.ravel(actions[lane]).tolist() == one.act(masks[lane])
            assert chances[lane] == pytest.approx(one.judge(one.act(masks[lane]), masks[lane]), rel=1e-9)
            assert policy.posterior[lane] == pytest.approx(one.posterior)


def test_the_product_of_propensities_is_the_probability_of_the_session():
    """Under `mixed`: the mean over components of what each would have shown."""
    spec, steps, lanes = task(8), 9, 50
    every, keys = np.arange(lanes), np.arange(lanes).astype(np.uint64)
    mixed = LogPolicy("mixed", spec, lanes)
    mixed.begin(every, keys)
    running, product, shown = np.ones(lanes, bool), np.ones(lanes), []
    for _ in range(steps):
        actions, chances = mixed.act(running, None)
        product *= chances
        shown.append(actions)
    parts = []
    for name in mixed.components:
        part = LogPolicy(name, spec, lanes)
        part.begin(every, keys)
        parts.append(np.prod([part.judge(running, a, None) for a in shown], axis=0))
    assert product == pytest.approx(np.mean(parts, axis=0), rel=1e-9)
    assert set(mixed.chosen.tolist()) == {0, 1, 2}


def test_draws_do_not_depend_on_lanes():
    spec, keys = task(9), np.arange(40).astype(np.uint64)
    found = []
    for lanes in (np.arange(40), np.arange(40)[::-1]):
        policy = LogPolicy("mixed", spec, 40)
        policy.begin(lanes, keys)
        found.append([policy.act(np.ones(40, bool), None)[0][lanes].tolist() for _ in range(5)])
    assert found[0] == found[1]


def test_the_greedy_item_is_not_shown_again_while_another_is_left():
    spec = task(14)
    policy = LogPolicy("greedy", spec, 1)
    policy.begin(np.arange(1), np.zeros(1, np.uint64))
    shown = [int(policy.act(np.ones(1, bool), None)[0][0]) for _ in range(22)]
    order = np.argsort(-spec.catalogue.mean_reward, kind="stable").tolist()
    assert shown[:11] == order[:11]
    assert shown[11:] == order[:11]


def test_lanes_that_do_not_run_are_left_alone():
    policy = LogPolicy("mixed", task(6), 2)
    policy.begin(np.arange(2), np.arange(2).astype(np.uint64))
    before = policy.posterior[1].copy()
    actions, chances = policy.act(np.array([True, False]), None)
    assert (chances[1], actions[1], policy.posterior[1].tolist()) == (0, 0, before.tolist())


def test_drawn_candidates_have_no_popularity():
    with pytest.raises(ConfigurationError, match="none is popular"):
        LogPolicy("popular", task(6, 2, candidates=True), 1)
    assert LogPolicy("mixed", task(6, 2, candidates=True), 1).components == ("random", "epsilon-greedy")


def test_drawn_candidates_are_valued_by_what_is_observed():
    topics, interests = np.array([[2, 0, 1]], np.int32), np.array([[0.1, 0.9, 0.5]], np.float32)
    seen = {"candidate_topics": topics, "user_interests": interests}
    assert observed_values(seen) == pytest.approx(np.array([[0.5, 0.1, 0.9]]))
    policy = LogPolicy("greedy", task(3, 2, candidates=True), 1)
    policy.begin(np.arange(1), np.zeros(1, np.uint64))
    assert policy.act(np.ones(1, bool), stage(observations=seen))[0].tolist() == [[2, 0]]
    with pytest.raises(ConfigurationError, match="say nothing of what candidates are worth"):
        observed_values({"length": np.zeros((1, 1))})


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigurationError, match="does not exist"):
        LogPolicy("best", task(), 1)
    with pytest.raises(ConfigurationError, match="need as many"):
        LogPolicy("random", task(3, 4), 1)
    with pytest.raises(ConfigurationError, match="too improbable"):
        LogPolicy("random", task(200_000, 60), 1)


def test_popularity_of_a_huge_log_is_halved():
    spec = task(4)
    object.__setattr__(spec.catalogue, "popularity", np.array([0, 2**33, 2**32, 1], np.int64))
    weights = np.diff(popularity(spec))
    assert weights.min() == 1
    assert weights.sum() < 2**31
    assert weights[1] == pytest.approx(2 * weights[2], rel=1e-6)
