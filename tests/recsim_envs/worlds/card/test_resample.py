"""Resampling users: both kinds of weights, chunks, pairing, and figures that are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recsim_envs.worlds.card import resample


def sums(users: int) -> np.ndarray:
    g = np.random.default_rng(0)
    sizes = g.integers(1, 9, users)
    return np.stack([sizes * 1.0, sizes * g.normal(1.0, 1.0, users)], axis=1)


@pytest.mark.parametrize(("many", "kind"), [(20_000, "multinomial"), (100, "poisson")])
def test_the_interval_of_a_mean_is_that_of_theory(monkeypatch, many, kind):
    monkeypatch.setattr(resample, "MANY", many)
    monkeypatch.setattr(resample, "_CHUNK", 50_000)
    values = np.random.default_rng(1).normal(size=(2000, 1))
    drawn = resample.totals(np.concatenate([values, np.ones_like(values)], axis=1), seed=3)
    estimate, low, high = resample.interval(drawn[:, 0] / drawn[:, 1])
    assert resample.method(2000)["weights"] == kind
    assert resample.method(2000)["replicates"] == len(drawn) - 1
    expected = stats.norm.interval(0.95, values.mean(), values.std() / np.sqrt(2000))
    assert estimate == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("many", [20_000, 100])
def test_chunks_change_nothing_and_equal_seeds_are_paired(monkeypatch, many):
    monkeypatch.setattr(resample, "MANY", many)
    whole = resample.totals(sums(150), seed=1)
    monkeypatch.setattr(resample, "_CHUNK", 1000)
    pieces = resample.totals(sums(150), seed=1)
    np.testing.assert_allclose(pieces, whole, rtol=1e-12)
    alone = resample.totals(sums(150)[:, 1:], seed=1)
    np.testing.assert_allclose(alone[:, 0], whole[:, 1], rtol=1e-12)
    assert not np.allclose(resample.totals(sums(150), seed=2)[1:], whole[1:])


def test_resamples_of_few_users_have_as_many_users():
    drawn = resample.totals(np.ones((7, 1)), seed=0)
    assert (drawn == 7).all()


def test_poisson_weights_are_poisson():
    counts = np.bincount(resample._poisson_table().astype(int)) / (1 << 16)
    np.testing.assert_allclose(counts[:6], stats.poisson(1).pmf(np.arange(6)), atol=2 / (1 << 16))


def test_undefined_resamples_are_left_out():
    assert resample.interval(np.array([1.0, np.nan, 2.0, 2.0]))[1:] == [2.0, 2.0]
    assert np.isnan(resample.interval(np.array([np.nan, np.nan]))).all()


def test_a_lifted_figure_keeps_its_estimate_inside():
    values = np.concatenate([[0.1], 0.1 + 0.5 + np.linspace(-0.2, 0.2, 101)])
    estimate, low, high = resample.centred(values)
    assert estimate == 0.1
    assert low == 0.0  # 0.1 - 0.19, and not below 0
    assert high == pytest.approx(0.1 + 0.19, abs=0.01)
