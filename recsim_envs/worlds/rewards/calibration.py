"""From what a reward model computes to what users give: an optional rising map, then the reward range.

`calibration` (2, knots) maps row 0, which rises, to row 1, which does not fall: linear between knots, flat beyond.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs.errors import WorldError
from recsim_envs.worlds.layout import Layout, floats, place

CALIBRATION: Final[Layout] = {"calibration": floats("2", "knots")}


def check_calibration(calibration: NDArray[Any], where: Path | str) -> None:
    """Raise `WorldError` unless finite knots (2, knots) are a rising map."""
    here = place(where, "calibration")
    if not calibration.shape[1]:
        raise WorldError(f"{here} has no knots; leave it out, or rebuild the world")
    if not np.all(calibration[0, 1:] > calibration[0, :-1]):
        raise WorldError(f"{here}: row 0 does not rise; rebuild the world")
    if not np.all(calibration[1, 1:] >= calibration[1, :-1]):
        raise WorldError(f"{here}: row 1 falls, so a better item would earn less; rebuild the world")


@njit(cache=True, error_model="numpy")
def interpolate(raw, knots):
    """The value of the map at `raw`: float32, never beyond the knots beside it, so that it does not fall."""
    last = knots.shape[1] - 1
    if not raw > knots[0, 0]:
        return knots[1, 0]
    if raw >= knots[0, last]:
        return knots[1, last]
    left, right = 0, last  # raw lies between these
    while right - left > 1:
        middle = (left + right) // 2
        if knots[0, middle] <= raw:
            left = middle
        else:
            right = middle
    x, y = np.float64(knots[0, left]), np.float64(knots[1, left])
    share = (np.float64(raw) - x) / (np.float64(knots[0, right]) - x)
    return min(np.float32(y + share * (np.float64(knots[1, right]) - y)), knots[1, right])


@njit(cache=True, inline="always")
def clip(raw, low, high):
    """`raw` within low..high, all float32; what is no number becomes the lowest reward."""
    raw = raw if raw >= low else low
    return raw if raw <= high else high


@njit(cache=True, inline="always")
def felt(raw, scale):
    """The reward of a raw float32: calibrated and clipped. `scale` is (knots, low, high) in float32."""
    knots, low, high = scale
    if knots.shape[1]:
        raw = interpolate(raw, knots)
    return clip(raw, low, high)


@njit(cache=True)
def feel(raw, scale):
    """`felt` of every number of a matrix, in place."""
    for i in range(raw.shape[0]):
        for j in range(raw.shape[1]):
            raw[i, j] = felt(raw[i, j], scale)
