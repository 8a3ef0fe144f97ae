"""The exposure check: the drop is known, paired, and told in words."""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs.worlds.card.exposure import exposure_figures, exposure_words


def rows(users, error, seed):
    g = np.random.default_rng(seed)
    observed = g.integers(1, 6, len(users)).astype(np.float64)
    wrong = g.normal(0, error, len(users))
    return users, observed, {"model": observed + wrong, "bias_only": observed + 2 * wrong}


def figures(there):
    chosen = rows(np.repeat(np.arange(100), 8), 0.5, 0)
    random = rows(np.repeat(np.arange(50, 140), 5), there, 1)
    return exposure_figures(chosen, random, liked_from=4.0, lowest=1.0, seed=0), chosen, random


def test_the_drop_is_the_difference_of_both_figures():
    found, chosen, random = figures(1.5)
    rmse = [np.sqrt(np.mean((p["model"] - o) ** 2)) for _, o, p in (chosen, random)]
    drop, low, high = found["drop"]["model"]["rmse"]
    assert drop == pytest.approx(rmse[1] - rmse[0])
    assert 0 < low < drop < high
    assert found["drop"]["model"]["auc"][0] > 0  # worse is above 0 for figures that are better high, too
    assert found["random"]["rows"] == 450
    assert "flatter" in exposure_words(found)


def test_no_drop_can_be_told_from_chance_or_it_is_better():
    assert "chance" in exposure_words(figures(0.5)[0])
    assert "no worse" in exposure_words(figures(0.1)[0])
    assert "cannot be told" in exposure_words({"known": False})
