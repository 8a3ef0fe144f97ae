"""Held-out figures: their estimates by numpy, their intervals by an honest bootstrap, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.card.heldout import BINS, Rows, equal_mass, held_out_figures, liked_from, replicates
from recsim_envs.worlds.card.ranking import placements


def sample(users=80, rows=900, seed=0):
    g = np.random.default_rng(seed)
    owner = np.sort(g.integers(0, users, rows)) * 3 + 7  # ids with gaps
    observed = g.integers(1, 6, rows).astype(np.float64)
    noise = {"model": 0.7, "bias_only": 1.3, "mf": 0.8}
    return owner, observed, {name: observed + g.normal(0, s, rows) for name, s in noise.items()}


def figures(users, observed, predictions, seed=0):
    return held_out_figures(users, observed, predictions, liked_from=4.0, lowest=1.0, seed=seed)


def test_errors_are_those_of_numpy_and_the_bootstrap_is_by_user():
    users, observed = np.array([5, 5, 5, 9]), np.array([1.0, 2, 3, 4])
    guesses = {"model": observed + 1, "bias_only": observed + np.array([2, 2, 2, -2]), "global_mean": np.full(4, 2.5)}
    found = figures(users, observed, guesses)
    assert found["predictors"]["model"]["rmse"] == [1, 1, 1]
    assert found["predictors"]["model"]["mae"] == [1, 1, 1]
    assert found["predictors"]["global_mean"]["rmse"][0] == pytest.approx(np.sqrt(1.25))
    assert found["gains"]["bias_only"]["rmse"] == [1, 1, 1]
    assert "mf" not in found["gains"]
    low, high = found["predictors"]["global_mean"]["mae"][1:]
    assert (low, high) == (pytest.approx(5 / 6), 1.5)  # all draws of user 5, or of user 9


def test_the_better_predictor_gains_and_paired_intervals_are_narrow():
    found = figures(*sample())
    for key in ("rmse", "mae", "auc", "ndcg", "pairs"):
        estimate, low, high = found["gains"]["bias_only"][key]
        assert 0 < low < estimate < high
        model, other = (found["predictors"][name][key] for name in ("model", "bias_only"))
        assert abs(model[0] - other[0]) == pytest.approx(estimate)
    gain, separate = found["gains"]["mf"]["rmse"], found["predictors"]["model"]["rmse"]
    assert gain[2] - gain[1] < 2 * (separate[2] - separate[1])


def test_the_order_of_rows_does_not_matter():
    users, observed, predictions = sample()
    order = np.argsort(observed, kind="stable")
    shuffled = figures(users[order], observed[order], {name: p[order] for name, p in predictions.items()})
    straight = figures(users, observed, predictions)
    for name, row in straight["predictors"].items():
        for key, values in row.items():
            assert shuffled["predictors"][name][key] == pytest.approx(values, abs=1e-9)


def test_the_auc_interval_is_that_of_a_bootstrap_that_sorts_anew():
    users, observed, predictions = sample()
    found = figures(users, observed, predictions)["predictors"]["bias_only"]["auc"]
    g, known = np.random.default_rng(4), np.unique(users)
    rows_of = {u: np.flatnonzero(users == u) for u in known}
    drawn = []
    for _ in range(400):
        rows = np.concatenate([rows_of[u] for u in g.choice(known, len(known))])
        liked = observed[rows] >= 4
        drawn.append(placements(liked, predictions["bias_only"][rows])[liked].mean())
    assert found[1:] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.006)


def test_calibration_error_and_its_bins():
    g = np.random.default_rng(0)
    predicted = g.uniform(1, 5, 4000)
    observed, users = predicted + 0.5, g.integers(0, 100, 4000)
    found = figures(users, observed, {"model": predicted, "rewards": observed})
    assert found["predictors"]["model"]["calibration_error"] == pytest.approx([0.5, 0.5, 0.5])
    assert found["predictors"]["rewards"]["calibration_error"] == pytest.approx([0, 0, 0])
    bins = np.array(found["reliability"]["model"])
    assert bins.shape == (BINS, 5)
    assert bins[:, 0].sum() == 4000
    np.testing.assert_allclose(bins[:, 2] - bins[:, 1], 0.5)
    assert (bins[:, 3] <= bins[:, 2]).all()
    assert (bins[:, 4] >= bins[:, 2]).all()


def test_bins_have_equal_mass_and_keep_ties_together():
    assert np.bincount(equal_mass(np.arange(100.0))).tolist() == [10] * BINS
    assert len(np.unique(equal_mass(np.full(50, 3.0)))) == 1


def test_replicates_begin_with_the_sample():
    users, observed, predictions = sample()
    known, place = np.unique(users, return_inverse=True)
    rows = Rows.of(place, len(known), observed, predictions, liked_from=4.0, lowest=1.0)
    error = predictions["mf"] - observed
    assert replicates(rows, 0)["mf"]["rmse"][0] == pytest.approx(np.sqrt((error**2).mean()))


def test_one_user_and_nothing_liked_leave_gaps_not_errors():
    found = figures(np.zeros(3, int), np.ones(3), {"model": np.arange(3.0)})
    assert np.isnan(found["predictors"]["model"]["auc"][0])
    assert np.isnan(found["predictors"]["model"]["pairs"][0])
    assert found["predictors"]["model"]["rmse"][0] == pytest.approx(np.sqrt(2 / 3))


@pytest.mark.parametrize(
    "predictions", [{}, {"bias_only": np.ones(3)}, {"model": np.ones(2)}, {"model": np.ones(3), "mf": np.ones(4)}]
)
def test_predictions_must_fit_the_rows(predictions):
    with pytest.raises(ConfigurationError, match="one a row"):
        figures(np.zeros(3, int), np.ones(3), predictions)
    with pytest.raises(ConfigurationError, match="got 0 rows"):
        figures(np.zeros(0, int), np.ones(0), {"model": np.ones(0)})


@pytest.mark.parametrize(
    ("values", "implicit", "expected"),
    [
        ([1, 2, 3, 4, 4, 5], False, 4),
        ([5, 5, 5, 5, 1], False, 5),
        ([1, 1, 1, 2, 5], False, 2),  # the median is the lowest
        ([3, 3, 3], False, 3),
        ([1, 1, 1], True, 0.5),
    ],
)
def test_what_counts_as_liked(values, implicit, expected):
    assert liked_from(np.array(values), implicit=implicit, reward_range=(0.0, 1.0)) == expected
