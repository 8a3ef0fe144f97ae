"""The reference policies of the departure family: near the optimum, and no more far-sighted than they say."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs import rng
from recsim_envs.families import make_family
from recsim_envs.families.departure import references
from recsim_envs.families.departure.planning import CliqueSearch, best_cycle, best_packing, far_apart
from recsim_envs.worlds import resolve
from tests.recsim_envs.families.reference import ReferenceSession, category_sets
from tests.worlds import tiny_deepfm_world, tiny_factor_world, tiny_gru_world, tiny_world


def play(world, name="planner", sessions=8, **options):
    """One session a lane of a reference policy on test users: the simulator and the returns."""
    sim = make_family("departure", sessions, world=world, **({"split": "test"} | options))
    sim.begin(np.arange(sessions), rng.bits_array(1, np.arange(sessions), 99))
    policy, returns = sim.references()[name](), np.zeros(sessions)
    while not sim.over.all():
        returns += sim.step(policy()).rewards
    return sim, returns


def best_return(world, user, horizon, **rules):
    """The best session by trying them all."""
    rewards, best = world.user_rewards(np.array([user]))[0].tolist(), 0.0
    vectors = world.arrays["vectors"].astype(float).tolist()
    for actions in product(range(world.num_items), repeat=horizon):
        session = ReferenceSession(rewards.__getitem__, vectors, category_sets(world), horizon=horizon, **rules)
        total = 0.0
        for action in actions:
            reward, *over = session.step(action)
            total += reward
            if any(over):
                break
        best = max(best, total)
    return best


@given(st.integers(0, 10_000), st.sampled_from([1, 2, 3]), st.sampled_from([1.5, 2.5, 3.5]))
@settings(max_examples=15)
def test_equals_exhaustive_search_where_the_horizon_is_whole_cycles(seed, window, threshold):
    horizon = 4 if window in (1, 3) else 3
    world = tiny_world(users=4, items=6, seed=seed, threshold=threshold, window=window, horizon=horizon)
    sim, returns = play(world, sessions=2)
    for user, total in zip(sim.user_ids().tolist(), returns, strict=True):
        exact = best_return(world, user, horizon, window=window, threshold=threshold, r_min=2.0)
        # The first step is safe even for an item below r_min, which the plan does not use.
        assert exact - 1.0 <= total <= exact


@given(st.integers(0, 10_000), st.sampled_from([1, 2]), st.integers(0, 1))
@settings(max_examples=15)
def test_equals_exhaustive_search_by_category(seed, window, limit):
    rules = {"leave_by": "category", "window": window, "category_limit": limit, "r_min": 0.0, "leaving_pays": False}
    horizon = 4 if window == 1 else 3
    world = tiny_world(users=4, items=6, seed=seed)
    sim, returns = play(world, sessions=2, horizon=horizon, **rules)
    for user, total in zip(sim.user_ids().tolist(), returns, strict=True):
        assert total == best_return(world, user, horizon, threshold=0.0, **rules)


@pytest.mark.parametrize("protocol", ["FB", "NX_0", "NX_20"])
@pytest.mark.parametrize("make", [tiny_world, tiny_factor_world, tiny_deepfm_world])
def test_comes_near_the_bound_on_small_worlds(make, protocol):
    sim, returns = play(make(users=40, items=300, threshold=2.0), sessions=20, protocol=protocol)
    assert set(sim.causes()) == {"horizon"}
    assert np.all(returns <= sim.bound() + 1e-3)
    assert returns.sum() >= 0.97 * sim.bound().sum()


@pytest.mark.parametrize("protocol", ["FB", "NX_0", "NX_10"])
@pytest.mark.parametrize("name", ["games", "books"])
def test_reaches_the_bound_on_the_shipped_worlds(name, protocol):
    sim, returns = play(resolve(name), sessions=50, protocol=protocol)
    assert set(sim.causes()) == {"horizon"}
    assert np.all(returns <= sim.bound() + 1e-3)
    assert returns.sum() >= 0.98 * sim.bound().sum()


@pytest.mark.parametrize("protocol", ["FB", "NX_0"])
def test_reaches_the_proven_bound_on_videos(protocol):
    """Three blocks of ten with no category over two, or thirty different items with none over six."""
    sim, returns = play(resolve("videos"), sessions=30, protocol=protocol, leaving_pays=False)
    bounds = sim.bound()
    assert set(sim.causes()) == {"horizon"}
    assert np.all(returns <= bounds + 1e-3)
    assert returns.sum() >= 0.998 * bounds.sum()


@given(
    st.integers(0, 10_000), st.sampled_from(["distance", "category"]), st.booleans(), st.sampled_from(["FB", "NX_0"])
)
@settings(max_examples=25)
def test_no_session_exceeds_the_bound(seed, leave_by, leaving_pays, protocol):
    """All sequences of three of six items, also such as end by leaving."""
    rules = {"leave_by": leave_by, "window": 1, "category_limit": 0, "threshold": 1.5, "r_min": 2.0}
    world = tiny_world(users=4, items=6, seed=seed, horizon=3)
    sequences = np.array(list(product(range(6), repeat=3)))
    sequences = sequences[[len(set(s)) == 3 or protocol == "FB" for s in sequences.tolist()]]
    options = {"world": world, "split": "test", "protocol": protocol, "leaving_pays": leaving_pays, **rules}
    sim, one = (make_family("departure", lanes, **options) for lanes in (len(sequences), 1))
    sim.begin(np.arange(len(sequences)), np.full(len(sequences), seed, np.uint64))
    one.begin(np.arange(1), np.full(1, seed, np.uint64))
    returns = np.zeros(len(sequences))
    for actions in sequences.T:
        returns += sim.step(actions.copy()).rewards
    assert returns.max() <= one.bound()[0] + 1e-6


@pytest.mark.parametrize("protocol", ["FB", "NX_0", "NX_10"])
@pytest.mark.parametrize("rule", [{"threshold": 2.5}, {"leave_by": "category", "window": 4, "category_limit": 1}])
def test_plans_anew_where_every_item_moves_tastes(rule, protocol):
    """It keeps everybody, and earns what the rule of thumb does: neither sees what an item will do to later rewards."""
    world, options = tiny_gru_world(users=40, items=300), rule | {"leaving_pays": True, "protocol": protocol}
    sim, planned = play(world, sessions=20, **options)
    assert np.all(sim.steps == sim.horizon)
    for name, least in (("myopic", 1.0), ("rule-staying", 0.99)):
        assert planned.sum() >= least * play(world, name, sessions=20, **options)[1].sum()


def test_opinions_of_many_lanes_are_held_in_pieces(monkeypatch):
    world, found = tiny_gru_world(users=40, items=50), []
    for held in (1, 120, 1 << 25):
        monkeypatch.setattr(references, "HELD", held)
        found.append(play(world, "rule-staying", sessions=9, threshold=2.0)[1].tolist())
    assert found[0] == found[1] == found[2]


def test_shows_the_best_item_for_ever_where_the_distance_rule_is_off():
    sim, returns = play(tiny_world(threshold=0.0))
    assert returns.tolist() == sim.bound().tolist()


def test_does_its_best_where_everybody_must_leave():
    world = tiny_world(items=20, threshold=100.0)
    sim, returns = play(world)
    assert returns.tolist() == world.user_rewards(sim.user_ids()).max(axis=1).tolist()


def test_widens_its_pool_until_a_cycle_fits():
    world = tiny_world(users=4, items=400, threshold=1.0, dim=4)
    vectors = np.zeros((400, 4), np.float32)
    vectors[:, 0] = np.where(np.arange(400) < 396, 0.0, 10.0 * np.arange(400))
    world.arrays["vectors"] = vectors
    world.arrays["rewards"] = np.full((4, 400), 5, np.int8)
    assert set(play(world)[0].causes()) == {"horizon"}


@pytest.mark.parametrize("protocol", ["FB", "NX_0"])
def test_myopic_takes_what_pays_now(protocol):
    """Where leaving pays it walks into it, where leaving costs the step it does not, and no repeats are no repeats."""
    world = tiny_world(users=20, items=60, threshold=2.5)
    paid, _ = play(world, "myopic", leaving_pays=True, protocol=protocol)
    assert "horizon" not in paid.causes().tolist() or protocol == "NX_0"
    careful, returns = play(world, "myopic", protocol=protocol)
    assert set(careful.causes()) == {"horizon"}
    _, planned = play(world, "planner", protocol=protocol)
    assert returns.mean() == pytest.approx(planned.mean(), rel=0.05)
    sim = make_family("departure", 4, world=world, threshold=0.0, r_min=0.0)
    sim.begin(np.arange(4), np.arange(4, dtype=np.uint64))
    policy = sim.references()["myopic-no-repeat"]()
    shown = []
    while not sim.over.all():
        shown.append(policy())
        sim.step(shown[-1])
    assert all(len(set(lane)) == 20 for lane in np.stack(shown, 1).tolist())


def test_the_planner_is_careless_only_at_the_end():
    """Where leaving pays, the last step may as well end the session: it takes the dearest item."""
    world = tiny_world(users=20, items=60, threshold=2.0)
    sim, returns = play(world, leaving_pays=True)
    _, careful = play(world, leaving_pays=False)
    assert sim.steps.tolist() == [20] * 8
    assert np.all(returns >= careful)


def test_a_cycle_is_sought_among_the_best_items():
    world = tiny_world(items=200)
    pool = make_family("departure", 1, world=world).cycle_pool()
    means = world.catalogue.mean_reward
    assert len(pool) <= 40
    assert set(np.argsort(-means)[:20]) <= set(pool.tolist())
    assert not len(make_family("departure", 1, world=world, protocol="NX_0").cycle_pool())


@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([0.2, 0.5, 0.9]))
def test_branch_and_bound_equals_brute_force(seed: int, size: int, density: float):
    generator = np.random.default_rng(seed)
    rewards = -np.sort(-generator.uniform(1, 5, 9)).astype(np.float32)
    far = np.triu(generator.uniform(size=(9, 9)) < density, 1)
    far |= far.T
    cliques = [c for c in combinations(range(9), size) if all(far[i, j] for i, j in combinations(c, 2))]
    totals = [float(rewards[list(c)].sum()) for c in cliques]
    found = CliqueSearch(rewards, far, 100_000).run(size)
    if not totals:
        assert found == []
    else:
        assert float(rewards[found].sum()) == pytest.approx(max(totals))
        assert found == sorted(found)


@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([0.5, 1.5, 2.5]))
def test_cycles_keep_their_distance(seed: int, window: int, threshold: float):
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(20, 3)).astype(np.float32)
    rewards = -np.sort(-generator.uniform(1, 5, 20)).astype(np.float32)
    cycle = best_cycle(rewards, vectors, window + 1, threshold, 1000)
    shown = np.resize(cycle, 15) if len(cycle) == window + 1 else cycle
    for t in range(len(shown)):
        gaps = np.linalg.norm(vectors[shown[max(0, t - window) : t]] - vectors[shown[t]], axis=1)
        assert np.all(gaps >= threshold)


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=50)
def test_packings_equal_brute_force(seed: int, size: int, capacity: int):
    generator = np.random.default_rng(seed)
    rewards = -np.sort(-generator.uniform(0, 5, 7)).astype(np.float32)
    member = (generator.uniform(size=(7, 4)) < 0.4).astype(np.int64)
    member[np.arange(7), generator.integers(0, 4, 7)] = 1
    blocks = (list(b) for n in range(size, 0, -1) for b in combinations_with_replacement(range(7), n))
    fitting = [b for b in blocks if np.all(member[b].sum(axis=0) <= capacity)]
    longest = max(len(b) for b in fitting)
    found = best_packing(rewards, member, size, capacity, 100_000)
    assert np.all(member[found].sum(axis=0) <= capacity)
    assert len(found) == longest
    best = max(float(rewards[b].astype(float).sum()) for b in fitting if len(b) == longest)
    assert float(rewards[found].astype(float).sum()) == pytest.approx(best)


def test_there_is_no_block_without_items():
    assert not len(best_packing(np.zeros(0, np.float32), np.zeros((0, 3), np.int64), 4, 1, 10))
    assert not len(best_cycle(np.zeros(0, np.float32), np.zeros((0, 3), np.float32), 4, 1.0, 10))


def test_an_item_is_not_far_from_itself_unless_the_rule_is_off():
    vectors = np.zeros((3, 2), np.float32)
    assert not far_apart(vectors, 0.5).any()
    assert far_apart(vectors, 0.0).all()


@pytest.mark.parametrize("make", [tiny_world, tiny_gru_world])
@pytest.mark.parametrize(
    "rule", [{"threshold": 2.5, "r_min": 2.5}, {"leave_by": "category", "category_limit": 0}, {"r_min": 5.0}]
)
def test_the_dearest_that_keeps_a_user_is_found_among_all_items(make, rule):
    sim = make_family("departure", 12, world=make(), split="all", horizon=4, **rule)
    sim.begin(np.arange(12), rng.bits_array(1, np.arange(12), 99))
    sim.step(np.arange(12) % 5)
    lanes, opinions = np.arange(12), sim.opinions(np.arange(12))
    stays = np.stack([sim.stays(np.full(12, item)) for item in range(30)], axis=1)
    wanted = np.where(stays.any(axis=1), np.where(stays, opinions, -np.inf).argmax(axis=1), -1)
    np.testing.assert_array_equal(sim.dearest_staying(lanes, opinions), wanted)
    assert (wanted != opinions.argmax(axis=1)).any()


@pytest.mark.parametrize("make", [tiny_world, tiny_gru_world])
@pytest.mark.parametrize("changes", [{}, {"drift": 2}, {"churn": 3}])
def test_what_a_policy_has_kept_of_users_is_not_said_of_the_next(make, changes):
    def acts(sim, policy, seed):
        sim.begin(np.arange(16), rng.bits_array(seed, np.arange(16), 99))
        found = []
        while not sim.over.all():
            found.append(np.where(sim.over, -1, policy()))
            sim.step(np.maximum(found[-1], 0))
        return np.stack(found)

    sim = make_family("changing-departure", 16, world=make(), split="all", **changes)
    for name, maker in sim.references().items():
        policy = maker()
        acts(sim, policy, 1)
        np.testing.assert_array_equal(acts(sim, policy, 2), acts(sim, maker(), 2), err_msg=name)
