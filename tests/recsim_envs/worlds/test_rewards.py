"""The reward models: whole catalogues, single pairs and the plain-Python reference give the same bits."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from recsim_envs.errors import WorldError
from recsim_envs.worlds.rewards import REWARD_MODELS
from recsim_envs.worlds.rewards.calibration import feel, felt
from recsim_envs.worlds.rewards.factors import BLOCK
from recsim_envs.worlds.world import World, WorldInfo
from tests.recsim_envs.worlds.reward_reference import ReferenceUser
from tests.worlds import tiny_deepfm_world, tiny_factor_world, tiny_gru_world, tiny_world

SEEDS = st.integers(0, 10_000)
SIZES = st.integers(1, 6)
STATIC = st.one_of(
    st.builds(tiny_factor_world, seed=SEEDS, calibrated=st.booleans()),
    st.builds(tiny_deepfm_world, seed=SEEDS, calibrated=st.booleans(), layers=st.tuples(SIZES, SIZES), rank=SIZES),
)
SEQUENTIAL = st.builds(tiny_gru_world, seed=SEEDS, calibrated=st.booleans(), width=SIZES, rank=SIZES)


def rated(world, users, items, memory, wanted=None):
    out = np.full(len(users), -1.0)
    world.rewards.rate(users, items, memory, np.ones(len(users), bool) if wanted is None else wanted, out)
    return out


def test_every_model_that_a_world_may_name_exists():
    assert set(REWARD_MODELS) == set(get_args(WorldInfo.model_fields["reward_model"].annotation))
    assert [name for name, model in REWARD_MODELS.items() if model.sequential] == ["gru"]


@settings(max_examples=25)
@given(st.one_of(st.builds(tiny_world, seed=SEEDS), STATIC, SEQUENTIAL))
def test_catalogues_and_pairs_equal_the_reference(world):
    users = np.array([7, 0, 7])
    catalogue, memory = world.user_rewards(users), world.rewards.fresh(users)
    assert catalogue.dtype == np.float32
    for item in range(world.num_items):
        expected = [ReferenceUser(world, user).rate(item) for user in users.tolist()]
        assert catalogue[:, item].tolist() == expected
        assert rated(world, users, np.full(3, item), memory).tolist() == expected


@settings(max_examples=25)
@given(SEQUENTIAL, SEEDS)
def test_what_was_shown_moves_what_users_give(world, seed):
    generator, users = np.random.default_rng(seed), np.array([3, 11, 3, 0])
    references, memory = [ReferenceUser(world, user) for user in users.tolist()], world.rewards.fresh(users)
    for _ in range(5):
        items, shown = generator.integers(0, 30, 4), generator.random(4) < 0.7
        opinions, rewards = world.user_rewards(users, memory), rated(world, users, items, memory, shown)
        world.rewards.remember(memory, items, rewards, shown)
        for b, user in enumerate(references):
            if shown[b]:
                assert rewards[b] == opinions[b, items[b]] == user.show(items[b])
            else:
                assert rewards[b] == -1.0
            assert memory[b].tolist() == user.state


@pytest.mark.parametrize("make", [tiny_factor_world, tiny_deepfm_world, tiny_gru_world])
@pytest.mark.parametrize("items", [BLOCK - 1, BLOCK, 2 * BLOCK + 1])
def test_blocks_of_items_leave_none_out(make, items):
    world, users = make(items=items, calibrated=True), np.array([4, 9])
    catalogue = world.user_rewards(users)
    for item in range(items):
        assert rated(world, users, np.full(2, item), world.rewards.fresh(users)).tolist() == catalogue[:, item].tolist()


def test_the_recurrent_unit_is_that_of_torch():
    torch = pytest.importorskip("torch", reason="the unit is held against torch.nn.GRU: pip install longrec[data]")
    world, width, length = tiny_gru_world(width=5), 5, 6
    a, items = world.arrays, np.array([3, 29, 0, 3, 7, 1])
    memory = world.rewards.fresh(np.array([2]))
    values = np.linspace(1, 5, length)
    unit = torch.nn.GRU(3 * width, width, batch_first=True)
    with torch.no_grad():
        unit.weight_ih_l0.copy_(torch.eye(3 * width))  # the inputs are the gates
        unit.weight_hh_l0.copy_(torch.tensor(a["hidden_gates"].reshape(width, -1).T.copy()))
        unit.bias_ih_l0.zero_()
        unit.bias_hh_l0.copy_(torch.tensor(a["hidden_bias"].reshape(-1)))
        given_ = a["item_gates"][items].reshape(length, -1) + np.outer(values, a["value_gates"].reshape(-1))
        states, _ = unit(torch.tensor(given_[None], dtype=torch.float32), torch.tensor(memory[None]))
    for t in range(length):
        world.rewards.remember(memory, items[t : t + 1], values[t : t + 1], np.ones(1, bool))
        np.testing.assert_allclose(memory[0], states[0, t].numpy(), atol=2e-6)


def test_what_users_remember_at_first_is_a_copy():
    world = tiny_gru_world()
    world.rewards.fresh(np.array([1]))[:] = 9.0
    assert np.array_equal(world.rewards.fresh(np.array([1]))[0], world.arrays["user_states"][1])


@pytest.mark.parametrize("user", [-1, 12, 2**40])
@pytest.mark.parametrize("make", [tiny_world, tiny_deepfm_world, tiny_gru_world])
def test_an_unknown_user_is_refused(make, user):
    world = make()
    with pytest.raises(WorldError, match=r"ids are 0\.\.11"):
        world.user_rewards(np.array([0, user]), np.zeros((2, world.rewards.width), np.float32))


@pytest.mark.parametrize(("make", "shape"), [(tiny_gru_world, (2, 3)), (tiny_gru_world, (1, 4)), (tiny_world, (2, 4))])
def test_a_memory_of_another_shape_is_refused(make, shape):
    with pytest.raises(WorldError, match=r"memory has shape .*, not \(2, [04]\); pass one row a user"):
        make().user_rewards(np.array([0, 1]), np.zeros(shape, np.float32))


@njit
def _felt_all(raw, knots, low, high):
    out = np.empty_like(raw)
    for i in range(len(raw)):
        out[i] = felt(raw[i], (knots, low, high))
    return out


def calibrated(raw, xs, ys):
    knots = np.array([xs, ys], np.float32)
    return _felt_all(np.asarray(raw, np.float32), knots, np.float32(-1e30), np.float32(1e30))


KNOTS = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=9, unique=True).map(sorted)
RAW = st.lists(st.floats(-120, 120, width=32), min_size=1, max_size=30).map(sorted)


@settings(max_examples=100)
@given(KNOTS, st.data(), RAW)
def test_calibration_is_numpys_interpolation_and_never_falls(xs, data, raw):
    values = st.lists(st.floats(-5, 5, width=32), min_size=len(xs), max_size=len(xs)).map(sorted)
    ys = data.draw(values)
    found = calibrated(raw, xs, ys)
    np.testing.assert_allclose(found, np.interp(raw, xs, ys), rtol=1e-6, atol=1e-6)
    assert np.all(np.diff(found) >= 0)
    assert calibrated(xs, xs, ys).tolist() == np.float32(ys).tolist()


@settings(max_examples=100)
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=80, unique=True).map(sorted), st.data())
def test_matrices_are_calibrated_as_single_numbers_are(xs, data):
    beside = [np.nextafter(np.float32(x), np.float32(side)) for x in xs for side in (-np.inf, x, np.inf)]
    between = data.draw(st.lists(st.floats(xs[0], xs[-1], width=32), max_size=30))
    raw = np.array([*beside, *between, np.nan, np.inf, -np.inf], np.float32)
    found = raw[None].copy()
    feel(found, (np.array([xs, np.sqrt(np.arange(len(xs)))], np.float32), np.float32(-1e30), np.float32(1e30)))
    np.testing.assert_array_equal(found[0], calibrated(raw, xs, np.sqrt(np.arange(len(xs)))))


@pytest.mark.parametrize("make", [tiny_factor_world, tiny_deepfm_world, tiny_gru_world])
@pytest.mark.parametrize("with_map", [False, True])
def test_numbers_that_overflow_stay_in_the_range(make, with_map):
    world = make(calibrated=with_map)
    for name in ("user_factors", "item_factors"):
        world.arrays[name] = np.copysign(np.float32(3e38), world.arrays[name])
    world.validate()
    rewards = world.user_rewards(np.arange(12))
    assert np.all((rewards >= 1.0) & (rewards <= 5.0))


def nan_at_the_end(array):
    array = array.copy()
    array.reshape(-1)[-1] = np.nan
    return array


DAMAGE = [
    *((tiny_deepfm_world, name, nan_at_the_end, "holds NaN or infinity") for name in REWARD_MODELS["deepfm"].LAYOUT),
    *((tiny_gru_world, name, nan_at_the_end, "holds NaN or infinity") for name in REWARD_MODELS["gru"].LAYOUT),
    (tiny_gru_world, "item_gates", lambda a: np.concatenate([a, a[:, :1]], 1), "has 4 rows, not 3"),
    (tiny_gru_world, "item_gates", lambda a: a[:-1], "has 29 items, not 30"),
    (tiny_gru_world, "hidden_bias", lambda a: a[:, :-1], "has 3 width, not 4"),
    (tiny_gru_world, "user_states", lambda a: a.astype(np.float64), "is <f8, not <f4"),
    (tiny_gru_world, "value_gates", lambda a: a.reshape(-1), "has 1 axes, not 2"),
    (tiny_deepfm_world, "deep_weights", lambda a: a.T.copy(), "has 4 h1, not 6"),
    (tiny_deepfm_world, "deep_out", lambda a: a[:-1], "has 3 h2, not 4"),
    (tiny_factor_world, "item_factors", lambda a: a[:, :-1], "has 2 rank, not 3"),
    *((tiny_world, name, lambda a: a.sum(), "has 0 axes, not 1") for name in ("log_indptr", "popularity")),
    (tiny_world, "log_indptr", lambda a: a[:0], r"has 0 users\+1, not 1"),
    (tiny_factor_world, "calibration", nan_at_the_end, "holds NaN or infinity"),
    (tiny_factor_world, "calibration", lambda a: a[:, :0], "has no knots; leave it out"),
    (tiny_factor_world, "calibration", lambda a: a[:1], "has 1 rows, not 2"),
    (tiny_deepfm_world, "calibration", lambda a: a[:, [0, 1, 1]], "row 0 does not rise"),
    (tiny_gru_world, "calibration", lambda a: a * np.float32([[1], [-1]]), "row 1 falls"),
]


@pytest.mark.parametrize(("make", "name", "change", "message"), DAMAGE)
def test_a_damaged_array_is_named_with_its_fix(make, name, change, message):
    world = make() if make is tiny_world else make(calibrated=True)
    arrays = world.arrays | {name: change(world.arrays[name])}
    with pytest.raises(WorldError, match=rf"array {name}\b.*{message}.*rebuild the world"):
        World(world.info, arrays).validate()


def test_a_damaged_array_of_a_folder_is_named_by_its_file(tmp_path):
    tiny_gru_world(calibrated=True).save(tmp_path / "w")
    file = tmp_path / "w" / "calibration.npy"
    np.save(file, np.load(file)[:, ::-1].copy())
    with pytest.raises(WorldError, match=r"w/calibration\.npy: row 0 does not rise; rebuild the world"):
        World.load(tmp_path / "w", verify=False)


@pytest.mark.parametrize("make", [tiny_deepfm_world, tiny_gru_world])
def test_missing_and_unknown_arrays_are_listed(make):
    world = make()
    arrays = world.arrays | {"surprise": np.zeros(3)}
    del arrays["item_bias"]
    with pytest.raises(WorldError, match=r"arrays missing \['item_bias'\], unknown \['surprise'\]"):
        World(world.info, arrays).validate()


def test_tables_are_not_calibrated():
    world = tiny_world()
    arrays = world.arrays | {"calibration": np.array([[1, 2], [1, 2]], np.float32)}
    with pytest.raises(WorldError, match=r"unknown \['calibration'\]"):
        World(world.info, arrays).validate()
