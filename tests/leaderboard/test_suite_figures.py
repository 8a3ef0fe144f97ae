"""Figures over suites: against rliable, scipy and plain Python; probability of improvement; power."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import stats as scipy_stats

from leaderboard.stats import (
    Aggregate,
    Detectable,
    Profile,
    Scores,
    Sums,
    aggregate,
    compare,
    detectable,
    improvement,
    improvements,
    influence,
    profile,
    score,
    suite_scores,
    suites_scores,
)
from leaderboard.stats.suite import interquartile_mean, median_score, of_runs, optimality_gap
from tests.leaderboard.worlds_of_agents import draw_agents

# 10 runs on 4 tasks, and what rliable 1.2.0 (20,000 replicates, 2,000 of the profile) says of them.
RUNS = np.array([[0.2 + 0.1 * t + 0.35 * np.sin(1.7 * r + 2.3 * t * t + 0.5) for t in range(4)] for r in range(10)])
OTHER = np.array([[0.25 + 0.08 * t + 0.3 * np.cos(1.1 * r + 1.3 * t * t) for t in range(4)] for r in range(10)])
RLIABLE = {
    "iqm": (0.32750062475862785, 0.22978948074041666, 0.4299786799334885),
    "mean": (0.33660659560395206, 0.26222843579351884, 0.41161495531133074),
    "median": (0.31554806960798754, 0.23805186155816271, 0.41531412468085466),
    "optimality_gap": (0.663393404396048, 0.5883850446886693, 0.737771564206481),
}
RLIABLE_PROFILE = ([0.875, 0.625, 0.425, 0.15], [0.775, 0.475, 0.275, 0.05], [0.975, 0.775, 0.575, 0.275])
RLIABLE_IMPROVEMENT = 0.4575


def of(values, stream="a"):
    values = np.atleast_2d(np.asarray(values, float))
    return Sums(values, np.ones_like(values), stream)


def test_figures_are_those_of_rliable():
    found = aggregate(of_runs(RUNS))
    for name, (value, low, high) in RLIABLE.items():
        ours = getattr(found, name)
        assert ours.value == pytest.approx(value, abs=1e-12)
        wider = (10 / 9) ** 0.5  # 9 of 10 runs are drawn, so that the variance is unbiased
        assert ours.high - ours.low == pytest.approx(wider * (high - low), rel=0.08)
        assert ours.low == pytest.approx(value - wider * (value - low), abs=0.015)


def test_the_interquartile_mean_is_that_of_scipy():
    values = np.random.default_rng(0).normal(size=(6, 5, 3))
    for row in values:
        assert interquartile_mean(row) == pytest.approx(scipy_stats.trim_mean(row.reshape(-1), 0.25))
    assert interquartile_mean(values) == pytest.approx([interquartile_mean(row) for row in values])
    assert median_score(values[0]) == pytest.approx(np.median(values[0].mean(axis=0)))
    assert optimality_gap(np.array([[0.5, 3.0]])) == 0.25


def test_a_profile_is_that_of_rliable():
    found = profile(of_runs(RUNS), [0.0, 0.2, 0.4, 0.6])
    share, low, high = RLIABLE_PROFILE
    assert found.share == pytest.approx(share)
    assert found.low == pytest.approx(low, abs=0.06)
    assert found.high == pytest.approx(high, abs=0.06)


def suite(generator, means, *, tasks=3, seeds=4, of_seeds=0.5, users=80):
    """Sums of agents of these means by agent and task; the first two are the ends of the scale."""
    drawn = [
        draw_agents(generator, [0.0, 10.0, *means], users=users, seeds=seeds, of_seeds=of_seeds) for _ in range(tasks)
    ]
    return [list(of_agent) for of_agent in zip(*drawn, strict=True)]


def test_scores_of_a_suite_agree_with_those_of_its_tasks():
    bottom, top, agent = suite(np.random.default_rng(1), [6.0])
    found = suite_scores(agent, bottom, top)
    assert found.values.shape == (4, 3)
    of_tasks = [score(*parts) for parts in zip(agent, bottom, top, strict=True)]
    assert found.values.mean(axis=0) == pytest.approx([s.value for s in of_tasks])
    figures = aggregate(found)
    assert figures.mean.value == pytest.approx(np.mean([s.value for s in of_tasks]))
    assert figures.mean.low < figures.mean.value < figures.mean.high
    assert figures.optimality_gap.value == pytest.approx(1 - np.minimum(found.values, 1).mean())
    assert suite_scores(agent, top, bottom) is None


def test_many_agents_get_what_each_gets():
    bottom, top, *agents = suite(np.random.default_rng(2), [3.0, 6.0, 9.0])
    for found, agent in zip(suites_scores(agents, bottom, top), agents, strict=True):
        alone = suite_scores(agent, bottom, top)
        assert found.values == pytest.approx(alone.values)
        assert found.replicates == pytest.approx(alone.replicates)


def test_users_alone_vary_where_seeds_do_not():
    """Then the interval of the mean is that of the score of one task."""
    bottom, top, agent = ([part] for part in draw_agents(np.random.default_rng(3), [0, 10, 6], users=80))
    agent = [of(np.tile(agent[0].numerator, (4, 1)))]
    found, theirs = aggregate(suite_scores(agent, bottom, top)).mean, score(agent[0], bottom[0], top[0])
    assert (found.value, found.low, found.high) == pytest.approx((theirs.value, theirs.low, theirs.high))


def test_intervals_over_a_suite_cover_the_truth():
    generator, hits = np.random.default_rng(4), 0
    for _ in range(100):
        bottom, top, agent = suite(generator, [6.0], seeds=5, users=40)
        found = aggregate(suite_scores(agent, bottom, top, replicates=400)).mean
        hits += found.low <= 0.6 <= found.high
    assert hits >= 88


def test_a_task_that_meets_the_same_users_again_tells_nothing_new():
    """One task twice has the interval of one task; taken for two, it would be shorter by the root of two."""
    bottom, top, agent = (part * 2 for part in suite(np.random.default_rng(6), [6.0], tasks=1, seeds=1))
    once = aggregate(suite_scores(agent[:1], bottom[:1], top[:1])).mean
    shared, apart = (aggregate(next(suites_scores([agent], bottom, top, users=users))).mean for users in ((0, 0), None))
    assert (shared.low, shared.high) == pytest.approx((once.low, once.high))
    assert apart.high - apart.low == pytest.approx((once.high - once.low) / 2**0.5, rel=0.1)


def test_degenerate_figures_have_no_interval():
    constant = aggregate(of_runs(np.full((3, 2), 0.5)))
    assert (constant.iqm.value, constant.iqm.low) == (0.5, None)
    assert constant.iqm.note.startswith("no variation")
    assert profile(of_runs(np.full((3, 2), 0.5))).low is None
    bottom, top, agent = suite(np.random.default_rng(5), [6.0], seeds=1)
    assert aggregate(suite_scores(agent, bottom, top)).iqm.note.startswith("one training seed")
    one = [[of([[v], [v + 1]])] for v in (5.0, 0.0, 9.0)]
    assert aggregate(suite_scores(*one)).iqm.note == "one user: no interval"
    assert profile(suite_scores(*one)).low is None


def test_figures_can_be_stored():
    for kind, made in ((Aggregate, aggregate(of_runs(RUNS))), (Profile, profile(of_runs(RUNS)))):
        adapter = TypeAdapter(kind)
        assert adapter.validate_json(adapter.dump_json(made)) == made
    assert json.loads(TypeAdapter(Detectable).dump_json(detectable(of(RUNS.T), of(OTHER.T, "b"))))["users"] == 10
    assert isinstance(of_runs(RUNS), Scores)


# Probability of improvement.


def test_improvement_by_hand():
    first, second = of([[1.0, 2.0, 3.0], [3.0, 2.0, 0.0]]), of([[2.0, 2.0, 2.0]], "b")
    wins = [0, 0.5, 1, 1, 0.5, 0]
    found = improvement(first, second)
    assert found.value == pytest.approx(np.mean(wins))
    assert improvement(second, first).value == pytest.approx(1 - np.mean(wins))
    assert improvements([first, second]).tolist() == [[0.5, found.value], [1 - found.value, 0.5]]


def test_without_pairs_of_users_it_is_the_statistic_of_rliable():
    """Each of rliable's tasks has runs that are not paired: a task of one user under ten seeds."""
    tasks = [[of(values[:, [t, t]], name) for t in range(4)] for values, name in ((RUNS, "a"), (OTHER, "b"))]
    assert improvement(*tasks).value == pytest.approx(RLIABLE_IMPROVEMENT)
    u = [scipy_stats.mannwhitneyu(RUNS[:, t], OTHER[:, t]).statistic / 100 for t in range(4)]
    assert np.mean(u) == pytest.approx(RLIABLE_IMPROVEMENT)


