"""Maps from predictions to rewards: rising, of the promised distribution or mean, few knots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recsim_envs.worlds.building.monotone import KNOTS, LEVELS, apply_map, fit_map


def sample(n=20_000, seed=0):
    """Shrunken predictions of ratings 1..5."""
    g = np.random.default_rng(seed)
    true = g.normal(3.5, 1.1, n)
    observed = np.clip(np.rint(true + g.normal(0, 0.8, n)), 1, 5).astype(np.float32)
    return 3.5 + 0.5 * (true - 3.5), observed


def test_rewards_get_the_distribution_of_the_log():
    predicted, observed = sample()
    rewards = apply_map(fit_map("distribution", predicted, observed), predicted, (1, 5))
    counts = [np.bincount(np.clip(np.rint(x), 1, 5).astype(int)) / len(x) for x in (rewards, observed, predicted)]
    assert np.abs(counts[0] - counts[1]).sum() / 2 < 0.01
    assert np.abs(counts[2] - counts[1]).sum() / 2 > 0.2


def test_continuous_signals_get_their_quantiles():
    g = np.random.default_rng(1)
    predicted, observed = g.normal(size=9000), g.exponential(size=9000).astype(np.float32)
    rewards = apply_map(fit_map("distribution", predicted, observed), predicted, (0, 20))
    np.testing.assert_allclose(np.quantile(rewards, [0.1, 0.5, 0.9]), np.quantile(observed, [0.1, 0.5, 0.9]), rtol=0.03)


def test_the_mean_map_is_right_on_average_everywhere():
    predicted, observed = sample()
    rewards = apply_map(fit_map("mean", predicted, observed), predicted, (1, 5))
    for part in np.array_split(np.argsort(predicted), 20):
        assert rewards[part].mean() == pytest.approx(observed[part].mean(), abs=0.05)
    assert np.mean((rewards - observed) ** 2) < np.mean((predicted - observed) ** 2)


@given(
    arrays(np.float64, st.integers(2, 60), elements=st.floats(-1e3, 1e3)),
    st.sampled_from(["mean", "distribution"]),
    st.integers(0, 2**32 - 1),
)
def test_maps_rise_stay_in_range_and_have_few_knots(predicted, kind, seed):
    observed = np.random.default_rng(seed).integers(1, 6, len(predicted)).astype(np.float32)
    knots = fit_map(kind, predicted, observed)
    if knots is None:
        return
    assert knots.dtype == np.float32
    assert knots.shape[1] <= KNOTS + LEVELS + 1
    assert np.all(np.diff(knots[0]) > 0)
    assert np.all(np.diff(knots[1]) >= 0)
    rewards = apply_map(knots, np.sort(predicted), (1, 5))
    assert np.all(np.diff(rewards) >= 0)
    assert observed.min() - 1e-5 <= rewards.min()
    assert rewards.max() <= observed.max() + 1e-5


@pytest.mark.parametrize("kind", ["mean", "distribution"])
def test_where_many_predictions_agree_they_get_what_they_get_on_average(kind):
    predicted = np.repeat([0.0, 1.0], [6000, 4000])
    observed = np.concatenate([np.repeat([1, 2, 3], 2000), np.repeat([3, 4], 2000)]).astype(np.float32)
    rewards = apply_map(fit_map(kind, predicted, observed), np.array([0.0, 1.0]), (1, 4))
    np.testing.assert_allclose(rewards, [2, 3.5], atol=0.15)


def test_nothing_to_map():
    predicted, observed = sample(100)
    assert fit_map("none", predicted, observed) is None
    assert fit_map("mean", np.full(100, 3.0), observed) is None
    assert apply_map(None, np.array([0.0, 9.0]), (1, 5)).tolist() == [1, 5]
