from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.oracle import OracleAgent
from baselines.planning import CliqueSearch, best_cycle, best_walk, far_apart
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.worlds import resolve
from tests.baselines.support import Run, evaluate, simulator
from tests.worlds import tiny_factor_world, tiny_world


def bound(run: Run, protocol: str) -> np.ndarray:
    """What no policy can exceed: the sum of the `horizon` best rewards, each usable once.

    Under FB each is usable once in window + 1 steps, and always where the distance rule is off.
    """
    sim = run.simulator
    rewards = -np.sort(-sim.world.user_rewards(sim.user_ids()).astype(float), axis=1)
    period = sim.horizon
    if protocol == "FB":
        period = sim.window + 1 if sim.threshold > 0 else 1
    return rewards[:, np.arange(sim.horizon) % period].sum(axis=1)


def best_return(world, user: int, window: int, threshold: float, r_min: float, horizon: int) -> float:
    """The best session by trying them all."""
    rewards, vectors = world.user_rewards(np.array([user]))[0], world.arrays["vectors"]
    near = np.linalg.norm(vectors[:, None] - vectors[None], axis=2) < threshold
    best = 0.0
    for actions in product(range(world.num_items), repeat=horizon):
        total = 0.0
        for t, a in enumerate(actions):
            if t and (near[a, list(actions[max(0, t - window) : t])].any() or rewards[a] < r_min):
                break
            total += float(rewards[a])
        best = max(best, total)
    return best


@given(st.integers(0, 10_000), st.sampled_from([1, 2, 3]), st.sampled_from([1.5, 2.5, 3.5]))
@settings(max_examples=25)
def test_equals_exhaustive_search_where_the_horizon_is_whole_cycles(seed: int, window: int, threshold: float):
    horizon = 4 if window in (1, 3) else 3
    world = tiny_world(users=4, items=6, seed=seed, threshold=threshold, window=window, horizon=horizon)
    run = evaluate(OracleAgent(), world, sessions=2)
    for user, total in zip(run.simulator.user_ids().tolist(), run.returns, strict=True):
        exact = best_return(world, user, window, threshold, 2.0, horizon)
        # The first step is safe even for an item below r_min, which the plan does not use.
        assert exact - 1.0 <= total <= exact


@pytest.mark.parametrize("protocol", ["FB", "NX_0", "NX_20"])
@pytest.mark.parametrize("make", [tiny_world, tiny_factor_world])
def test_comes_near_the_bound_on_small_worlds(make, protocol: str):
    world = make(users=40, items=300, threshold=2.0)
    run = evaluate(OracleAgent(), world, sessions=20, protocol=protocol)
    assert set(run.causes) == {"horizon"}
    assert np.all(run.returns <= bound(run, protocol) + 1e-3)
    assert run.returns.sum() >= 0.97 * bound(run, protocol).sum()


@pytest.mark.parametrize("protocol", ["FB", "NX_0", "NX_10"])
@pytest.mark.parametrize("name", ["games", "books"])
def test_reaches_the_bound_on_the_shipped_worlds(name: str, protocol: str):
    run = evaluate(OracleAgent(), resolve(name), sessions=50, protocol=protocol)
    assert set(run.causes) == {"horizon"}
    assert np.all(run.returns <= bound(run, protocol) + 1e-3)
    assert run.returns.sum() >= 0.98 * bound(run, protocol).sum()


def test_shows_the_best_item_for_ever_where_the_distance_rule_is_off():
    run = evaluate(OracleAgent(), tiny_world(threshold=0.0))
    assert run.returns.tolist() == bound(run, "FB").tolist()


def test_does_its_best_where_everybody_must_leave():
    world = tiny_world(items=20, threshold=100.0)
    run = evaluate(OracleAgent(), world)
    assert run.returns.tolist() == world.user_rewards(run.simulator.user_ids()).max(axis=1).tolist()


def test_widens_its_pool_until_a_cycle_fits():
    world = tiny_world(users=4, items=200, threshold=1.0, dim=4)
    vectors = np.zeros((200, 4), np.float32)
    vectors[:, 0] = np.where(np.arange(200) < 196, 0.0, 10.0 * np.arange(200))
    world.arrays["vectors"] = vectors
    world.arrays["rewards"] = np.full((4, 200), 5, np.int8)
    assert set(evaluate(OracleAgent(pool=8), world).causes) == {"horizon"}


def test_asks_for_what_it_needs():
    agent = OracleAgent()
    run = evaluate(agent, tiny_world())
    agent.reset(run.simulator.task, 8, 0)
    from recsim_envs.spec import Sessions

    rows, keys = np.arange(1), np.zeros(1, np.uint64)
    with pytest.raises(AgentError, match="privileged"):
        agent.act({}, {}, Sessions(rows, keys, np.zeros(1, np.int64)))
    with pytest.raises(AgentError, match="first step"):
        agent.act({}, {"privileged": simulator(tiny_world(), 1).hidden()}, Sessions(rows, keys, np.ones(1, np.int64)))
    with pytest.raises(ConfigurationError, match="pool"):
        OracleAgent(pool=0)


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
def test_walks_and_cycles_keep_their_distance(seed: int, window: int, threshold: float):
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(20, 3)).astype(np.float32)
    rewards = -np.sort(-generator.uniform(1, 5, 20)).astype(np.float32)
    walk = best_walk(rewards, vectors, window, threshold, 15)
    assert len(set(walk.tolist())) == len(walk)
    cycle = best_cycle(rewards, vectors, window + 1, threshold, 1000)
    for shown in (walk, np.resize(cycle, 15) if len(cycle) == window + 1 else cycle):
        for t in range(len(shown)):
            gaps = np.linalg.norm(vectors[shown[max(0, t - window) : t]] - vectors[shown[t]], axis=1)
            assert np.all(gaps >= threshold)


def test_an_item_is_not_far_from_itself_unless_the_rule_is_off():
    vectors = np.zeros((3, 2), np.float32)
    assert not far_apart(vectors, 0.5).any()
    assert far_apart(vectors, 0.0).all()