def test_the_interval_of_an_improvement_covers_the_truth():
    generator, hits = np.random.default_rng(6), 0
    truth = scipy_stats.norm.cdf(0.5 / (4 + 0.5) ** 0.5)  # both agents' noise, and both agents' seeds
    for _ in range(100):
        first, second = draw_agents(generator, [0.5, 0.0], users=60, seeds=5, of_seeds=0.5)
        found = improvement(first, second)
        hits += found.low <= truth <= found.high
    assert hits >= 87
    assert found.note == ""
    assert improvement(first, Sums(second.numerator[:1], second.denominator[:1])).note.startswith("one training seed")


def test_what_cannot_be_compared():
    assert improvement(of(np.ones(30)), of(np.zeros(30))).note.startswith("no variation")
    assert improvement(Sums(np.zeros((1, 3)), np.zeros((1, 3))), of(np.ones(3))) is None
    with pytest.raises(ValueError, match="only on the same users"):
        improvement(of(np.ones(4)), of(np.ones(5)))


# Power.


@pytest.mark.parametrize("seeds", [1, 5])
def test_a_detectable_difference_is_detected_as_often_as_it_says(seeds):
    generator = np.random.default_rng(7)
    pilot = draw_agents(generator, [0, 0], users=4000, seeds=seeds)
    plan = detectable(*pilot, wanted=0.5, power=0.8)
    users = plan.needed
    found = []
    for _ in range(200):
        first, second = draw_agents(generator, [0.5, 0], users=users, seeds=seeds)
        found.append(compare([influence(first), influence(second)], replicates=1).low[0, 1] > 0)
    assert 0.7 <= np.mean(found) <= 0.9
    again = detectable(*draw_agents(generator, [0, 0], users=users, seeds=seeds))
    assert again.smallest == pytest.approx(0.5, rel=0.35)


