"""What the RecSim families share: options, lanes, actions, observations, copies."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.families import make_family
from recsim_envs.families.choice import MODELS
from tests.recsim_envs.families.drawn import begin, random_slates

IDS = {
    "interest-evolution": "longrec/InterestEvolution-v0",
    "interest-exploration": "longrec/InterestExploration-v0",
    "satisfaction": "longrec/LongTermSatisfaction-v0",
}
every_family = pytest.mark.parametrize("family", IDS)


@every_family
def test_the_id_passes_the_checkers_of_the_field(family):
    env = gym.make(IDS[family], render_mode="ansi")
    check_env(env.unwrapped, skip_render_check=False)
    check_env_sb3(env, warn=False)
    assert env.unwrapped.task.candidates
    assert env.action_space == spaces.MultiDiscrete([10] * env.unwrapped.task.slate_size)
    assert set(env.reset(seed=1)[1]) == set()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(IDS)), st.integers(1, 30), st.integers(1, 5), st.booleans(), st.sampled_from(MODELS),
       st.booleans(), st.sampled_from(["train", "test", "all"]), st.integers(1, 60), st.integers(0, 2**40))  # fmt: skip
def test_any_options_give_observations_within_the_space(
    family, candidates, slots, resample, model, reference, split, horizon, seed
):
    slots = min(slots, candidates)
    simulator = make_family(family, 3, num_candidates=candidates, slate_size=slots, resample_documents=resample,
                            choice_model=model, reference=reference, split=split, horizon=horizon)  # fmt: skip
    begin(simulator, seed)
    policies = [*(make() for make in simulator.references().values()), lambda: random_slates(simulator, seed, 0)]
    low, high = simulator.task.reward_range
    for t in range(horizon):
        step = simulator.step(policies[t % 3]())
        for lane in range(3):
            assert simulator.task.observation_space.contains(simulator.observe_lane(lane))
        assert (step.rewards >= low).all()
        assert (step.rewards <= high).all()
        assert ((simulator.fatigue() >= 0) & (simulator.fatigue() <= 1)).all()
    assert simulator.over.all()
    assert set(simulator.causes()) <= {"horizon", "out-of-time"}


@every_family
def test_a_session_depends_neither_on_its_lane_nor_on_its_neighbours(family):
    wide, narrow = make_family(family, 40), make_family(family, 2)
    seeds = np.arange(40).astype(np.uint64)
    wide.begin(np.arange(40), seeds)
    narrow.begin(np.array([1, 0]), seeds[[7, 31]])
    for t in range(30):
        slates = random_slates(wide, 5, t)
        a, b = wide.step(slates), narrow.step(slates[[31, 7]])
        assert a.rewards[[31, 7]].tobytes() == b.rewards.tobytes()
        for key, values in narrow.observe().items():
            assert wide.observe()[key][[31, 7]].tobytes() == values.tobytes()


@every_family
def test_candidates_stay_or_are_drawn_anew(family):
    for resample in (True, False):
        simulator = make_family(family, 4, resample_documents=resample)
        key = next(key for key in simulator.observe() if key.startswith("candidate"))
        begin(simulator, 1)
        first = simulator.observe()[key]
        simulator.step(random_slates(simulator, 1, 0))
        assert np.array_equal(first, simulator.observe()[key]) == (not resample)


@every_family
def test_splits_draw_different_users(family):
    first = [make_family(family, 50, split=split) for split in ("train", "test", "all")]
    for simulator in first:
        simulator.begin(np.arange(50), np.arange(50).astype(np.uint64))
    state = ["interests", "affinity", "net_positive_exposure"]
    hidden = [next(s.hidden()[name] for name in state if name in s.hidden()) for s in first]
    assert not np.isin(hidden[0], hidden[1]).any()
    assert first[0].user_ids().tolist() == [seed >> 1 for seed in range(50)]


@every_family
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda simulator: pickle.loads(pickle.dumps(simulator))])
def test_a_copy_goes_on_alone(family, clone):
    original = make_family(family, 4)
    begin(original, 2)
    original.step(random_slates(original, 2, 0))
    copied = clone(original)
    for t in range(1, 6):
        slates = random_slates(original, 2, t)
        assert np.array_equal(original.step(slates).rewards, copied.step(slates).rewards)
    kept = copied.observe()
    original.step(slates)
    assert all(np.array_equal(kept[key], value) for key, value in copied.observe().items())


@every_family
def test_an_over_lane_is_left_alone(family):
    simulator = make_family(family, 2, horizon=2)
    simulator.begin(np.array([1]), np.array([9], np.uint64))
    nonsense = random_slates(simulator, 1, 0)
    nonsense[0] = -5
    for t in range(3):
        step = simulator.step(nonsense)
        assert step.rewards[0] == 0.0
        assert not step.terminated[0]
        assert not step.truncated[0]
        assert step.truncated[1] == (t >= 1)
    assert step.rewards[1] == 0.0
    assert simulator.causes().tolist() == ["", "horizon"]


@every_family
@pytest.mark.parametrize("bad", [-1, 10, 2**40])
def test_a_slate_out_of_range_moves_nothing(family, bad):
    simulator = make_family(family, 3)
    begin(simulator, 1)
    before, slates = simulator.observe(), random_slates(simulator, 1, 0)
    slates[1, -1] = bad
    with pytest.raises(InvalidActionError, match=r"lane 1: slate .* is out of range 0\.\.9"):
        simulator.step(slates)
    assert all(np.array_equal(before[key], value) for key, value in simulator.observe().items())


@every_family
@pytest.mark.parametrize("bad", [np.zeros(2, int), np.zeros((3, 2), int), np.zeros((2, 2)), [[1, 2], [3]]])
def test_actions_of_the_wrong_kind_are_refused(family, bad):
    simulator = make_family(family, 2, slate_size=2)
    begin(simulator, 1)
    with pytest.raises(InvalidActionError, match="actions must be 2 x 2 integers"):
        simulator.step(bad)


@every_family
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("num_candidates", 0, "num_candidates must be an integer of 1"),
        ("slate_size", 11, "slate_size must be an integer of 1 to 10"),
        ("slate_size", True, "slate_size must be an integer"),
        ("resample_documents", 1, "resample_documents must be True or False"),
        ("reference", "yes", "reference must be True or False"),
        ("choice_model", "logit", "choice_model 'logit' does not exist; use 'multinomial-logit' or"),
        ("split", "dev", "split 'dev' does not exist"),
        ("horizon", 0, "horizon must be an integer of 1"),
        ("num_candidate", 5, "did you mean 'num_candidates'"),
    ],
)
def test_options_without_meaning_are_refused(family, option, value, words):
    with pytest.raises(ConfigurationError, match=words):
        make_family(family, 1, **{option: value})


@pytest.mark.parametrize(("family", "option"), [("satisfaction", "sensitivity"), ("interest-exploration", "acquirers")])
def test_numbers_without_meaning_are_refused(family, option):
    for value in (-0.1, float("nan"), "1", 1e9):
        with pytest.raises(ConfigurationError, match=f"{option} must be a number of 0 to"):
            make_family(family, 1, **{option: value})


@every_family
def test_a_candidate_shown_twice_counts_once_unless_the_reference_is_asked_for(family):
    """Against a slate of the same candidate once: the same probability of a click by default, a higher one there."""
    clicks = {}
    for reference in (False, True):
        for slots in (1, 3):
            model = "cascade" if family == "satisfaction" else "proportional"
            simulator = make_family(family, 4000, slate_size=slots, reference=reference, choice_model=model)
            begin(simulator, 3)
            clicks[reference, slots] = (simulator.step(np.zeros((4000, slots), np.int64)).rewards > 0).sum()
    assert clicks[False, 1] == clicks[False, 3] == clicks[True, 1]
    assert clicks[True, 3] > 1.2 * clicks[True, 1]
