"""What the feedback layer tells, and when, against a plain-Python account; and that it changes nothing else."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.families import make_family
from recsim_envs.families.feedback.kernel import LARGEST_NORMAL, NOISE
from recsim_envs.families.feedback.roles import ROLES
from tests.worlds import tiny_gru_world, tiny_world

WORLD = tiny_world()
LANES = 6


def pair(seed=0, of="departure", inner=None, **options):
    """The layer around a family, and the family alone, both begun with the same seeds."""
    inner = {"world": WORLD, "split": "all"} if inner is None else inner
    simulators = make_family("feedback", LANES, of=of, **inner, **options), make_family(of, LANES, **inner)
    for simulator in simulators:
        simulator.begin(np.arange(LANES), rng.bits_array(seed, np.arange(LANES), 1))
    return simulators


def drawn(simulator, seed, t):
    space = simulator.task.action_space
    shape = (LANES, *space.shape)
    return rng.below_array(int(simulator.task.catalogue.num_items), seed, t, 2, np.arange(np.prod(shape))).reshape(
        shape
    )


@pytest.mark.parametrize("of", ["departure", "changing-departure", "interest-evolution", "boredom"])
def test_without_options_it_is_the_family_itself(of):
    inner = None if "departure" in of else {}
    check_the_same(*pair(of=of, inner=inner))


def test_without_options_it_is_the_family_itself_where_the_world_is_sequential():
    check_the_same(*pair(inner={"world": tiny_gru_world(), "split": "all"}))


def check_the_same(layer, alone):
    for t in range(12):
        actions = drawn(alone, 1, t)
        assert all(np.array_equal(a, b) for a, b in zip(layer.step(actions), alone.step(actions), strict=True))
        seen, true = layer.observe(), alone.observe()
        assert all(np.array_equal(seen[key], value) for key, value in true.items())
        assert layer.causes().tolist() == alone.causes().tolist()
    assert layer.task.observation_space == alone.task.observation_space
    assert layer.task.reward_range == alone.task.reward_range
    assert layer.provenance() == alone.provenance()
    assert layer.leaving_earns == alone.leaving_earns


@settings(max_examples=60)
@given(st.integers(0, 2**63), st.integers(0, 12), st.sampled_from([0.0, 0.7]), st.sampled_from([0.0, 1.5]))
def test_reports_are_paid_late_but_within_the_session(seed, delay, noise, threshold):
    inner = {"world": WORLD, "split": "all", "threshold": threshold, "horizon": 9, "leaving_pays": True}
    layer, alone = pair(seed, inner=inner, delay=delay, noise=noise)
    seeds = rng.bits_array(seed, np.arange(LANES), 1)
    due = [[] for _ in range(LANES)]
    for t in range(10):
        over, actions = alone.over, drawn(alone, seed, t)
        late, now = layer.step(actions), alone.step(actions)
        assert np.array_equal(late.terminated, now.terminated)
        assert np.array_equal(late.truncated, now.truncated)
        for b in np.flatnonzero(~over):
            due[b].append(float(now.rewards[b] + noise * rng.normal_array(seeds[b], t, NOISE)))
            ended = now.terminated[b] or now.truncated[b]
            paid = due[b][: t + 1 if ended else max(0, t + 1 - delay)]
            assert late.rewards[b] == pytest.approx(sum(paid[max(0, t - delay) :]), abs=1e-9)
            told = np.zeros(10, np.float32)
            visible = due[b] if ended else due[b][: max(0, len(due[b]) - delay)]
            hidden = len(due[b]) - len(visible)
            for age, value in enumerate(reversed(visible), hidden):
                if age < 10:
                    told[9 - age] = value
            assert layer.observe()["session_rewards"][b] == pytest.approx(told, abs=1e-6)
        assert not late.rewards[over].any()
        assert np.array_equal(layer.observe()["session_items"], alone.observe()["session_items"])
    assert not layer.hidden()["pending"].any()


def test_noise_has_mean_0_and_the_width_asked_for():
    """20,000 reports; a right implementation fails once in ten thousand seeds, and the seed is fixed."""
    lanes = 1000
    inner = {"world": WORLD, "threshold": 0.0, "r_min": 0.0, "horizon": 20}
    layer = make_family("feedback", lanes, of="departure", noise=2.0, **inner)
    alone = make_family("departure", lanes, **inner)
    errors = []
    for simulator in (layer, alone):
        simulator.begin(np.arange(lanes), np.arange(lanes, dtype=np.uint64))
    for t in range(20):
        actions = (np.arange(lanes) + t) % 30
        errors.append(layer.step(actions).rewards - alone.step(actions).rewards)
    errors = np.concatenate(errors)
    assert abs(errors.mean()) < 3.9 * 2.0 / np.sqrt(len(errors))
    assert errors.std() == pytest.approx(2.0, rel=0.03)
    assert np.abs(errors).max() < 2.0 * LARGEST_NORMAL
    low, high = layer.task.reward_range
    assert low <= -2.0 * LARGEST_NORMAL
    assert high >= 5 + 2.0 * LARGEST_NORMAL


def test_history_hides_who_the_user_was():
    layer, alone = pair(observe="history")
    layer.step(np.arange(LANES))
    alone.step(np.arange(LANES))
    seen, true = layer.observe(), alone.observe()
    assert np.all(seen["history_items"] == -1)
    assert not seen["history_rewards"].any()
    assert all(np.array_equal(seen[key], true[key]) for key in ("session_items", "session_rewards", "length"))


def test_clicks_show_only_what_was_liked():
    inner = {"world": WORLD, "split": "all", "threshold": 0.0, "r_min": 0.0}
    layer, alone = pair(inner=inner, observe="clicks", click_at=4.0)
    for t in range(7):
        actions = drawn(alone, 3, t)
        assert np.array_equal(layer.step(actions).rewards, alone.step(actions).rewards)
    seen, true = layer.observe(), alone.observe()
    liked = true["session_rewards"] >= 4
    assert 0 < liked.sum() < 7 * LANES
    assert np.array_equal(seen["session_items"], np.where(liked, true["session_items"], -1))
    assert np.array_equal(seen["session_rewards"], liked.astype(np.float32))
    assert np.all(seen["history_items"] == -1)
    assert layer.task.observation_space["session_rewards"].high.max() == 1.0


@pytest.mark.parametrize("of", sorted(ROLES))
def test_known_keys_exist_and_observations_stay_in_their_space(of):
    inner = None if "departure" in of else {}
    views = ["full", "history"] + (["clicks"] if ROLES[of].log else [])
    for view in views:
        layer, _ = pair(of=of, inner=inner, delay=2, noise=0.5, observe=view)
        space = layer.task.observation_space
        for t in range(15):
            rows = layer.observe()
            assert all(space.contains({k: v[b] for k, v in rows.items()}) for b in range(LANES))
            layer.step(drawn(layer, 4, t))


def test_responses_of_slates_come_late():
    layer, alone = pair(of="interest-evolution", inner={}, delay=2)
    clicks = [alone.observe()["response_clicks"]]
    for t in range(6):
        actions = drawn(alone, 5, t)
        layer.step(actions)
        alone.step(actions)
        clicks.append(alone.observe()["response_clicks"])
        assert np.array_equal(layer.observe()["response_clicks"], clicks[max(0, t - 1)])
        assert np.array_equal(layer.observe()["user_interests"], alone.observe()["user_interests"])
    assert np.any(clicks)


def test_policies_that_know_the_users_play_as_without_it():
    layer, alone = pair(delay=3, noise=1.0, observe="clicks")
    for name in ("myopic", "myopic-no-repeat", "planner"):
        policies = [s.references()[name]() for s in (layer, alone)]
        assert np.array_equal(policies[0](), policies[1]())
    assert np.array_equal(layer.cycle_pool(), alone.cycle_pool())
    assert np.array_equal(layer.fatigue(), alone.fatigue())
    assert layer.shown(0, np.array([3])) == alone.shown(0, np.array([3]))
    assert alone.render_ansi(0) in layer.render_ansi(0)
    assert layer.constants() == alone.constants() | {"delay": 3, "noise": 1.0, "observe": "clicks", "click_at": 1.0}


def test_a_session_does_not_depend_on_its_lane():
    options = {"of": "departure", "world": WORLD, "delay": 2, "noise": 0.3}
    wide, narrow = make_family("feedback", 50, **options), make_family("feedback", 2, **options)
    wide.begin(np.arange(50), np.arange(50, dtype=np.uint64))
    narrow.begin(np.arange(2), np.array([41, 7], np.uint64))
    for t in range(12):
        actions = (np.arange(50) * 7 + t * 3) % 30
        assert np.array_equal(wide.step(actions).rewards[[41, 7]], narrow.step(actions[[41, 7]]).rewards)
        for key, values in narrow.observe().items():
            assert np.array_equal(wide.observe()[key][[41, 7]], values)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda simulator: pickle.loads(pickle.dumps(simulator))])
def test_a_copy_goes_on_alone(clone):
    original, _ = pair(delay=2, noise=0.5)
    original.step(np.arange(LANES))
    copied = clone(original)
    assert np.array_equal(original.step(np.arange(LANES)).rewards, copied.step(np.arange(LANES)).rewards)


def test_unknown_families_say_what_tells_what():
    class_path = "recsim_envs.families.departure.simulator:DepartureSimulator"
    with pytest.raises(ConfigurationError, match=r"pass feedback=\[...\], those of \['history_items'"):
        make_family("feedback", 1, of=class_path, world=WORLD, delay=1)
    told = make_family("feedback", 2, of=class_path, world=WORLD, noise=1.0, feedback=["session_rewards"], r_min=0.0)
    told.begin(np.arange(2), np.arange(2, dtype=np.uint64))
    told.step(np.arange(2))
    assert not told.observe()["session_rewards"].any()
    with pytest.raises(ConfigurationError, match="use observe='history'"):
        make_family("feedback", 1, of=class_path, world=WORLD, observe="clicks", profile=[])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delay": -1}, "delay must be an integer of 0 to 1000"),
        ({"noise": -0.5}, "noise must be a number"),
        ({"noise": 1e37}, "noise must be a number of 0 to 1e\\+06"),
        ({"observe": "nothing"}, "observe 'nothing' does not exist; use 'full' or 'history' or 'clicks'"),
        ({"click_at": "4"}, "click_at must be a finite number"),
        ({"profile": ["age"]}, "profile must be a list of observation keys out of"),
        ({"feedback": "length"}, "feedback must be a list of observation keys"),
        ({"of": "feedback"}, "would wrap itself"),
        ({"of": "departures"}, "family 'departures' does not exist"),
        ({"treshold": 1.0}, "did you mean 'threshold'"),
    ],
)
def test_options_without_meaning_are_refused(options, words):
    with pytest.raises(ConfigurationError, match=words):
        make_family("feedback", 1, **({"of": "departure", "world": WORLD} | options))


def test_an_id_is_registered_with_its_options():
    env = gym.make("longrec/GamesDelayed-v0", delay=1)
    assert env.unwrapped.simulator.constants()["delay"] == 1
    assert env.unwrapped.task.env_id == "longrec/GamesDelayed-v0"
