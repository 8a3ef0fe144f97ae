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

CELLS: Final = 1024
"""Equal parts of the range of the knots, in each of which few of them lie."""

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
    return between(raw, knots, left)


@njit(cache=True, error_model="numpy", inline="always")
def between(raw, knots, left):
    """The value of the map at `raw`, which lies between the knots `left` and `left + 1`."""
    x, y = np.float64(knots[0, left]), np.float64(knots[1, left])
    share = (np.float64(raw) - x) / (np.float64(knots[0, left + 1]) - x)
    return min(np.float32(y + share * (np.float64(knots[1, left + 1]) - y)), knots[1, left + 1])


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


@njit(cache=True, error_model="numpy")
def feel(raw, scale):
    """`felt` of every number of a matrix, in place, bit for bit."""
    knots, low, high = scale
    if not knots.shape[1]:
        for i in range(raw.shape[0]):
            for j in range(raw.shape[1]):
                raw[i, j] = clip(raw[i, j], low, high)
        return
    last = knots.shape[1] - 1
    first, per_unit, left_of = guide(knots)
    for i in range(raw.shape[0]):
        for j in range(raw.shape[1]):
            x = raw[i, j]
            if knots[0, 0] < x < knots[0, last]:
                left = left_of[min(int((np.float64(x) - first) * per_unit), CELLS - 1)]
                while knots[0, left] > x:
                    left -= 1
                while knots[0, left + 1] <= x:
                    left += 1
                x = between(x, knots, left)
            else:
                x = knots[1, last] if x >= knots[0, last] else knots[1, 0]
            raw[i, j] = clip(x, low, high)


@njit(cache=True, error_model="numpy")
def guide(knots):
    """Where to look for a number among the knots: where the first cell begins, cells a unit, a knot for each cell.

    The knot is near the one on the left of what lies in the cell. To search among all costs about eight times as much.
    """
    last = knots.shape[1] - 1
    first = np.float64(knots[0, 0])
    per_unit = CELLS / (np.float64(knots[0, last]) - first) if last else 0.0
    left_of, left = np.zeros(CELLS, np.int64), 0
    for cell in range(CELLS):
        while left < last - 1 and (np.float64(knots[0, left + 1]) - first) * per_unit <= cell:
            left += 1
        left_of[cell] = left
    return first, per_unit, left_of
