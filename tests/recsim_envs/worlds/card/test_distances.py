"""Distances against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recsim_envs.worlds.card import distances as d

VALUES = st.lists(st.integers(-5, 5), min_size=1, max_size=30).map(lambda x: np.array(x) / 2)


@given(VALUES, VALUES)
def test_sample_distances_are_those_of_scipy(first, other):
    found = d.sample_distances(first, other)
    steps = np.union1d(first, other)
    gaps = [stats.ecdf(first).cdf.evaluate(x) - stats.ecdf(other).cdf.evaluate(x) for x in steps]
    assert found["ks"] == pytest.approx(np.abs(gaps).max())
    assert found["wasserstein"] == pytest.approx(stats.wasserstein_distance(first, other))


def test_rating_distances():
    found = d.rating_distances(np.array([1, 1, 2, 5]), {"same": np.array([1.4, 1.6, 3.4, 3.6])})
    assert found["levels"] == [1, 2, 5]
    assert found["shares"] == {"observed": [0.5, 0.25, 0.25], "same": [0.25, 0.5, 0.25]}
    assert found["distance"]["same"]["tv"] == 0.25
    many = d.rating_distances(np.linspace(0, 1, 50), {"same": np.linspace(0, 1, 50)})
    assert len(many["levels"]) == d.MANY_LEVELS
    assert many["distance"]["same"] == {"tv": 0.0, "ks": 0.0, "wasserstein": 0.0}


@given(st.lists(st.integers(0, 20), min_size=2, max_size=30).filter(any))
def test_gini_is_the_mean_difference_over_twice_the_mean(counts):
    x = np.array(counts, float)
    assert d.gini(x) == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()))


def test_share_curves_and_ginis_at_their_ends():
    assert d.gini(np.full(10, 3)) == pytest.approx(0)
    assert np.isnan(d.gini(np.zeros(4)))
    one = np.zeros(100)
    one[3] = 7
    assert d.share_curve(one) == [0.0, *[1.0] * (len(d.SHARES) - 1)]
    assert d.share_curve(np.ones(100)) == pytest.approx(d.SHARES)


def test_popularity_is_compared_at_equal_counts():
    few, many = np.arange(20), np.tile(np.arange(20), 50)
    found = d.popularity_distance(many, few, 20, seed=0)
    assert found["likes"] == 20
    assert found["simulated"]["gini"] == pytest.approx(0)
    assert d.popularity_distance(many, np.tile(np.arange(20), 50), 20, seed=0)["distance"] == pytest.approx(0)
    skewed = np.concatenate([np.zeros(900, int), np.arange(20)])
    assert d.popularity_distance(many, skewed, 20, seed=0)["distance"] > 0.5
    assert not d.popularity_distance(many, np.zeros(0, int), 20, seed=0)["known"]


def test_thinning_is_a_fixed_random_part():
    items = np.arange(1000)
    part = d.thinned(items, 100, seed=1)
    assert len(set(part.tolist())) == 100
    np.testing.assert_array_equal(part, d.thinned(items, 100, seed=1))
    assert abs(part.mean() - 499.5) < 100


def test_a_like_counts_in_parts_for_the_categories_of_its_item():
    indptr, ids = np.array([0, 1, 3, 4]), np.array([0, 0, 1, 1])  # a; a and b; b
    found = d.category_mix(np.array([0, 1]), np.array([2, 2]), indptr, ids, ["a", "b"])
    assert found["categories"] == ["a", "b"]
    assert found["log"] == [0.75, 0.25]
    assert found["simulated"] == [0.0, 1.0]
    assert found["distance"] == 0.75
    assert not d.category_mix(np.zeros(0, int), np.array([2]), indptr, ids, ["a", "b"])["known"]
    alone = d.category_mix(np.array([0]), np.array([0]), np.array([0, 1]), np.array([0]), ["(none)"])
    assert alone == {"known": False, "why": "there is only one category, or none"}


def test_lengths_are_cut_at_the_horizon():
    found = d.length_distances(np.array([1, 2, 30, 40]), np.array([1, 2, 10, 10]), horizon=10)
    assert found["beyond_horizon"] == 0.5
    assert found["distance"] == {"tv": 0.0, "ks": 0.0, "wasserstein": 0.0}
    assert sum(found["log"]["shares"]) == pytest.approx(1)
    assert (found["log"]["mean"], found["log"]["median"]) == (5.75, 16.0)
    far = d.length_distances(np.array([1]), np.array([1000]), horizon=1000)
    assert far["distance"]["tv"] == 1
    assert far["distance"]["wasserstein"] == 999
    assert len(far["edges"]) == d.LENGTH_BINS + 1


def test_a_log_without_times_has_no_lengths_and_gaps():
    found = d.length_distances(None, np.array([3, 5]), horizon=10)
    assert not found["known"]
    assert "no times" in found["why"]
    assert found["simulated"] == {"sessions": 2, "mean": 4.0, "median": 4.0}
    assert d.return_gaps(None)["why"] == found["why"]
    assert d.return_gaps(np.zeros(0))["why"] == "nobody came back"
    gaps = d.return_gaps(np.array([1.0, 2.0, 6.0]))
    assert (gaps["mean"], gaps["quantiles"]["0.5"], gaps["modelled"]) == (3.0, 2.0, False)
