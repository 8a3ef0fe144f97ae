"""Variances that are known from few seeds, and Student's t, without a library of special functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from leaderboard.stats.sums import Floats

_UNKNOWN: Final = 1e8  # times a variance: beyond any that is known


@dataclass(frozen=True)
class SeedLevel:
    """What the training seeds of one agent add to the variance of its figure.

    raw: the variance between seeds, with `freedom` degrees of freedom; noise: what users alone put into that.
    """

    raw: float
    noise: float
    freedom: int

    @property
    def net(self) -> float:
        """What seeds add to the variance that users have."""
        return self.raw - self.noise if self.raw > self.noise else 0.0

    def cautious(self) -> SeedLevel:
        """With `raw` at its upper 75 % confidence limit, freedom * raw / the lower quartile of chi-square.

        Where many agents are compared, some will have seeds that happen to lie close, and the rare clear finding would
        be theirs. The quantile is that of Wilson & Hilferty, "The distribution of chi-square", PNAS 17(12), 1931. Two
        seeds lie close too often for that: what they vary by is taken for unknown, that is, for very large.
        """
        if self.freedom < 2:
            return SeedLevel(_UNKNOWN * self.raw, self.noise, self.freedom)
        part = 2 / (9 * self.freedom)
        return SeedLevel(self.raw / (1 - part - 0.6745 * part**0.5) ** 3, self.noise, self.freedom)


def t_quantile(freedom: float, level: float) -> float:
    """The q with P(|T| <= q) = level for Student's t, by quadrature: T = sqrt(freedom) tan(a) has density cos(a) **
    (freedom - 1) in the angle a. For 1 <= freedom; relative error below 1e-4 for levels up to 0.99.
    """
    angles = np.linspace(0, min(np.pi / 2, 12 / np.sqrt(freedom)), 8193)
    density = np.cos(angles) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.sqrt(freedom) * np.tan(np.interp(level * mass[-1], mass, angles)))


def t_quantiles(freedom: Floats, level: float) -> Floats:
    """`t_quantile` of many degrees of freedom, interpolated in their reciprocals: relative error below 1e-3."""
    reciprocal, logarithm = _quantile_table(level)
    return np.exp(np.interp(1.0 / freedom, reciprocal, logarithm))


@lru_cache(maxsize=8)
def _quantile_table(level: float) -> tuple[Floats, Floats]:
    reciprocal = np.linspace(1e-6, 1.0, 400)
    return reciprocal, np.log([t_quantile(1.0 / x, level) for x in reciprocal])


def normal_equivalent(t: Any, freedom: Any) -> Any:
    """The normal deviate whose two-sided tail is nearly that of |t| under Student's distribution.

    Never above the exact one in tails below 0.2, so that a decision by it is on the cautious side; below it by at most
    0.02 from 8 degrees of freedom and tails of 0.0001 on, by more where freedom and tail are smaller. Source: Wallace,
    "Bounds on normal approximations to Student's and the chi-square distributions", Annals of Mathematical Statistics
    30(4), 1959.
    """
    return (8 * freedom + 1) / (8 * freedom + 3) * np.sqrt(freedom * np.log1p(np.square(t) / freedom))
