"""Elementary functions for dynamics, as compiled float32 code that computes the same bits everywhere.

The exponential is our own polynomial: plain additions and multiplications, the same on every platform, where the
libraries' differ in the last bit. Division by zero cannot happen, and numba is told so (`error_model`): its check
would keep loops from the vector unit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = np.float32(0.693145751953125), np.float32(1.42860682030941723e-6)
_LIMIT = np.float32(30.0)
_ONE, _HALF = np.float32(1.0), np.float32(0.5)
_TERMS: Final = tuple(np.float32(1.0 / d) for d in (720.0, 120.0, 24.0, 6.0, 2.0))  # of the exponential series
_T6, _T5, _T4, _T3, _T2 = _TERMS
_BIAS, _MANTISSA = np.int32(127), np.int32(23)  # how float32 is made: bias of the exponent, bits of the mantissa


@njit(cache=True, error_model="numpy", inline="always")
def exponential(x):
    """exp(x) for float32 x, clipped to -30..30; relative error below 3e-7."""
    x = x if x > -_LIMIT else -_LIMIT
    x = x if x < _LIMIT else _LIMIT
    k = np.floor(x * _LOG2E + _HALF)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = ((((_T6 * r + _T5) * r + _T4) * r + _T3) * r + _T2) * r
    power = np.int32((np.int32(k) + _BIAS) << _MANTISSA).view(np.float32)  # 2 ** k, by its bits
    return ((series + _ONE) * r + _ONE) * power


@njit(cache=True, error_model="numpy", inline="always")
def sigmoid(x):
    """1 / (1 + exp(-x)) in float32."""
    return _ONE / (_ONE + exponential(-x))


@njit(cache=True, error_model="numpy", inline="always")
def hyperbolic(x):
    """tanh(x) in float32."""
    return np.float32(2.0) * sigmoid(np.float32(2.0) * x) - _ONE
