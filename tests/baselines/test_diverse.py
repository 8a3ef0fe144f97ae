"""Maximal marginal relevance and calibration against plain Python, one candidate at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.calibrated import SMOOTHING, CalibratedAgent, calibrate, user_mix
from baselines.items import category_shares
from baselines.mmr import MMRAgent, marginal
from baselines.recent import Recent
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Catalogue, Sessions
from tests.baselines.test_greedy import catalogue

CATEGORIES = [[0], [0, 1], [1, 2], [2], [0, 2, 3], [3], [1], [0, 1]]


def world(seed: int) -> tuple[Catalogue, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    allowed = generator.uniform(size=(3, 8)) < 0.8
    allowed[:, 0] = True
    recent = np.stack([generator.permutation(9)[:3] - 1 for _ in range(3)])
    return catalogue(CATEGORIES, [1.0] * 8), generator.uniform(size=(3, 8)), recent, allowed


def open_items(allowed: np.ndarray, listed: list[int]) -> list[int]:
    return [i for i in range(8) if allowed[i] and i not in listed]


def likeness(c: Catalogue, i: int, j: int) -> float:
    a, b = set(c.categories(i).tolist()), set(c.categories(j).tolist())
    return len(a & b) / (len(a) * len(b)) ** 0.5


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
@settings(max_examples=40)
def test_marginal_relevance_is_that_of_the_paper(seed: int, weight: float):
    c, relevance, recent, allowed = world(seed)
    slates = np.empty((3, 3), np.int64)
    marginal(relevance, c.category_indptr, c.category_ids, recent, allowed, weight, slates)
    for row, slate in enumerate(slates.tolist()):
        listed = [int(i) for i in recent[row] if i >= 0]
        for item in slate:
            choice = open_items(allowed[row], listed)
            if not choice:
                break  # then repeats are open again
            value = {
                i: weight * relevance[row, i] - (1 - weight) * max([likeness(c, i, j) for j in listed], default=0.0)
                for i in choice
            }
            assert item in choice
            assert value[item] == pytest.approx(max(value.values()), abs=1e-12)
            listed.append(item)


def divergence(c: Catalogue, wanted: np.ndarray, listed: list[int]) -> float:
    mix = category_shares(c)[listed].mean(axis=0)
    smooth = (1 - SMOOTHING) * mix + SMOOTHING * wanted
    return float((wanted * np.log(wanted / smooth)).sum())


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
@settings(max_examples=40)
def test_calibration_minimises_the_divergence_of_the_paper(seed: int, weight: float):
    c, relevance, recent, allowed = world(seed)
    wanted = np.random.default_rng(seed).dirichlet(np.ones(4), 3)
    slates = np.empty((3, 3), np.int64)
    calibrate(relevance, c.category_indptr, c.category_ids, wanted, recent, allowed, weight, slates)
    for row, slate in enumerate(slates.tolist()):
        listed = [int(i) for i in recent[row] if i >= 0]
        for item in slate:
            choice = open_items(allowed[row], listed)
            if not choice:
                break
            value = {
                i: (1 - weight) * relevance[row, i] - weight * divergence(c, wanted[row], [*listed, i]) for i in choice
            }
            assert value[item] == pytest.approx(max(value.values()), abs=1e-9)
            listed.append(item)


def test_the_users_mix_weighs_items_by_what_they_earned():
    c, out = catalogue(CATEGORIES, [1.0] * 8), np.empty((2, 4))
    items, weights = np.array([[1, 3, -1], [-1, -1, -1]]), np.array([[2.0, 1.0, 9.0], [0.0, 0.0, 0.0]])
    user_mix(items, weights, category_shares(c), np.array([0.4, 0.3, 0.2, 0.1]), out)
    np.testing.assert_allclose(out[0], np.array([1.4, 1.3, 1.2, 0.1]) / 4)
    np.testing.assert_allclose(out[1], [0.4, 0.3, 0.2, 0.1])


def test_what_was_shown_last_is_kept_lane_by_lane():
    recent = Recent(3, 4)

    def sessions(step: int, *lanes: int) -> Sessions:
        return Sessions(np.array(lanes), np.zeros(len(lanes), np.uint64), np.full(len(lanes), step))

    assert recent.items(sessions(0, 2, 0)).tolist() == [[-1] * 4] * 2
    recent.add(sessions(0, 2, 0), np.array([[1, 2], [3, 4]]))
    recent.add(sessions(1, 0), np.array([[5, 6]]))
    recent.add(sessions(2, 0), np.array([7]))
    assert recent.items(sessions(3, 0, 1, 2)).tolist() == [[4, 5, 6, 7], [-1] * 4, [-1, -1, 1, 2]]
    assert recent.items(sessions(0, 0)).tolist() == [[-1] * 4]
    nothing = Recent(1, 0)
    nothing.add(sessions(0, 0), np.array([3]))
    assert nothing.items(sessions(1, 0)).shape == (1, 0)


@pytest.mark.parametrize(
    ("agent", "bad"),
    [(MMRAgent, {"weight": 1.1}), (MMRAgent, {"recent": -1}), (CalibratedAgent, {"weight": -0.1}),
     (CalibratedAgent, {"length": 0}), (CalibratedAgent, {"prior": 0.0}), (MMRAgent, {"user_prior": 0.0})],
)  # fmt: skip
def test_impossible_parameters_are_refused(agent, bad):
    with pytest.raises(ConfigurationError, match=next(iter(bad)).split("_")[-1]):
        agent(**bad)
