"""Fitted Q evaluation against backward induction."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.ope.fqe import fit, products
from tests.leaderboard.ope import tiny


def rows(copies=4):
    """Every session of the tiny process, as one-hot features of its pairs."""
    taken, own, rewards, last, capped = [], [], [], [], []
    for _, steps in tiny.every_session():
        for t, (state, action) in enumerate(steps):
            taken.append(np.eye(4)[2 * state + action])
            own.append(np.concatenate([tiny.TARGET[s] * (s == state) for s in (0, 1)]))
            rewards.append(tiny.REWARD[state, action])
            last.append(t == len(steps) - 1)
            capped.append(last[-1] and not tiny.LEAVES[state, action])
    return [
        np.tile(np.array(a), (copies, 1) if np.ndim(a) == 2 else copies) for a in (taken, own, rewards, last, capped)
    ]


def test_a_table_is_learned_exactly():
    model, (q, v) = fit(*rows(), tiny.HORIZON), tiny.values()
    for left in range(tiny.HORIZON + 1):
        assert model.values(np.eye(4), np.full(4, left)) == pytest.approx(q[left].ravel(), abs=1e-4)
        own = np.array([[0.9, 0.1, 0, 0], [0, 0, 0.4, 0.6]])
        assert model.values(own, np.full(2, left)) == pytest.approx(v[left], abs=1e-4)


def test_values_stay_between_what_rewards_allow():
    """A model that multiplies itself at every step: features grow along the session."""
    taken = np.array([[1.0], [1.0], [1.0]])
    own = np.array([[3.0], [3.0], [3.0]])
    last, capped = np.array([False, False, True]), np.array([False, False, False])
    model = fit(taken, own, np.ones(3), last, capped, 50)
    assert np.isfinite(model.coefficients).all()
    assert model.values(own, np.array([50, 2, 0])).tolist() == [50, 2, 0]
    assert model.values(own[:1], np.array([-1])).tolist() == [0]


def test_a_session_cut_at_the_cap_says_nothing_of_what_would_follow():
    taken, last = np.ones((4, 1)), np.array([False, True, False, True])
    model = fit(taken, taken, np.ones(4), last, last, 10)
    assert model.values(taken[:1], np.array([10])) == pytest.approx([10.0], abs=1e-3)
    left = fit(taken, taken, np.ones(4), last, np.zeros(4, bool), 10)
    assert left.values(taken[:1], np.array([10])) < 2.1  # half of the steps end a session


def test_products():
    states, actions = np.array([[1.0, 2.0]]), np.array([[5.0]])
    assert products(states, actions).tolist() == [[1, 5, 2, 10]]
