"""Intervals by resampling users: every figure of a card is a function of sums over users.

Users are drawn with all their rows (cluster bootstrap, Davison & Hinkley, "Bootstrap Methods and their Application",
1997, section 3.8). Up to `MANY` users a resample draws as many users as there are, with replacement, 1000 times.
Above that each user counts a Poisson(1) number of times, 500 times over (Chamandy et al., "Estimating uncertainty for
massive data streams", Google, 2012): the same to first order, and drawn in chunks that need little memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.rng import WORLD, below_array, bits_array

MANY: Final = 20_000
REPLICATES: Final = 1000
REPLICATES_OF_MANY: Final = 500
_BOOTSTRAP: Final = WORLD + 67
_CHUNK: Final = 4_000_000  # weights that are held at once
_WORDS: Final = 4  # Poisson weights made of one draw of 64 bits

Floats = NDArray[np.float64]


def method(num_users: int) -> dict[str, int | str]:
    """How users are resampled, for the card."""
    many = num_users > MANY
    return {
        "unit": "users",
        "replicates": REPLICATES_OF_MANY if many else REPLICATES,
        "weights": "poisson" if many else "multinomial",
    }


def totals(sums: Floats, seed: int) -> Floats:
    """Sums over all users, and over each resample of them: (1 + replicates, s) from `sums` (users, s).

    Row 0 is the sample itself. The same `seed` and number of users draw the same resamples, so figures of different
    columns, and of different calls, are paired.
    """
    parts = [sums.sum(axis=0)[None]] + [weights @ sums for weights in _weights(len(sums), seed)]
    return np.concatenate(parts)


def interval(values: Floats) -> list[float]:
    """Estimate and 95 % percentile interval of a figure, given for the sample and its resamples (1 + replicates,).

    Resamples in which it is undefined (NaN: no user of the kind was drawn) are left out; NaN where nothing is left.
    """
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return [float(values[0]), float(low), float(high)]


def centred(values: Floats) -> list[float]:
    """`interval` of a figure that noise lifts, such as a mean of absolute values: moved onto its estimate, above 0."""
    estimate, low, high = interval(values)
    with np.errstate(invalid="ignore"):
        lift = np.nanmean(values[1:]) - estimate if np.isfinite(values[1:]).any() else 0.0
    return [estimate, float(np.clip(low - lift, 0.0, estimate)), max(float(high - lift), estimate)]


def _weights(users: int, seed: int) -> Iterator[Floats]:
    """How often each user counts in each resample, a chunk (r, users) at a time."""
    many = users > MANY
    replicates, draw = (REPLICATES_OF_MANY, _poisson) if many else (REPLICATES, _multinomial)
    step = max(1, _CHUNK // max(users, 1))
    for first in range(0, replicates, step):
        yield draw(np.arange(first, min(first + step, replicates)), users, seed)


def _multinomial(replicates: NDArray[np.int64], users: int, seed: int) -> Floats:
    drawn = below_array(users, seed, replicates[:, None], _BOOTSTRAP, np.arange(users))
    flat = (drawn + users * np.arange(len(replicates))[:, None]).ravel()
    return np.bincount(flat, minlength=users * len(replicates)).reshape(-1, users).astype(np.float64)


def _poisson(replicates: NDArray[np.int64], users: int, seed: int) -> Floats:
    words = bits_array(seed, replicates[:, None], _BOOTSTRAP, np.arange(-(-users // _WORDS)))
    return _poisson_table()[words.view(np.uint16)[:, :users]]


@cache
def _poisson_table() -> Floats:
    """The Poisson(1) quantile of each of 2**16 equally likely words."""
    shares = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(9)])
    return np.searchsorted(shares, (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float64)
