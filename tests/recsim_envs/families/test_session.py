"""The session kernel against its plain-Python reference, and what it refuses."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.families import make_family
from recsim_envs.families.actions import split_seeds
from recsim_envs.families.session.synthetic_log import FEATURES
from tests.recsim_envs.families.session_reference import ReferenceSession, ReferenceUser

CLOSE = 2e-5  # single against double precision


def start(simulator, seeds):
    simulator.begin(np.arange(simulator.num_lanes), np.asarray(seeds, np.uint64))


def slates(lanes, step, items=1000, seed=7):
    return rng.below_array(items, seed, step, rng.POLICY, np.arange(lanes * 6)).reshape(lanes, 6)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**63), st.sampled_from(["session", "request"]), st.booleans(), st.booleans(),
    st.sampled_from([0.0, 0.2, 0.3]), st.integers(1, 4), st.integers(1, 1000),
)  # fmt: skip
def test_kernel_equals_reference(seed, mode, reference, single, rho, horizon, pool):
    options = {"mode": mode, "reference": reference, "single_response": single, "rho": rho, "horizon": horizon}
    simulator = make_family("session", 1, **options)
    start(simulator, [seed])
    first = simulator.observe()
    profile = int(simulator.state.counts[2, 0])
    assert first["user"][0].tolist() == simulator.model.profiles[profile].tolist()
    past = [i for i in first["history_items"][0].tolist() if i >= 0]
    answers = first["history_behaviours"][0].reshape(60, 7)[-len(past) :].tolist()
    user = ReferenceUser(simulator.model, profile)
    for item, given_ in zip(past, answers, strict=True):
        user.remember(item, given_)
    expected = ReferenceSession(user, past, **options, initial_temper=5.0 if mode == "request" else 20.0)
    while not simulator.over[0]:
        slate = slates(1, expected.steps, pool)  # small pools repeat, within the slate and after it
        chances = np.array(expected.chances(slate[0].tolist()))
        np.testing.assert_allclose(simulator.chances(slate)[0], chances, atol=CLOSE)
        draws = np.array(expected.draws(split_seeds(np.array([seed], np.uint64), "train")[0]))
        result = simulator.step(slate)
        done = simulator.observe()["last_behaviours"].reshape(6, 7)
        clear = np.abs(draws - chances) > CLOSE
        assert np.array_equal(done[clear], (draws < chances)[clear])
        reward, terminated, truncated = expected.step(slate[0].tolist(), done.astype(int).tolist())
        assert result.rewards[0] == pytest.approx(reward)
        assert simulator.state.temper[0] == pytest.approx(expected.temper, abs=1e-4)
        assert (result.terminated[0], result.truncated[0]) == (terminated, truncated)
        assert simulator.causes()[0] == expected.cause


def test_over_lanes_rest_and_earn_nothing():
    simulator = make_family("session", 3, mode="request", initial_temper=1.5)
    simulator.begin(np.array([0, 2]), np.array([1, 2], np.uint64))
    simulator.step(slates(3, 0))
    simulator.begin(np.array([2]), np.array([3], np.uint64))
    before = simulator.observe()
    wrong_where_over = slates(3, 1)
    wrong_where_over[:2] = -5
    rewards, terminated, truncated = simulator.step(wrong_where_over)
    assert rewards[:2].tolist() == [0.0, 0.0]
    assert terminated.tolist() == [True, False, True]
    assert not truncated.any()
    assert simulator.causes().tolist() == ["temper", "", "temper"]
    assert all(np.array_equal(before[key][:2], value[:2]) for key, value in simulator.observe().items())


def test_history_moves_and_the_last_slate_is_its_end():
    simulator = make_family("session", 40)
    start(simulator, np.arange(40))
    before = simulator.observe()
    assert (before["history_items"][:, :30] == -1).all()
    assert (before["history_items"][:, 30:] >= 0).all()
    assert not before["last_behaviours"].any()
    simulator.step(slates(40, 0))
    after = simulator.observe()
    assert np.array_equal(after["history_items"][:, -6:], slates(40, 0))
    assert np.array_equal(after["history_items"][:, :-6], before["history_items"][:, 6:])
    assert np.array_equal(after["last_behaviours"], after["history_behaviours"][:, -42:])
    done = after["history_behaviours"].reshape(40, 60, 7)
    assert (done[:, :, 1] <= done[:, :, 0]).all()  # no long view without a click


@pytest.mark.parametrize("env_id", ["longrec/Session-v0", "longrec/Request-v0"])
@pytest.mark.parametrize("reference", [False, True])
def test_observations_stay_in_the_space_under_the_dullest_play(env_id, reference):
    env = gym.make(env_id, reference=reference, horizon=30).unwrapped
    observation, info = env.reset(seed=3)
    over, rewards = False, []
    while not over:
        assert env.observation_space.contains(observation)
        assert info == {}
        observation, reward, terminated, truncated, info = env.step(np.full(6, 999))
        over = terminated or truncated
        rewards.append(reward)
    low, high = env.task.reward_range
    assert low <= min(rewards) <= max(rewards) <= high
    assert env.observation_space.contains(observation)


def test_a_session_does_not_depend_on_its_lane_or_its_neighbours():
    wide, narrow = make_family("session", 50), make_family("session", 2)
    start(wide, np.arange(50))
    start(narrow, [41, 7])
    for t in range(12):
        a, b = wide.step(slates(50, t)), narrow.step(slates(50, t)[[41, 7]])
        assert np.array_equal(a.rewards[[41, 7]], b.rewards)
        assert np.array_equal(a.terminated[[41, 7]], b.terminated)
        for key, values in narrow.observe().items():
            assert np.array_equal(wide.observe()[key][[41, 7]], values)


def test_what_was_shown_changes_what_follows_and_how_long_it_lasts():
    """Two users alike in everything, shown different slates: other chances at the same slate, other tempers."""
    simulator = make_family("session", 2)
    start(simulator, [9, 9])
    same = np.tile(slates(1, 5), (2, 1))
    assert np.array_equal(*simulator.chances(same))
    simulator.step(np.array([[0] * 6, list(range(6))]))
    one, other = simulator.chances(same)
    assert not np.allclose(one, other)
    tempers = simulator.hidden()["temper"]
    assert tempers[0] < tempers[1]  # six times the same bores most


def test_splits_draw_different_users():
    seen = {}
    for split in ("train", "test", "all"):
        simulator = make_family("session", 20, split=split)
        start(simulator, np.arange(20))
        seen[split] = simulator.observe()["history_items"].tobytes()
        assert simulator.user_ids().tolist() == [seed >> 1 for seed in range(20)]
    assert len(set(seen.values())) == 3


def test_all_features_stay_below_their_sizes():
    simulator = make_family("session", 500)
    assert (simulator.model.profiles < np.array(list(FEATURES.values()))).all()
    assert simulator.task.observation_space["user"].high.tolist() == [n - 1 for n in FEATURES.values()]


def test_arrays_are_fresh():
    simulator = make_family("session", 3)
    start(simulator, [1, 2, 3])
    before = simulator.observe()
    kept = {key: value.copy() for key, value in before.items()}
    hidden = simulator.hidden()
    simulator.step(slates(3, 0))
    assert all(np.array_equal(before[key], kept[key]) for key in kept)
    assert not np.array_equal(hidden["temper"], simulator.hidden()["temper"])


@pytest.mark.parametrize("value", [1000, -1, 2**40])
def test_an_action_out_of_range_moves_nothing(value):
    simulator = make_family("session", 2)
    start(simulator, [1, 2])
    before, wrong = simulator.observe(), slates(2, 0)
    wrong[1, 5] = value
    with pytest.raises(
        InvalidActionError, match=rf"lane 1, step 0: slate .*{value}\] is out of range; videos are 0\.\.999"
    ):
        simulator.step(wrong)
    assert all(np.array_equal(before[k], v) for k, v in simulator.observe().items())


@pytest.mark.parametrize("bad", [np.zeros((2, 6)), np.zeros(2, int), np.zeros((2, 5), int), "slate", [[1] * 6, [2]]])
def test_actions_of_the_wrong_kind_are_refused(bad):
    simulator = make_family("session", 2)
    start(simulator, [1, 2])
    with pytest.raises(InvalidActionError, match="actions must be 2 x 6 integers"):
        simulator.step(bad)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("mode", "cross", "use 'session' or 'request'"),
        ("mode", None, "mode None does not exist"),
        ("reference", 1, "reference must be True or False"),
        ("single_response", "yes", "single_response must be True or False"),
        ("initial_temper", 0.5, "initial_temper must be a number of 1 to 1e"),
        ("initial_temper", float("nan"), "initial_temper must be a number"),
        ("rho", -0.1, "rho must be a number of 0 to 0.3"),
        ("rho", 1.0, "rho must be a number of 0 to 0.3"),
        ("rho", "0.2", "rho must be a number"),
        ("horizon", 0, "horizon must be an integer of 1 to 10000"),
        ("horizon", 10**9, "horizon must be an integer"),
        ("split", "dev", "use 'train', 'test' or 'all'"),
        ("temper", 5, "did you mean 'initial_temper'"),
    ],
)
def test_options_without_meaning_are_refused(option, value, words):
    with pytest.raises(ConfigurationError, match=words):
        make_family("session", 1, **{option: value})


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda simulator: pickle.loads(pickle.dumps(simulator))])
def test_a_copy_goes_on_alone(clone):
    original = make_family("session", 4)
    start(original, np.arange(4))
    original.step(slates(4, 0))
    copied = clone(original)
    kept = copied.observe()
    first = original.step(slates(4, 1)).rewards
    assert all(np.array_equal(copied.observe()[key], value) for key, value in kept.items())
    assert np.array_equal(copied.step(slates(4, 1)).rewards, first)
    assert copied.model is original.model
    assert len(pickle.dumps(original)) < 40_000  # the weights stay in the package


def test_text_tells_the_last_slate_and_the_end():
    simulator = make_family("session", 1, horizon=1, env_id="longrec/Session-v0")
    start(simulator, [3])
    assert "request 0, running" in simulator.render_ansi(0)
    simulator.step(slates(1, 0))
    text = simulator.render_ansi(0)
    assert "longrec/Session-v0  request 1, ended: horizon" in text
    assert all(simulator.task.catalogue.titles[item] in text for item in slates(1, 0)[0])
    assert 0 <= simulator.fatigue()[0] <= 1
    first = int(slates(1, 0)[0, 0])
    assert simulator.shown(0, slates(1, 0)[0])[0].title == simulator.task.catalogue.titles[first]
