"""Thresholds at quantiles, and fitted to visits whose true thresholds are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from recsim_envs.errors import LogError
from recsim_envs.worlds.building.departure import TRIED, Sampled, at_quantiles, fitted
from recsim_envs.worlds.building.options import BuildOptions
from recsim_envs.worlds.card.visitors import visitors
from recsim_envs.worlds.logs.visits import Visits
from tests.worlds import tiny_world

WORLD = tiny_world(users=200, items=60)


def sampled(world=WORLD) -> Sampled:
    table = np.asarray(world.arrays["rewards"]).astype(np.float64)
    return Sampled.of(world.arrays["vectors"], world.num_users, lambda u, i: table[u, i], seed=0)


def test_quantiles_are_those_of_all_pairs():
    found = at_quantiles(sampled(), BuildOptions(theta_quantile=0.1, r_min_quantile=0.25, window=3))
    v = WORLD.arrays["vectors"].astype(float)
    pairs = np.linalg.norm(v[:, None] - v[None], axis=2)[np.triu_indices(60, 1)]
    assert np.mean(pairs < found.threshold) == pytest.approx(0.1, abs=0.01)
    assert found.r_min == np.quantile(WORLD.arrays["rewards"], 0.25)
    assert (found.window, found.horizon) == (3, 50)


def test_where_many_items_are_in_one_place_only_these_are_alike():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    found = Sampled.of(vectors, 4, lambda u, i: np.zeros(len(u)), seed=0)
    assert found.threshold(0.02) == 1.4142  # not above the square root of 2, so that what is apart is not too alike
    assert found.threshold(0.0) == 0


@pytest.mark.parametrize(
    ("reward", "least"), [(2.66667, 2.6666), (2.0, 2.0), (-1.23456, -1.2346), (0.000123456, 0.0001234), (0.0, 0.0)]
)
def test_rewards_at_the_limit_are_not_below_it_and_small_ones_keep_their_digits(reward, least):
    vectors = np.eye(3, dtype=np.float32)
    found = Sampled.of(vectors, 4, lambda u, i: np.full(len(u), reward), seed=0)
    assert found.least(0.1) == least


def lengths_under(alike, low, seed, horizon=50):
    limits = {"threshold": sampled().threshold(alike), "r_min": sampled().least(low)}
    return visitors(WORLD, 2000, seed, split="train", window=4, horizon=horizon, **limits).lengths


def visits_under(alike, low) -> Visits:
    lengths = lengths_under(alike, low, seed=7)
    users = np.resize(WORLD.users("train"), len(lengths)).astype(np.int32)
    return Visits(users, np.concatenate([[0], np.cumsum(lengths)]), lengths, np.zeros(0))


@pytest.mark.parametrize("truth", [(0.05, 0.0), (0.01, 0.1), (0.002, 0.2)])
def test_visits_that_follow_the_rule_are_fitted(truth):
    seen, told = visits_under(*truth), []
    found, known = fitted(WORLD, sampled(), seen, BuildOptions(), lambda *a: told.append(a))
    assert known["distance"] < 0.15 * known["mean_length"]
    assert known["mean_length"] == pytest.approx(np.minimum(seen.lengths, found.horizon).mean(), abs=1e-3)
    assert told[-1] == (len(TRIED) ** 2, len(TRIED) ** 2)
    poor = lengths_under(0.3, 0.3, 0, found.horizon)
    assert wasserstein_distance(poor, np.minimum(seen.lengths, found.horizon)) > known["distance"]


def test_a_log_without_visits_cannot_be_fitted():
    with pytest.raises(LogError, match="needs times in nine rows of ten"):
        fitted(WORLD, sampled(), None, BuildOptions(), lambda *_: None)
    few = visits_under(0.05, 0.0)
    with pytest.raises(LogError, match="needs 100 visits of train users, found 50"):
        fitted(WORLD, sampled(), Visits(few.users[:50], few.starts[:51], few.lengths[:50], few.return_gaps),
               BuildOptions(), lambda *_: None)  # fmt: skip
