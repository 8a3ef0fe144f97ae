"""What 95 % intervals cover when training seeds are few: the figures that docs/metrics.md states.

100 users, variance 1 of a user's own mean, variance 1 of a session; the seeds' standard deviation varies.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from leaderboard.stats import Sums, difference, mean
from leaderboard.stats.student import t_quantile

USERS, DRAWS = 100, 300


def draw(generator, seeds, spread, truth=1.0):
    """Sessions of one agent: a user's part, a seed's part, and a session's own."""
    values = truth + generator.normal(size=USERS) + generator.normal(0, spread, (seeds, 1))
    return values + generator.normal(size=(seeds, USERS))


def of(values, stream="a"):
    return Sums(values, np.ones_like(values), stream)


def covered(estimates, truth):
    return np.mean([e.low <= truth <= e.high for e in estimates])


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.2, 1.0, 10.0])
def test_few_seeds_are_covered(seeds, spread):
    generator = np.random.default_rng(seeds)
    found = [mean(of(draw(generator, seeds, spread)), replicates=300) for _ in range(DRAWS)]
    assert 0.86 <= covered(found, 1.0) <= 0.99


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_differences_are_covered(seeds):
    generator = np.random.default_rng(10 + seeds)
    found = []
    for _ in range(DRAWS):
        users = generator.normal(size=USERS)
        first, second = draw(generator, seeds, 0.5) + users, draw(generator, seeds, 0.5, 0.0) + users
        found.append(difference(of(first), of(second, "b"), replicates=300))
    assert 0.88 <= covered(found, 1.0) <= 0.995


def test_seeds_that_do_not_differ_change_nothing():
    values = np.random.default_rng(0).gamma(2.0, 3.0, (1, USERS))
    one, four = mean(of(values)), mean(of(np.tile(values, (4, 1))))
    assert (four.low, four.high) == pytest.approx((one.low, one.high), rel=1e-12)


@pytest.mark.parametrize(("seeds", "widest"), [(2, 3.0), (3, 1.5), (5, 1.25)])
def test_noise_between_seeds_rarely_widens_an_interval(seeds, widest):
    """Agents that do not train differ between seeds by their sessions alone."""
    generator = np.random.default_rng(20 + seeds)
    widths = [e.high - e.low for e in (mean(of(draw(generator, seeds, 0.0)), replicates=300) for _ in range(DRAWS))]
    truth = 2 * 1.96 * np.sqrt(1 / USERS + 1 / USERS / seeds)
    assert 0.9 <= np.median(widths) / truth <= 1.1
    assert np.quantile(widths, 0.9) / truth <= widest


def test_seeds_that_all_differ_give_students_interval():
    """Without any spread of users, the interval is that of the mean of S seeds, known since 1908."""
    levels = np.array([3.0, 5.0, 10.0])
    found = mean(of(np.repeat(levels[:, None], USERS, axis=1)))
    half = 4.302653 * levels.std(ddof=1) / np.sqrt(3)
    assert (found.low, found.high) == pytest.approx((6 - half, 6 + half), rel=1e-4)


def test_undefined_without_a_seed():
    counted = np.zeros((2, USERS))
    counted[0] = 1.0
    found = mean(Sums(counted * np.arange(USERS), counted))
    assert found.low is None
    assert found.note == "undefined without one of the training seeds: no interval"


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 3.7, 30, 1000, 10**7])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_quantiles_of_t_agree_with_scipy(freedom, level):
    assert t_quantile(freedom, level) == pytest.approx(t.ppf((1 + level) / 2, freedom), rel=1e-4)
