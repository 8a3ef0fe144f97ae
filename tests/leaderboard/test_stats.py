"""The bootstrap: against scipy, against theory, and in the cases where there is no interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from leaderboard.stats import CLUSTERS, Sums, counts, difference, estimate, mean, means, score, scores


def sums(values, users=None, stream="a", denominator=None):
    values = np.atleast_2d(np.asarray(values, float))
    users = np.arange(values.shape[1]) if users is None else users
    return Sums.of(values, np.ones_like(values) if denominator is None else denominator, users, stream)


@pytest.fixture
def sample():
    return np.random.default_rng(0).gamma(2.0, 3.0, 80)


@pytest.mark.parametrize(("method", "scipy_method"), [("percentile", "percentile"), ("bca", "BCa")])
def test_mean_agrees_with_scipy(sample, method, scipy_method):
    ours = estimate(lambda a: a, sums(sample), method=method, replicates=20_000)
    theirs = scipy_stats.bootstrap(
        (sample,), np.mean, n_resamples=20_000, method=scipy_method, random_state=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.value == pytest.approx(sample.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


@pytest.mark.parametrize(("method", "scipy_method"), [("percentile", "percentile"), ("bca", "BCa")])
def test_ratio_agrees_with_scipy(sample, method, scipy_method):
    lengths = np.random.default_rng(2).integers(1, 20, 80).astype(float)
    ours = estimate(lambda a: a, sums(sample, denominator=lengths[None]), method=method, replicates=20_000)
    theirs = scipy_stats.bootstrap(
        (sample, lengths),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        n_resamples=20_000,
        method=scipy_method,
        vectorized=True,
        random_state=np.random.default_rng(1),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.04 * width)


def test_coverage_of_the_truth():
    """95 % intervals hold the true mean in about 95 % of 300 samples."""
    generator, hits = np.random.default_rng(3), 0
    for _ in range(300):
        found = mean(sums(generator.normal(1.0, 2.0, 60)), replicates=500)
        hits += found.low <= 1.0 <= found.high
    assert 0.90 <= hits / 300 <= 0.985


def test_users_are_clusters():
    """Four copies of every episode are no new information; taken as new users they would halve the width."""
    values = np.random.default_rng(4).normal(size=50)
    once, copied = mean(sums(values)), mean(sums(np.tile(values, 4), np.tile(np.arange(50), 4)))
    naive = mean(sums(np.tile(values, 4)))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert naive.high - naive.low < 0.6 * (once.high - once.low)


def test_training_seeds_widen_the_interval():
    generator = np.random.default_rng(5)
    users = generator.normal(size=200)
    alike = np.stack([users] * 5)
    apart = alike + generator.normal(0, 1, (5, 1))
    narrow, wide = mean(sums(alike)), mean(sums(apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    spread = np.std(apart.mean(axis=1)) / np.sqrt(5)
    assert wide.high - wide.low > 2 * spread
    assert mean(sums(users)).note.startswith("one training seed")
    assert narrow.note == ""


def test_pairing_removes_what_agents_share():
    generator = np.random.default_rng(6)
    users = generator.normal(0, 10, 100)
    a, b = sums(users + 1 + generator.normal(0, 0.1, 100)), sums(users, stream="b")
    paired = difference(a, b)
    assert paired.low > 0.9
    assert paired.high < 1.1
    assert difference(a, a).note.startswith("no variation")


def test_score():
    generator = np.random.default_rng(7)
    bottom, top = generator.normal(1, 0.3, 60), generator.normal(9, 0.3, 60)
    half = score(sums((bottom + top) / 2), sums(bottom, stream="r"), sums(top, stream="o"))
    assert half.value == pytest.approx(0.5)
    assert half.note.startswith("no variation")  # half of the way for every user, so pairing leaves nothing
    assert score(sums(bottom), sums(top), sums(bottom)) is None


def test_many_at_once_are_those_one_by_one():
    generator = np.random.default_rng(8)
    agents = [sums(generator.normal(k, 1, (3, 50)), stream=str(k)) for k in range(70)]
    for found, alone in (
        (means(agents), [mean(a) for a in agents]),
        (scores(agents, agents[0], agents[-1]), [score(a, agents[0], agents[-1]) for a in agents]),
    ):
        for one, other in zip(found, alone, strict=True):
            assert (one.value, one.note) == (other.value, other.note)
            if other.low is not None:
                assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-9)
    assert scores(agents[:2], agents[1], agents[0]) == [None, None]


def test_degenerate_cases_have_no_interval():
    one = mean(sums([[5.0, 6.0]], np.array([3, 3])))
    assert (one.value, one.low, one.note) == (5.5, None, "one user: no interval")
    assert mean(sums(np.full((2, 30), 70.0))).note == "no variation over users or training seeds: no interval"
    assert mean(sums(np.zeros((1, 5)), denominator=np.zeros((1, 5)))) is None
    lonely = np.zeros((1, 20))
    lonely[0, 0] = 1
    assert mean(sums(lonely, denominator=lonely)).note == "undefined in many resamples: no interval"
    with pytest.raises(ValueError, match="only on the same users"):
        difference(sums(np.ones(4)), sums(np.ones(5)))


def test_draws_are_a_function_of_their_purpose():
    table = counts(30, 400, "users")
    assert table.sum(axis=1).tolist() == [30.0] * 400
    assert abs(table.mean() - 1) < 1e-12
    assert abs(table.var() - (1 - 1 / 30)) < 0.03  # binomial
    counts.cache_clear()
    assert np.array_equal(counts(30, 400, "users"), table)
    assert not np.array_equal(counts(30, 400, "seeds of b"), table)


def test_many_users_are_resampled_in_groups():
    """As wide as theory says, in bounded memory; paired differences stay paired."""
    values = np.random.default_rng(4).gamma(2.0, 3.0, 30_000)
    users = np.random.default_rng(5).integers(0, 2**63, 30_000)  # as where every session draws its own
    found = mean(sums(values, users))
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 30_000**0.5, rel=0.08)
    shifted = difference(sums(values + 1, users), sums(values, users, "b"))
    assert shifted.value == pytest.approx(1)
    assert counts(CLUSTERS, 10, "users").shape == (10, CLUSTERS)
    assert sums(values, users).numerator.shape == (1, CLUSTERS)
