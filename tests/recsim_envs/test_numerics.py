"""Our own elementary functions against the exact ones."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from recsim_envs.numerics import exponential, hyperbolic, sigmoid


@njit
def _all(x):
    out = np.empty((3, len(x)), np.float32)
    for i in range(len(x)):
        out[0, i], out[1, i], out[2, i] = exponential(x[i]), sigmoid(x[i]), hyperbolic(x[i])
    return out


def test_our_exponential_is_single_precision():
    x = np.linspace(-30, 30, 200_001).astype(np.float32)
    ours, exact = _all(x)[0], np.exp(x.astype(np.float64))
    assert np.abs(ours / exact - 1).max() < 3e-7
    assert (_all(np.float32([-1e30, 1e30, 500]))[0] == _all(np.float32([-30, 30, 30]))[0]).all()


def test_gates_are_single_precision():
    x = np.linspace(-40, 40, 100_001).astype(np.float32)
    _, gate, tangent = _all(x)
    exact = x.astype(np.float64)
    assert np.abs(gate - 1 / (1 + np.exp(-exact))).max() < 2e-7
    assert np.abs(tangent - np.tanh(exact)).max() < 4e-7


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_whatever_comes_in_a_finite_number_comes_out(value):
    assert np.isfinite(_all(np.array([value], np.float32))).all()
