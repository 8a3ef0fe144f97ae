"""Coordinates of the board's drawings. All are rounded to a tenth of a unit, so that pages are small and stable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from leaderboard.schema import Estimate


@dataclass(frozen=True)
class Axis:
    """A linear scale from values low..high to pixels start..stop, with round ticks."""

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The pixel of a value; values beyond the ends are drawn at the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 1)


@dataclass(frozen=True)
class Mark:
    """A point with its interval, in pixels; `low` and `high` are None where there is no interval."""

    value: float
    low: float | None
    high: float | None


def axis(estimates: Iterable[Estimate | None], start: float, stop: float, *, score: bool) -> Axis:
    """An axis that holds 0 and all estimates with their intervals, and 1 where they are scores."""
    known = [e for e in estimates if e is not None]
    values = [x for e in known for x in (e.value, e.low, e.high) if x is not None]
    low, high = min([0.0, *values]), max([1.0 if score else 0.0, *values])
    if high <= low:
        high = low + 1.0
    space = 0.02 * (high - low)
    low, high = low - space if low < 0 else low, high + space
    if score and high - low <= 4:
        return Axis(low - space, high, start, stop, (0.0, 0.5, 1.0))
    return Axis(low, high, start, stop, round_ticks(low, high))


def mark(estimate: Estimate, scale: Axis) -> Mark:
    """`estimate` on `scale`."""
    ends = [None if x is None else scale.at(x) for x in (estimate.low, estimate.high)]
    return Mark(scale.at(estimate.value), ends[0], ends[1])


def round_ticks(low: float, high: float) -> tuple[float, ...]:
    """Two to six multiples of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return tuple(n * step for n in range(first, last + 1))


def step_ticks(horizon: int) -> tuple[int, ...]:
    """Ticks for session steps: round numbers, and the horizon itself where it does not touch another."""
    round_ = [int(t) for t in round_ticks(0, horizon) if float(t).is_integer()]
    return *(t for t in round_ if horizon - t > horizon / 12), horizon


def stack(shares: Sequence[float], width: float) -> list[tuple[float, float]]:
    """Start and width of each part of a stacked bar; the parts fill it, however the shares are rounded."""
    total = sum(shares) or 1.0
    edges = [round(width * part / total, 1) for part in accumulate(shares, initial=0.0)]
    return [(a, round(b - a, 1)) for a, b in pairwise(edges)]
