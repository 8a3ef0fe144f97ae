"""How far trainings lie apart, and whether one agent's lie further apart than another's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leaderboard.schema import Estimate


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a sample."""
    return float(np.std(values, ddof=1))


def ratio_of_deviations(first: Sequence[float], second: Sequence[float], level: float) -> Estimate | None:
    """The ratio of two samples' standard deviations, with Fisher's interval, for samples of one size from normal
    distributions: s1^2 / s2^2 over the ratio of variances has the F distribution. None where the second do not vary.

    Source: Snedecor & Cochran, "Statistical Methods", 8th edition, 1989, section 6.12.
    """
    below = deviation(second)
    if below == 0 or len(first) != len(second):
        return None
    ratio, edge = deviation(first) / below, f_quantile(len(first) - 1, level) ** 0.5
    return Estimate(value=ratio, low=ratio / edge, high=ratio * edge)


def f_quantile(freedom: int, level: float) -> float:
    """The q with P(1 / q <= F <= q) = level for the F distribution with the same degrees of freedom above and below, by
    quadrature: F = tan(a)^2 has density proportional to (sin(a) cos(a)) ** (freedom - 1) in the angle a.
    """
    angles = np.linspace(0, np.pi / 2, 16_385)
    density = (np.sin(angles) * np.cos(angles)) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.tan(np.interp((1 + level) / 2 * mass[-1], mass, angles)) ** 2)
