"""The departure kernel against its plain-Python reference, and what it refuses."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError, InvalidActionError, WorldError
from recsim_envs.families import make_family
from recsim_envs.worlds.world import World
from tests.recsim_envs.families.reference import ReferenceSession, category_sets
from tests.recsim_envs.worlds.reward_reference import ReferenceUser
from tests.worlds import every_kind, tiny_world

WORLDS = every_kind()
OPTIONS = st.builds(
    lambda common, rule: common | rule,
    st.fixed_dictionaries(
        {
            "window": st.integers(1, 14),
            "threshold": st.sampled_from([0.0, 0.8, 1.5, 2.5]),
            "r_min": st.sampled_from([0.0, 1.5, 2.0, 3.0]),
            "horizon": st.integers(1, 25),
            "protocol": st.sampled_from(["FB", "NX_0", "NX_3", "NX_10"]),
            "leaving_pays": st.booleans(),
        }
    ),
    st.one_of(
        st.just({"leave_by": "distance"}),
        st.fixed_dictionaries(
            {"leave_by": st.just("category"), "category_limit": st.integers(0, 4), "legacy_window": st.booleans()}
        ),
    ),
)


def start(simulator, seeds):
    simulator.begin(np.arange(simulator.num_lanes), np.asarray(seeds, np.uint64))


def references(simulator, world, options):
    vectors = world.arrays["vectors"].astype(np.float64).tolist()
    users = [ReferenceUser(world, user) for user in simulator.user_ids().tolist()]
    return [ReferenceSession(user.show, vectors, category_sets(world), **options) for user in users]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WORLDS)), OPTIONS, st.integers(0, 2**63), st.sampled_from([3, 30]))
def test_kernel_equals_the_reference(name, options, seed, pool):
    world, lanes = WORLDS[name], 6
    simulator = make_family("departure", lanes, world=world, split="all", **options)
    start(simulator, rng.bits_array(seed, np.arange(lanes), 1))
    expected = references(simulator, world, options)
    allowed = pool if options["protocol"] == "FB" else 30  # a small pool makes repeats common
    for t in range(simulator.horizon + 2):
        over, actions = simulator.over, rng.below_array(allowed, seed, t, 2, np.arange(lanes))
        if options["protocol"] != "FB":
            order = np.argsort(rng.bits_array(seed, t, 3, np.arange(30)))
            masks = simulator.infos()["action_mask"]
            actions = np.array([next(i for i in order if mask[i]) if mask.any() else 0 for mask in masks])
        rewards, terminated, truncated = simulator.step(actions)
        for b in range(lanes):
            if over[b]:
                assert rewards[b] == 0.0
                assert bool(terminated[b]) == (expected[b].cause != "horizon")
                continue
            assert (rewards[b], terminated[b], truncated[b]) == expected[b].step(int(actions[b]))
            assert simulator.causes()[b] == expected[b].cause
    assert simulator.over.all()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WORLDS)), OPTIONS, st.integers(0, 2**63))
def test_whether_a_user_would_stay_is_known_before_the_step(name, options, seed):
    simulator = make_family("departure", 6, world=WORLDS[name], split="all", **options | {"protocol": "FB"})
    start(simulator, rng.bits_array(seed, np.arange(6), 1))
    for t in range(simulator.horizon):
        running, actions = ~simulator.over, rng.below_array(30, seed, t, 2, np.arange(6))
        stays = simulator.stays(actions)
        terminated = simulator.step(actions).terminated
        assert np.array_equal(stays[running], ~terminated[running])


def test_the_legacy_window_is_the_references_slice():
    """With N = 4 the second item is held against one, the third against two, the fourth against one, later four."""
    world = tiny_world()
    sizes = []
    for t in range(1, 8):
        back = 0
        for age in range(1, t + 1):  # one item of category 0, `age` steps ago, among items of the others
            simulator = make_family(
                "departure",
                1,
                world=world,
                leave_by="category",
                window=4,
                category_limit=0,
                legacy_window=True,
                r_min=0.0,
            )
            start(simulator, [1])
            simulator._state[1, 0] = t
            simulator._items[1, 0, -t:] = 1
            simulator._items[1, 0, -age] = 0
            back += not simulator.stays(np.array([3]))[0]
        sizes.append(back)
    assert sizes == [1, 2, 1, 4, 4, 4, 4]


def test_observation_shows_the_log_then_the_session():
    world = WORLDS["table"]
    simulator = make_family("departure", 8, world=world, split="all", threshold=0.0, r_min=0.0)
    start(simulator, np.arange(8))
    first = simulator.observe()
    indptr, items, rewards = (world.arrays[f"log_{n}"] for n in ("indptr", "items", "rewards"))
    for b, user in enumerate(simulator.user_ids()):
        log = slice(max(indptr[user], indptr[user + 1] - 10), indptr[user + 1])
        seen = first["history_items"][b] >= 0
        assert first["history_items"][b][seen].tolist() == items[log].tolist()
        assert first["history_rewards"][b][seen].tolist() == rewards[log].tolist()
        assert not np.any(first["history_rewards"][b][~seen])
    assert np.all(first["session_items"] == -1)
    shown = [(np.arange(8) + t) % 30 for t in range(12)]
    for actions in shown:
        simulator.step(actions)
    later = simulator.observe()
    assert np.array_equal(later["session_items"], np.stack(shown[-10:], 1))
    paid = np.take_along_axis(world.user_rewards(simulator.user_ids()), later["session_items"].astype(int), 1)
    assert np.array_equal(later["session_rewards"], paid)
    assert later["length"].tolist() == [[12]] * 8
    assert simulator.task.observation_space["length"].contains(later["length"][0])


def test_splits_are_disjoint_and_all_of_them_are_drawn():
    world = WORLDS["table"]
    seen = {}
    for split in ("train", "test"):
        simulator = make_family("departure", 500, world=world, split=split)
        start(simulator, np.arange(500))
        seen[split] = set(simulator.user_ids().tolist())
        assert seen[split] == set(world.users(split).tolist())
    assert not seen["train"] & seen["test"]


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_a_session_does_not_depend_on_its_lane_or_its_neighbours(name):
    world = WORLDS[name]
    wide = make_family("departure", 50, world=world)
    narrow = make_family("departure", 2, world=world)
    start(wide, np.arange(50))
    start(narrow, [41, 7])
    for t in range(20):
        actions = (np.arange(50) * 7 + t * 3) % 30
        a, b = wide.step(actions), narrow.step(actions[[41, 7]])
        assert np.array_equal(a.rewards[[41, 7]], b.rewards)
        assert np.array_equal(a.terminated[[41, 7]], b.terminated)
        for key, values in narrow.observe().items():
            assert np.array_equal(wide.observe()[key][[41, 7]], values)


def test_fatigue_rises_as_the_window_fills_and_is_1_at_the_end():
    simulator = make_family("departure", 5, world=WORLDS["table"], split="all", leave_by="category", r_min=0.0)
    start(simulator, np.arange(5))
    assert not simulator.fatigue().any()
    for item in (0, 1, 3):
        simulator.step(np.full(5, item))
    assert np.all((simulator.fatigue() > 0.3) & (simulator.fatigue() < 0.4))  # one category of three
    simulator.step(np.full(5, 6))
    assert simulator.causes().tolist() == ["same-category"] * 5
    assert simulator.fatigue().tolist() == [1.0] * 5


def test_arrays_are_fresh():
    simulator = make_family("departure", 3, world=WORLDS["table"])
    start(simulator, [1, 2, 3])
    before = simulator.observe()
    kept = {key: value.copy() for key, value in before.items()}
    simulator.step(np.array([1, 2, 3]))
    assert all(np.array_equal(before[key], kept[key]) for key in kept)


@pytest.mark.parametrize("name", sorted(WORLDS))
@pytest.mark.parametrize("bad", [[30, 0], [0, -1], [2**40, 0]])
def test_an_action_out_of_range_moves_nothing(bad, name):
    simulator = make_family("departure", 2, world=WORLDS[name])
    start(simulator, [1, 2])
    before, remembered = simulator.observe(), simulator._memory.copy()
    with pytest.raises(InvalidActionError, match=r"lane [01], step 0: action .* out of range; items are 0\.\.29"):
        simulator.step(np.array(bad))
    assert all(np.array_equal(before[k], v) for k, v in simulator.observe().items())
    assert np.array_equal(simulator._memory, remembered)
    with pytest.raises(InvalidActionError, match="is out of range"):
        simulator.stays(np.array(bad))


@pytest.mark.parametrize(
    "bad", [np.zeros(2), np.zeros(3, int), np.zeros((2, 1), int), np.zeros(2, bool), ["a", "b"], [1, [2]]]
)
def test_actions_of_the_wrong_kind_are_refused(bad):
    simulator = make_family("departure", 2, world=WORLDS["table"])
    start(simulator, [1, 2])
    with pytest.raises(InvalidActionError, match="actions must be 2 integers"):
        simulator.step(bad)


def test_a_forbidden_repeat_names_the_way_out():
    simulator = make_family("departure", 1, world=WORLDS["table"], protocol="NX_5")
    start(simulator, [1])
    simulator.step(np.array([4]))
    assert simulator.infos()["action_mask"][0].tolist() == [int(i != 4) for i in range(30)]
    with pytest.raises(InvalidActionError, match="item 4 was already shown and protocol NX_5 forbids repeats"):
        simulator.step(np.array([4]))


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("protocol", "NX", "use 'FB', 'NX_0' or 'NX_k'"),
        ("protocol", "NX_31", "needs 31 different items"),
        ("window", 0, "window must be an integer of 1 to 64"),
        ("window", 2.5, "window must be an integer"),
        ("horizon", True, "horizon must be an integer"),
        ("threshold", float("nan"), "threshold must be a finite number"),
        ("r_min", "2", "r_min must be a finite number"),
        ("r_min", 10**400, "r_min must be a finite number"),
        ("r_min", 1e300, "r_min must be a finite number"),
        ("threshold", -50.0, "threshold must be 0 or at least 1e-18"),
        ("threshold", 1e-30, "0 switches the rule off"),
        ("leave_by", "colour", "leave_by 'colour' does not exist; use 'distance' or 'category'"),
        ("category_limit", -1, "category_limit must be an integer of 0 to 1000"),
        ("legacy_window", 1, "legacy_window must be True or False"),
        ("legacy_window", True, "pass leave_by='category' too"),
        ("leaving_pays", "no", "leaving_pays must be True or False"),
        ("window", 65, "window must be an integer of 1 to 64"),
        ("protocol", 5, "use 'FB', 'NX_0' or 'NX_k'"),
        ("protocol", None, "use 'FB', 'NX_0' or 'NX_k'"),
        ("treshold", 1.0, "did you mean 'threshold'"),
    ],
)
def test_options_without_meaning_are_refused(option, value, words):
    with pytest.raises(ConfigurationError, match=words):
        make_family("departure", 1, world=WORLDS["table"], **{option: value})


def test_unknown_split_and_family():
    with pytest.raises(WorldError, match="use 'train', 'test' or 'all'"):
        make_family("departure", 1, world=WORLDS["table"], split="dev")
    for family in ("departures", 5, ":x", None):
        with pytest.raises(ConfigurationError, match=f"family {family!r} does not exist"):
            make_family(family, 1)


@pytest.mark.parametrize("world", [5, {}, ["games"], "ga\0mes"])
def test_what_is_no_world_is_refused(world):
    with pytest.raises(WorldError, match="world must be a name, a folder or a World"):
        make_family("departure", 1, world=world)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda simulator: pickle.loads(pickle.dumps(simulator))])
@pytest.mark.parametrize("name", sorted(WORLDS))
def test_a_copy_goes_on_alone(clone, name, tmp_path):
    world = WORLDS[name].save(tmp_path / "world")
    original = make_family("departure", 4, world=world, threshold=0.0, r_min=0.0)
    start(original, np.arange(4))
    original.step(np.array([1, 2, 3, 4]))
    copied = clone(original)
    for actions in (np.array([5, 6, 7, 8]), np.array([9, 10, 11, 12])):
        kept = copied.observe()
        assert np.array_equal(original.step(actions).rewards, clone(original).observe()["session_rewards"][:, -1])
        assert all(np.array_equal(kept[key], value) for key, value in copied.observe().items())
        assert np.array_equal(copied.step(actions).rewards, original.observe()["session_rewards"][:, -1])
        assert all(np.array_equal(copied.observe()[key], value) for key, value in original.observe().items())


def test_a_pickle_holds_no_world(tmp_path):
    world = tiny_world(users=200, items=3000).save(tmp_path / "world")
    assert len(pickle.dumps(make_family("departure", 2, world=world))) < 200_000 < world.arrays["rewards"].nbytes


def test_agents_are_not_told_where_the_rewards_lie(tmp_path):
    world = WORLDS["table"].save(tmp_path / "world")
    catalogue = make_family("departure", 1, world=world).task.catalogue
    for array in (catalogue.popularity, catalogue.mean_reward, catalogue.category_ids, catalogue.titles.data):
        assert type(array) is np.ndarray
        assert not array.flags.writeable


def test_text_rendering_tells_history_session_and_end():
    simulator = make_family("departure", 1, world=WORLDS["table"], threshold=1.5)
    start(simulator, [3])
    simulator.step(np.array([5]))
    simulator.step(np.array([5]))
    text = simulator.render_ansi(0)
    assert "step 2 of 20, ended: repeat" in text
    assert "Item 5  [blue]" in text.partition("Session:")[2]


def test_rewards_below_nothing_stay_in_range_where_leaving_forfeits_them():
    world = tiny_world()
    info = world.info.model_copy(update={"reward_range": (-5.0, -1.0)})
    arrays = dict(world.arrays) | {"rewards": np.full_like(world.arrays["rewards"], -2.0)}
    simulator = make_family("departure", 1, world=World(info, arrays), split="all", r_min=0.0, leaving_pays=False)
    start(simulator, [1])
    simulator.step(np.array([0]))
    rewards = simulator.step(np.array([1])).rewards
    low, high = simulator.task.reward_range
    assert rewards.tolist() == [0.0]
    assert low <= rewards[0] <= high
