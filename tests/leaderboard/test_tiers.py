"""All pairs at once: against the bootstrap, scipy and plain Python; tiers and ranks by their properties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from leaderboard.stats import (
    Influence,
    Pairs,
    SeedLevel,
    Sums,
    average,
    compare,
    difference,
    improvement,
    influence,
    mean,
    tiers,
)
from leaderboard.stats.pairs import _clearness, _errors, _replicates
from leaderboard.stats.student import normal_equivalent, t_quantile, t_quantiles
from tests.leaderboard.worlds_of_agents import draw_agents


def of(values, stream="a"):
    values = np.atleast_2d(np.asarray(values, float))
    return Sums(values, np.ones_like(values), stream)


def among(separate, values):
    """A comparison with these decisions."""
    values = np.asarray(values, float)
    nothing = np.full((len(values),) * 2, np.nan)
    return Pairs(values[:, None] - values[None, :], nothing, nothing, nothing, np.asarray(separate, bool))


@pytest.mark.parametrize("noise", [1e-15, 1e-9, 1e-7])
def test_who_differs_by_rounding_ties(noise):
    """The same rewards in another order, or computed in another one: their sums differ in the last digits."""
    generator = np.random.default_rng(0)
    first = generator.normal(5, 1, (3, 50))
    agents = [of(first + k * noise * generator.normal(size=first.shape), str(k)) for k in range(4)]
    far = of(first - 3, "far")
    found = compare([influence(agent) for agent in (*agents, far)])
    assert tiers(found).tier == (1, 1, 1, 1, 2)
    assert tiers(found).rank_high == (4, 4, 4, 4, 5)
    if noise < 1e-12:
        assert improvement(agents[0], agents[1]).value == 0.5


# One agent, linearised.


def test_the_variance_over_users_is_that_of_theory():
    values = np.random.default_rng(0).gamma(2.0, 3.0, 80)
    found = influence(of(values), scale=0.5)
    assert found.value == pytest.approx(0.5 * values.mean())
    assert (found.users**2).sum() == pytest.approx(0.25 * values.var(ddof=1) / 80)
    assert found.seeds == ()


def test_a_ratio_is_linearised_as_the_bootstrap_finds():
    generator = np.random.default_rng(1)
    sums = Sums(generator.gamma(2.0, 3.0, (3, 120)), generator.integers(1, 20, (3, 120)).astype(float), "a")
    assert (influence(sums).users ** 2).sum() ** 0.5 == pytest.approx(sums.replicates(4000).std(), rel=0.04)


@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_seeds_add_what_the_interval_of_the_mean_has(spread):
    generator = np.random.default_rng(2)
    sums = of(generator.normal(size=100) + generator.normal(0, spread, (4, 1)) + generator.normal(size=(4, 100)))
    found = influence(sums)
    error = ((found.users**2).sum() + found.seeds[0].net) ** 0.5
    interval = mean(sums)
    (seed,) = found.seeds
    users = (found.users**2).sum()
    freedom = max(3, (users + seed.net) ** 2 / (seed.raw**2 / 3))
    assert interval.high - interval.low == pytest.approx(2 * t_quantile(freedom, 0.95) * error, rel=0.05)


def test_seeds_that_differ_by_their_sessions_alone_add_nothing_on_average():
    generator = np.random.default_rng(3)
    net = [sum(s.net for s in influence(of(generator.normal(size=(5, 100)))).seeds) for _ in range(200)]
    assert np.mean(np.array(net) > 0) < 0.55
    assert influence(of(np.tile(generator.normal(size=(1, 100)), (5, 1)))).seeds == ()


def test_the_mean_over_tasks():
    generator = np.random.default_rng(4)
    parts = [influence(of(generator.normal(k, 1 + k, (3, 50 + k))), scale=2.0) for k in range(3)]
    found = average(parts)
    assert found.value == pytest.approx(np.mean([p.value for p in parts]))
    assert found.blocks == (50, 51, 52)
    assert (found.users**2).sum() == pytest.approx(sum((p.users**2).sum() for p in parts) / 9)
    assert sum(s.net for s in found.seeds) == pytest.approx(sum(s.net for p in parts for s in p.seeds) / 9)


def test_tasks_that_share_users_are_not_independent():
    generator = np.random.default_rng(5)
    one, other, apart = (influence(of(generator.normal(0, 1, (1, 60)))) for _ in range(3))
    found = average([one, other, apart], users=(0, 0, 2))
    assert found.blocks == (60, 60)
    assert found.users == pytest.approx(np.concatenate([(one.users + other.users) / 3, apart.users / 3]))
    again = average([one, one], users=(0, 0))
    assert again.users == pytest.approx(one.users)


@pytest.mark.parametrize("freedom", [1.0, 1.7, 3.0, 8.0, 200.0])
def test_student_against_scipy(freedom):
    assert t_quantiles(np.array([freedom]), 0.95)[0] == pytest.approx(t_quantile(freedom, 0.95), rel=1e-3)
    tails = np.array([0.2, 0.05, 1e-3, 1e-4, 1e-6])
    exact = scipy_stats.norm.isf(tails / 2)
    found = normal_equivalent(scipy_stats.t.isf(tails / 2, freedom), freedom)
    assert (found <= exact + 5e-3).all()
    if freedom >= 8:
        assert (found >= exact - 0.02)[:4].all()


@pytest.mark.parametrize("freedom", [2, 4, 9, 100])
def test_cautious_variances_against_scipy(freedom):
    found = SeedLevel(3.0, 1.0, freedom).cautious()
    assert found.raw == pytest.approx(3.0 * freedom / scipy_stats.chi2.ppf(0.25, freedom), rel=0.05)
    assert (found.net, SeedLevel(1.0, 3.0, freedom).net) == (found.raw - 1.0, 0.0)


# Pairs.


def test_two_agents_are_told_apart_as_by_the_test_of_student():
    """With one pair there is no multiplicity: the p value is that of the paired t test."""
    generator = np.random.default_rng(5)
    for shift in (0.0, 0.1, 0.3, 0.5):
        a, b = generator.normal(shift, 1, 60), generator.normal(0, 1, 60)
        found = compare([influence(of(a)), influence(of(b, "b"))])
        theirs = scipy_stats.ttest_rel(a, b)
        low, high = theirs.confidence_interval()
        assert found.p[0, 1] == pytest.approx(theirs.pvalue, abs=0.03)
        assert (found.low[0, 1], found.high[0, 1]) == pytest.approx((low, high), rel=2e-3, abs=1e-3)
        assert found.value[0, 1] == -found.value[1, 0] == pytest.approx(a.mean() - b.mean())


def test_an_interval_is_near_that_of_the_bootstrap():
    generator = np.random.default_rng(6)
    first, second = draw_agents(generator, [0.5, 0.0], users=100, seeds=5, of_seeds=0.5)
    found, theirs = compare([influence(first), influence(second)]), difference(first, second)
    width = theirs.high - theirs.low
    assert (found.low[0, 1], found.high[0, 1]) == pytest.approx((theirs.low, theirs.high), abs=0.05 * width)


def slowly(agents, replicates=400):
    """Step-down p values by the definition: each pair against the maximum over the pairs that are not clearer."""
    users = np.stack([a.users for a in agents])
    seeds = [[seed.cautious() for seed in a.seeds] for a in agents]
    error, freedom = _errors(agents, users @ users.T, seeds)
    values = np.array([a.value for a in agents])
    clear = _clearness(values[:, None] - values, error, freedom, 1e-9).astype(np.float32)
    moved = _replicates(agents, users, seeds, replicates)
    pairs = [(i, j) for i in range(len(agents)) for j in range(i)]
    drawn = {(i, j): abs(moved[i] - moved[j]) * np.float32(1 / error[i, j]) for i, j in pairs}
    found, worst = np.full(clear.shape, np.nan), 0.0
    for i, j in sorted(pairs, key=lambda p: -clear[p]):
        rest = [p for p in pairs if clear[p] <= clear[i, j]]
        exceeding = (np.max([drawn[p] for p in rest], axis=0) >= clear[i, j]).sum()
        worst = max(worst, (1 + exceeding) / (1 + replicates))
        found[i, j] = found[j, i] = worst
    return found


def test_p_values_are_those_of_the_definition():
    generator = np.random.default_rng(7)
    agents = [influence(s) for s in draw_agents(generator, [0, 0.1, 0.2, 0.4, 0.8, 0.8], seeds=3, of_seeds=0.1)]
    assert compare(agents, replicates=400).p == pytest.approx(slowly(agents), nan_ok=True, abs=0.006)


def test_those_who_are_not_tested_change_nothing_for_those_who_are():
    generator = np.random.default_rng(14)
    agents = [influence(s) for s in draw_agents(generator, [0, 0.2, 0.4, 0.8, 3.0], seeds=3, of_seeds=0.1)]
    tested = [0, 2, 3]
    found, alone = compare(agents, jointly=tested), compare([agents[n] for n in tested])
    assert np.array_equal(found.of(tested).p, alone.p, equal_nan=True)
    assert np.array_equal(found.of(tested).separate, alone.separate)
    assert np.isnan(found.p[[1, 4]]).all()
    assert not found.separate[[1, 4]].any()
    assert found.low == pytest.approx(compare(agents).low, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 7), st.sampled_from([1, 3]))
def test_who_is_far_from_all_changes_nothing_between_them(seed, number, seeds):
    generator = np.random.default_rng(seed)
    means = [*generator.normal(0, 0.3, number), -40.0]
    agents = [influence(s) for s in draw_agents(generator, means, users=60, seeds=seeds, of_seeds=0.1)]
    without, with_ = compare(agents[:-1]), compare(agents)
    assert with_.separate[-1, :-1].all()
    assert np.array_equal(without.separate, with_.separate[:-1, :-1])
    before, after = tiers(without), tiers(with_)
    assert after.tier[:-1] == before.tier
    assert after.rank_low[:-1] == before.rank_low
    assert after.rank_high[:-1] == before.rank_high
    assert after.tier[-1] == max(before.tier) + 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 9))
def test_who_joins_makes_no_difference_clearer(seed, number):
    generator = np.random.default_rng(seed)
    drawn = draw_agents(generator, generator.normal(0, 0.5, number), seeds=3, of_seeds=0.1)
    agents = [influence(s) for s in drawn]
    before, after = compare(agents[:-1], replicates=500), compare(agents, replicates=500)
    assert (np.nan_to_num(after.p[:-1, :-1]) >= np.nan_to_num(before.p) - 0.003).all()  # one replicate may round


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 9))
def test_the_order_of_agents_does_not_matter(seed, number):
    generator = np.random.default_rng(seed)
    agents = [influence(s) for s in draw_agents(generator, generator.normal(0, 0.4, number), seeds=3, of_seeds=0.1)]
    order = generator.permutation(number)
    found, again = compare(agents, replicates=500), compare([agents[i] for i in order], replicates=500)
    assert again.p == pytest.approx(found.p[np.ix_(order, order)], nan_ok=True, abs=0.01)


def test_who_varies_wildly_ties_with_all_and_merges_none():
    generator = np.random.default_rng(8)
    agents = draw_agents(generator, [3.0, 0.0, 0.1], seeds=5, of_seeds=0.05)
    wild = of(generator.normal(1, 1, (5, 1)) * 50 + np.zeros((5, 100)), "wild")
    before, after = (tiers(compare([influence(s) for s in some])) for some in (agents, [*agents, wild]))
    assert before.tier == (1, 2, 2)
    assert after.tier == (1, 2, 2, 1)
    assert (after.rank_low[3], after.rank_high[3]) == (1, 4)


@pytest.mark.parametrize(("seeds", "of_seeds"), [(1, 0.0), (2, 1.0), (3, 1.0), (5, 0.2)])
def test_equals_are_rarely_told_apart(seeds, of_seeds):
    """At most 5 % of boards have a false finding; `tests.benchmarks.tier_errors` tells more precisely."""
    generator, wrong = np.random.default_rng(12), 0
    for _ in range(60):
        drawn = draw_agents(generator, np.zeros(12), users=60, seeds=seeds, of_seeds=of_seeds)
        wrong += compare([influence(s) for s in drawn], replicates=300).separate.any()
    assert wrong <= 8  # more than 8 of 60 would come once in 100 runs at 6 %


def test_two_seeds_tell_nobody_apart_who_differs_between_them():
    generator = np.random.default_rng(13)
    steady = [of(np.tile(generator.normal(mean, 1, 80), (2, 1)), f"{mean}") for mean in (0, 5)]  # no seed changes them
    varying = of(generator.normal(10, 1, (2, 80)), "varying")
    found = compare([influence(s) for s in (*steady, varying)])
    assert found.note.startswith("two training seeds")
    assert tiers(found).tier == (2, 1, 1)
    assert (found.low[2, 0] < 10) & (found.low[2, 0] > 0)  # by itself it has its interval


def test_degenerate_comparisons_say_so():
    same = np.random.default_rng(9).normal(size=(2, 40))
    twins = compare([influence(of(same)), influence(of(same, "b"))])
    assert twins.p[0, 1] == 1
    assert not twins.separate.any()
    assert np.isnan(twins.low).all()  # no interval of width zero
    assert tiers(twins).tier == (1, 1)
    always = compare([influence(of(np.full(40, 70.0))), influence(of(np.full(40, 60.0), "b"))])
    assert always.separate[0, 1]
    assert np.isnan(always.low[0, 1])
    few = compare([influence(of(np.full(4, 70.0))), influence(of(np.full(4, 60.0), "b"))])
    assert not few.separate.any()  # the sign test of four users cannot tell
    one = compare([influence(of([[1.0], [2.0]])), influence(of([[5.0], [6.0]], "b"))])
    assert one.note == "one user: no comparison"
    assert tiers(one) == tiers(twins)
    assert compare([influence(of(same[:1])), influence(of(same[1:], "b"))]).note.startswith("one training seed")
    nothing = replace(influence(of(same)), value=np.nan, users=np.zeros(40))
    found = tiers(compare([influence(of(same[:1] + 5, "b")), nothing, influence(of(same[1:], "c"))]))
    assert found.tier == (1, None, 2)
    assert (found.rank_low, found.rank_high) == ((1, 1, 2), (2, 3, 3))
    assert compare([]).p.shape == (0, 0)
    with pytest.raises(ValueError, match="only on the same users"):
        compare([influence(of(np.ones(4))), influence(of(np.ones(5)))])


# Tiers and ranks.


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.floats(0, 1), st.booleans())
def test_tiers_by_their_properties(seed, number, density, transitive):
    generator = np.random.default_rng(seed)
    values = -np.arange(number, dtype=float)
    separate = np.triu(generator.random((number, number)) < density, 1)
    for middle in range(number if transitive else 0):
        separate |= separate[:, middle, None] & separate[middle]
    found = tiers(among(separate | separate.T, values))
    tier = np.array(found.tier)
    for i, j in zip(*np.nonzero(separate), strict=True):
        assert tier[i] < tier[j]  # so nobody in a tier is told apart from anybody in it
    for j in range(number):
        assert tier[j] == 1 or (separate[:, j] & (tier == tier[j] - 1)).any()
        assert tier[j] <= found.rank_low[j] <= found.rank_high[j] <= number
    # The order of the values agrees with what was told apart, so it is a possible order.
    assert all(found.rank_low[j] <= 1 + j <= found.rank_high[j] for j in range(number))
    for gone in range(number):
        rest = [k for k in range(number) if k != gone]
        fewer = tiers(among((separate | separate.T)[np.ix_(rest, rest)], values[rest]))
        moved = tier[rest] - np.array(fewer.tier, int)
        assert (moved >= 0).all()
        if transitive:
            assert (moved <= 1).all()
        if not separate[gone].any():
            assert (moved == 0).all()


def test_ranks_follow_chains():
    """A is better than B and B than C, so A is better than C, told apart or not."""
    found = tiers(among([[0, 1, 0], [1, 0, 1], [0, 1, 0]], [2, 1, 0]))
    assert found.tier == (1, 2, 3)
    assert (found.rank_low, found.rank_high) == ((1, 2, 3), (1, 2, 3))


def test_many_agents_take_seconds():
    generator = np.random.default_rng(10)
    users = generator.normal(size=(300, 1000)) / 1000
    agents = [Influence(0.01 * k, row, (1000,), (SeedLevel(1e-4, 2e-5, 4),), 5, f"{k}") for k, row in enumerate(users)]
    found = tiers(compare(agents))
    assert found.tier[-1] == 1
    assert max(found.tier) > 2
