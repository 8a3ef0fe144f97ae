"""The session family's figures: KuaiRand's behaviour rates, the reference's targets, and what planning is worth.

Seeds are fixed, so a test that passes goes on passing; each tolerance of a random figure is at least four standard
errors, so that a correct change of the draws fails one of these with a chance below 0.0001.
"""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs import rng
from recsim_envs.families import make_family
from recsim_envs.families.session.synthetic_log import RATES, drawn_by_fame

LANES = 4096
REQUESTS = 8


def begun(lanes, **options):
    simulator = make_family("session", lanes, **options)
    simulator.begin(np.arange(lanes), rng.bits_array(11, np.arange(lanes), rng.POLICY) >> np.uint64(1))
    return simulator


def uniform_slates(step, lanes):
    return rng.below_array(1000, 5, step, rng.POLICY, np.arange(lanes * 6)).reshape(lanes, 6)


def played(simulator, policy):
    """Returns and lengths of one session a lane."""
    returns, lengths = np.zeros(simulator.num_lanes), np.zeros(simulator.num_lanes)
    while not simulator.over.all():
        lengths += ~simulator.over
        returns += simulator.step(policy()).rewards
    return returns, lengths


@pytest.fixture(scope="module")
def logged():
    """Expected and drawn behaviour rates over the first requests of users that calibration never saw."""
    simulator = begun(LANES, initial_temper=1e6)
    expected, drawn = np.zeros(7), np.zeros(7)
    for r in range(REQUESTS):
        slates = drawn_by_fame(simulator.model.fame, 99, r, np.arange(LANES))
        expected += simulator.chances(slates).mean((0, 1)) / REQUESTS
        simulator.step(slates)
        drawn += simulator.observe()["last_behaviours"].reshape(-1, 7).mean(0) / REQUESTS
    return expected, drawn


def test_the_logging_policy_has_kuairands_rates(logged):
    """Within 4 % of each rate: 1 % for what calibration leaves, the rest for differences between samples of users."""
    expected, _ = logged
    np.testing.assert_allclose(expected, RATES, rtol=0.04)


def test_draws_have_the_expected_rates(logged):
    expected, drawn = logged
    error = np.sqrt(expected * (1 - expected) / (LANES * REQUESTS * 6))
    assert (np.abs(drawn - expected) < 4.5 * error).all()


@pytest.mark.parametrize("mode", ["session", "request"])
def test_reference_rates_are_the_published_ones(mode):
    """The published simulator shows .61 to .63 for every behaviour under random slates."""
    simulator = begun(2000, mode=mode, reference=True)
    rates = []
    for step in range(4):
        simulator.step(uniform_slates(step, 2000))
        rates.append(simulator.observe()["last_behaviours"].reshape(-1, 7).mean(0))
    mean = np.mean(rates, axis=0)  # standard error 0.0022 a behaviour
    assert (mean > 0.61 - 4 * 0.0022).all()
    assert (mean < 0.63 + 4 * 0.0022).all()


def test_reference_depth_is_what_single_responses_make_it():
    simulator, step = begun(1000, reference=True, single_response=True), iter(range(100))
    returns, lengths = played(simulator, lambda: uniform_slates(next(step), 1000))
    assert 13.3 < lengths.mean() < 15.8
    assert lengths.min() >= 10
    assert lengths.max() <= 20
    p = returns.sum() / lengths.sum()
    # Temper 20 at 2 - p a request; the last one overshoots by half a request on average.
    assert lengths.mean() == pytest.approx(19 / (2 - p) + 0.5, abs=0.2)


def test_reference_rewards_of_all_behaviours_never_cost_temper():
    simulator, step = begun(50, reference=True, horizon=15), iter(range(100))
    played(simulator, lambda: uniform_slates(next(step), 50))
    assert set(simulator.causes()) == {"horizon"}


@pytest.mark.parametrize("options", [{}, {"reference": True}, {"single_response": True}])
def test_requests_last_five_for_everybody(options):
    simulator, step = begun(50, mode="request", **options), iter(range(100))
    _, lengths = played(simulator, lambda: uniform_slates(next(step), 50))
    assert lengths.tolist() == [5.0] * 50
    assert set(simulator.causes()) == {"temper"}


def test_planning_beats_the_best_next_slate_by_a_fifth():
    """On the same 60 users; the gap itself is measured by the checker, with its intervals."""
    value = {}
    for name in ("myopic", "myopic-no-repeat", "planner"):
        simulator = begun(60, split="test")
        value[name], _ = played(simulator, simulator.references()[name]())
    assert value["planner"].mean() > 1.2 * max(value["myopic"].mean(), value["myopic-no-repeat"].mean())


def test_an_aversion_to_sameness_comes_near_the_planner_with_slates_less_alike():
    value, same = {}, {}
    for name in ("myopic", "rule-unlike", "planner"):
        simulator = begun(60, split="test")
        items = simulator.model.arrays.items[simulator.references()[name]()()]
        same[name] = np.einsum("bid,bjd->bij", items, items).mean()
        value[name] = played(simulator, simulator.references()[name]())[0].mean()
    assert same["rule-unlike"] < same["myopic"]
    assert 1.2 * value["myopic"] < value["rule-unlike"] < value["planner"]


@pytest.mark.parametrize("options", [{"horizon": 5}, {"reference": True, "single_response": True}, {"mode": "request"}])
def test_where_nothing_is_to_plan_the_planner_loses_little(options):
    value = {}
    for name in ("myopic", "planner"):
        simulator = begun(100, split="test", **options)
        value[name] = played(simulator, simulator.references()[name]())[0].mean()
    assert value["planner"] > 0.97 * value["myopic"]


@pytest.mark.parametrize(
    "options", [{}, {"reference": True}, {"mode": "request"}, {"rho": 0.0, "single_response": True}]
)
def test_references_choose_what_they_say(options):
    simulator = begun(3, **options)
    simulator.step(uniform_slates(0, 3))
    makers = simulator.references()
    slates = {name: make()() for name, make in makers.items()}
    assert all(np.array_equal(make()(), slates[name]) for name, make in makers.items())

    def earns(slate):
        return (simulator.chances(slate) @ simulator.rules.weights).mean(1)

    best = earns(slates["myopic"])
    assert (best >= earns(slates["planner"]) - 1e-9).all()
    assert (best >= earns(slates["myopic-no-repeat"]) - 1e-9).all()
    assert (best >= earns(slates["rule-unlike"]) - 1e-9).all()
    for place in range(6):  # no other video in one place earns more
        for other in range(0, 1000, 25):
            trial = slates["myopic"].copy()
            trial[:, place] = other
            assert (earns(trial) <= best + 1e-9).all()


def test_myopic_without_repeats_shows_no_video_twice_in_a_session():
    simulator = begun(5)
    policy, seen = simulator.references()["myopic-no-repeat"](), []
    for _ in range(6):
        seen.append(policy())
        simulator.step(seen[-1])
    for lane in np.concatenate(seen, axis=1):
        assert len(set(lane.tolist())) == 36


def test_the_pool_of_cycles_is_of_valid_different_slates():
    pool = begun(1).cycle_pool()
    assert pool.shape == (20, 6)
    assert ((pool >= 0) & (pool < 1000)).all()
    assert len(np.unique(pool, axis=0)) == 20