def test_power_agrees_with_that_of_a_paired_t_test():
    differences = np.random.default_rng(8).normal(0, 3, 50)
    found = detectable(of(differences), of(np.zeros(50), "b"))
    shift, freedom = found.smallest / (differences.std(ddof=1) / 50**0.5), 49
    limit = scipy_stats.t.isf(0.025, freedom)
    assert scipy_stats.nct.sf(limit, freedom, shift) == pytest.approx(0.8, abs=0.01)


def test_scale_and_limits_of_power():
    first, second = draw_agents(np.random.default_rng(9), [0, 0], users=100, seeds=5)
    whole, tenth = detectable(first, second, wanted=1.0), detectable(first, second, scale=0.1, wanted=0.1)
    assert tenth.smallest == pytest.approx(whole.smallest / 10)
    assert tenth.needed == whole.needed
    assert detectable(first, second, wanted=whole.smallest).needed == pytest.approx(100, abs=1)
    smallest = [detectable(first, second, power=power).smallest for power in (0.6, 0.8, 0.95)]
    assert smallest == sorted(smallest)
    wild = draw_agents(np.random.default_rng(10), [0, 0], users=100, seeds=3, of_seeds=5)
    assert detectable(*wild, wanted=0.1).needed is None
    assert detectable(*wild, wanted=0.1).note.startswith("training seeds vary too much")
    assert detectable(of([[1.0], [2.0]]), of([[1.0], [2.0]], "b")).note.startswith("one user")
    assert detectable(of(np.ones(9)), of(np.zeros(9), "b")).smallest is None


def test_sessions_are_counted_and_not_users():
    users = np.random.default_rng(11).normal(size=(1, 50))
    twice = Sums(2 * users, np.full((1, 50), 2.0)), Sums(np.zeros((1, 50)), np.full((1, 50), 2.0), "b")
    once = detectable(of(users), of(np.zeros(50), "b"), wanted=0.1)
    found = detectable(*twice, wanted=0.1)
    assert (found.sessions, found.users) == (100, 50)
    assert found.needed == pytest.approx(2 * once.needed, abs=2)
