"""The boredom kernel against its plain-Python reference, its items and users, and what it refuses."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recsim_envs
from recsim_envs import rng
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.families import make_family
from recsim_envs.families.actions import split_seeds
from recsim_envs.families.boredom import presets
from recsim_envs.families.boredom.items import item_vectors
from tests.recsim_envs.families.boredom_reference import ReferenceSession

IDS = [f"longrec/{name}" for name, (family, _) in recsim_envs.ids.BUILTIN.items() if family == "boredom"]
OPTIONS = st.fixed_dictionaries(
    {"layout": st.sampled_from(presets.LAYOUTS), "variant": st.sampled_from(presets.VARIANTS)},
    optional={
        "reference": st.booleans(),
        "num_items": st.integers(10, 40),
        "num_topics": st.integers(3, 12),
        "slate_size": st.integers(1, 10),
        "horizon": st.integers(1, 30),
        "offset": st.sampled_from([-0.2, 0.1, 0.3]),
        "slope": st.sampled_from([0.0, 3.0, 20.0, 300.0]),
        "omega": st.sampled_from([0.0, 0.5, 0.9]),
        "influence": st.sampled_from(presets.INFLUENCES),
        "boredom": st.sampled_from(presets.KINDS),
        "boredom_threshold": st.integers(1, 6),
        "boredom_window": st.integers(1, 8),
        "boredom_timeout": st.integers(1, 6),
        "memory": st.integers(1, 12),
        "click_propensity": st.sampled_from([0.5, 1.0]),
        "position_decay": st.sampled_from([0.0, 0.6, 1.0]),
        "copies": st.sampled_from(presets.COPIES),
        "item_seed": st.integers(0, 5),
    },
)


def start(simulator, seeds):
    simulator.begin(np.arange(simulator.num_lanes), np.asarray(seeds, np.uint64))


def random_slates(simulator, seed, t, pool):
    """Actions among the first `pool` items."""
    shape = (simulator.num_lanes, *simulator.task.action_space.shape)
    pool = min(pool, simulator.task.catalogue.num_items)
    return rng.below_array(pool, seed, t, rng.POLICY, np.arange(np.prod(shape, dtype=int))).reshape(shape)


@settings(max_examples=80, deadline=None)
@given(OPTIONS, st.integers(0, 2**63), st.sampled_from([2, 40]))
def test_kernel_equals_the_reference(options, seed, pool):
    options = {"num_items": 12} | options  # few items, so that users click
    simulator = make_family("boredom", 3, split="test", **options)
    constants = presets.Constants(**{k: v for k, v in simulator.constants().items() if k != "item_seed"})
    seeds = rng.bits_array(seed, np.arange(3), 1)
    start(simulator, seeds)
    items = simulator.item_vectors.tolist()
    expected = [ReferenceSession(s, items, constants) for s in split_seeds(seeds, "test")]
    for t in range(min(constants.horizon, 12)):
        compare(simulator, expected, t)
        actions = random_slates(simulator, seed, t, pool)
        result = simulator.step(actions)
        slates = actions.reshape(3, -1).tolist()
        assert result.rewards.tolist() == [user.show(slate) for user, slate in zip(expected, slates, strict=True)]
        assert not result.terminated.any()
        assert result.truncated.tolist() == [t + 1 == constants.horizon] * 3


def compare(simulator, expected, t):
    seen, hidden, relevances = simulator.observe(), simulator.hidden(), simulator.relevances()
    for b, user in enumerate(expected):
        assert seen["slate"][b].tolist() == user.slate
        assert seen["clicks"][b].tolist() == user.clicks
        assert seen["hist"][b].tolist() == np.float32(user.hist).tolist()
        assert seen["length"][b] == t
        assert (hidden["bored_for"][b] > 0).tolist() == user.bored
        assert hidden["user_vector"][b] == pytest.approx(user.user, abs=1e-12)
        assert relevances[b, 0] == pytest.approx(user.chance(0), abs=1e-9)


def test_twelve_ids_are_registered():
    assert len(IDS) == 12
    assert {type(gym.make(i).action_space) for i in IDS if "Single" in i} == {gym.spaces.Discrete}
    assert {type(gym.make(i).action_space) for i in IDS if "Slate" in i} == {gym.spaces.MultiDiscrete}


def test_items_follow_the_recipe():
    vectors = item_vectors(1000, 10, 0)
    parts = (vectors > 0).sum(axis=1)
    assert set(parts.tolist()) == {2, 3}
    assert abs((parts == 2).sum() - 489) < 60  # the reference's count; 3.8 standard deviations of our draw around 500
    assert np.allclose((vectors**2).sum(axis=1), 1.0, atol=1e-14)
    assert np.bincount(vectors.argmax(axis=1), minlength=10).min() > 60
    assert not np.array_equal(vectors, item_vectors(1000, 10, 1))


def test_users_like_three_to_five_topics():
    simulator = make_family("boredom", 2000, variant="static")
    start(simulator, np.arange(2000))
    users = simulator.hidden()["user_vector"]
    liked = (users > 0).sum(axis=1)
    # Binomial(10, 0.4) given 3..5: its shares are 0.323, 0.376, 0.301, with standard error 0.011.
    assert np.bincount(liked, minlength=6)[3:] / 2000 == pytest.approx([0.323, 0.376, 0.301], abs=0.035)
    assert len(np.bincount(liked)) == 6
    assert np.allclose((users**2).sum(axis=1), 1.0)


def test_the_catalogue_says_topics_and_what_a_log_of_fresh_users_says():
    catalogue = make_family("boredom", 1).task.catalogue
    vectors = item_vectors(1000, 10, 0)
    assert all(catalogue.categories(i)[0] == vectors[i].argmax() for i in range(1000))
    assert catalogue.category_matrix().astype(bool).tolist() == (vectors > 0).tolist()
    assert catalogue.popularity.sum() == pytest.approx(200_000 * 0.0865, rel=0.1)
    assert np.corrcoef(catalogue.popularity, catalogue.mean_reward)[0, 1] > 0.9


def test_splits_have_their_own_users():
    users = {}
    for split in ("train", "test", "all"):
        simulator = make_family("boredom", 50, split=split)
        start(simulator, np.arange(50))
        users[split] = {tuple(row) for row in simulator.hidden()["user_vector"].tolist()}
        assert simulator.user_ids().tolist() == [n >> 1 for n in range(50)]
    assert not users["train"] & users["test"]
    assert not users["train"] & users["all"]


def test_five_clicks_on_a_topic_bore_for_five_steps():
    simulator = make_family("boredom", 64, layout="single", variant="bored")
    start(simulator, np.arange(64))
    best = simulator.relevances().argmax(axis=1)
    bored, rewards = [], []
    for _ in range(20):
        rewards.append(simulator.step(best).rewards)
        bored.append(simulator.hidden()["bored"])
    # The first item may have been of the same topic and clicked; nearly always it was not.
    usual = (np.array(rewards).sum(axis=0) == 10) & ~bored[3]
    assert usual.mean() > 0.9
    assert np.array(bored)[:, usual].T.tolist() == [([False] * 4 + [True] * 5 + [False]) * 2] * int(usual.sum())
    assert simulator.fatigue().min() >= 0
    assert simulator.fatigue().max() <= 1


def test_copies_in_a_slate():
    rewards = {}
    for copies in presets.COPIES:
        simulator = make_family("boredom", 200, layout="topk", variant="static", copies=copies)
        start(simulator, np.arange(200))
        best = simulator.relevances().argmax(axis=1)
        rewards[copies] = simulator.step(np.repeat(best[:, None], 10, axis=1)).rewards
    assert rewards["ignored"].tolist() == [1.0] * 200
    assert rewards["count"].mean() == pytest.approx(5.35, abs=0.3)  # the sum of 0.85 ** k


def test_influence_moves_the_user_towards_what_they_click_or_towards_the_middle():
    def after(influence):
        always = {"variant": "static", "offset": -1.0, "slope": 300.0}  # whatever is shown is clicked
        simulator = make_family("boredom", 200, influence=influence, omega=0.9, **always)
        start(simulator, np.arange(200))
        item = np.arange(200)
        for _ in range(100):
            simulator.step(item)
        return simulator.hidden()["user_vector"], simulator.item_vectors[item]

    users, items = after("fixed")
    assert (users * items).sum(axis=1).min() > 0.999
    users, _ = after("reference")
    assert users.std(axis=1).max() < 0.02


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda simulator: pickle.loads(pickle.dumps(simulator))])
def test_a_copy_goes_on_alone(clone):
    original = make_family("boredom", 4, layout="rerank")
    start(original, np.arange(4))
    copied = clone(original)
    kept = copied.observe()
    actions = random_slates(original, 1, 1, 10)
    rewards = original.step(actions).rewards
    assert all(np.array_equal(kept[key], value) for key, value in copied.observe().items())
    assert np.array_equal(copied.step(actions).rewards, rewards)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("layout", "list", "use 'single' or 'topk' or 'rerank'"),
        ("variant", "Bored", "use 'static' or 'bored'"),
        ("reference", 1, "reference must be True or False"),
        ("num_topics", 2, "num_topics must be an integer of 3 to 64"),
        ("num_items", 0, "num_items must be an integer of 1 to"),
        ("slate_size", 65, "slate_size must be an integer of 1 to 64"),
        ("horizon", 1.5, "horizon must be an integer"),
        ("slope", -1.0, "slope must be a number of 0 to 300"),
        ("slope", float("inf"), "slope must be a number of 0 to 300"),
        ("offset", "a", "offset must be a number of -1 to 1"),
        ("omega", 1.1, "omega must be a number of 0 to 1"),
        ("influence", "scalar", "use 'none' or 'reference' or 'fixed'"),
        ("boredom", "item", "use 'user' or 'topic'"),
        ("boredom_threshold", 0, "boredom_threshold must be an integer of 1 to"),
        ("memory", 257, "memory must be an integer of 1 to 256"),
        ("copies", True, "use 'ignored' or 'count'"),
        ("item_seed", -1, "item_seed must be an integer of 0 to"),
        ("split", "dev", "use 'train', 'test' or 'all'"),
        ("thresh", 3, "has no option 'thresh'"),
    ],
)
def test_options_without_meaning_are_refused(option, value, words):
    with pytest.raises(ConfigurationError, match=words):
        make_family("boredom", 1, **{option: value})


def test_a_slate_larger_than_the_catalogue_is_refused():
    with pytest.raises(ConfigurationError, match="slate_size 10 is more than num_items 5"):
        make_family("boredom", 1, layout="topk", num_items=5)


@pytest.mark.parametrize(
    ("layout", "bad", "words"),
    [
        ("single", [0, 1000], r"lane 1: item 1000 is out of range 0\.\.999"),
        ("rerank", [[0] * 10, [0] * 9 + [-1]], r"lane 1: slate .* is out of range 0\.\.9"),
        ("rerank", [0, 1], "actions must be 2 x 10 integers"),
        ("single", [0.0, 1.0], "actions must be 2 integers"),
    ],
)
def test_a_wrong_action_moves_nothing(layout, bad, words):
    simulator = make_family("boredom", 2, layout=layout)
    start(simulator, [1, 2])
    before = simulator.observe()
    with pytest.raises(InvalidActionError, match=words):
        simulator.step(np.array(bad))
    assert all(np.array_equal(before[key], value) for key, value in simulator.observe().items())


def test_text_rendering_tells_slate_clicks_and_boredom():
    simulator = make_family("boredom", 1, layout="topk", env_id="longrec/SlateTopKBored-v0", horizon=1)
    start(simulator, [3])
    simulator.step(np.argsort(-simulator.relevances())[:, :10])
    text = simulator.render_ansi(0)
    assert text.startswith("longrec/SlateTopKBored-v0  step 1 of 1, ended: horizon")
    assert "click  Item" in text
    assert "boring for 5 more steps" in text
    assert simulator.causes().tolist() == ["horizon"]
