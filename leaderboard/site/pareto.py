"""Score against cost: one scatter plot for each measure of cost, with the front of agents that nobody beats in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from leaderboard.metrics import SCORE
from leaderboard.site import geometry, text
from leaderboard.site.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from leaderboard.site.costs import COSTS, Cost
from leaderboard.site.geometry import Axis

if TYPE_CHECKING:
    from leaderboard.board.model import Entry, Section

_ROOM: Final = 13.0  # height of a name, in pixels


@dataclass(frozen=True)
class CostAxis:
    """Costs from left to right: logarithmic where they differ by more than a factor of 20, with a place for 0."""

    start: float
    stop: float
    low: float
    high: float
    log: bool
    zero: bool
    ticks: tuple[tuple[float, str], ...]

    def at(self, cost: float) -> float:
        """The pixel of a cost."""
        left = self.start + (48 if self.zero and self.log else 0)
        if self.log and cost <= 0:
            return self.start + 14
        place = math.log10(cost / self.low) / math.log10(self.high / self.low) if self.log else cost / self.high
        return round(left + place * (self.stop - left), 1)


@dataclass(frozen=True)
class Point:
    """One agent in pixels, with its interval, and whether and on which side its name is written."""

    label: str
    text: str
    x: float
    y: float
    low: float | None
    high: float | None
    side: str
    named: bool = False


@dataclass(frozen=True)
class Pareto:
    """One plot. `front` joins the agents that no other beats in both; `missing` counts those without a figure."""

    key: str
    title: str
    meaning: str
    y_title: str
    x: CostAxis
    y: Axis
    points: tuple[Point, ...]
    front: str
    missing: int


def paretos(section: Section) -> list[Pareto]:
    """A plot for every cost that two or more competitors of the section tell, money first."""
    made = (_pareto(section, key, cost) for key, cost in COSTS.items())
    return [plot for plot in made if plot is not None]


def _pareto(section: Section, key: str, cost: Cost) -> Pareto | None:
    told = [(entry, value) for entry in section.ranked if (value := cost.of(entry.row)) is not None]
    known = [(entry, value) for entry, value in told if section.lead in entry.row.metrics]
    if len(known) < 2 or not any(value for _, value in known):
        return None
    x = _cost_axis([value for _, value in known], cost)
    lead = [entry.row.metrics[section.lead] for entry, _ in known]
    y = geometry.axis(lead, HEIGHT - BOTTOM, TOP, score=section.lead == SCORE.name)
    front = _front([(value, entry.row.metrics[section.lead].value) for entry, value in known])
    points = [_point(entry, value, section.lead, cost, x, y) for entry, value in known]
    joined = " ".join(f"{points[n].x:g},{points[n].y:g}" for n in front)
    title = "Score" if section.lead == SCORE.name else section.lead
    return Pareto(
        key, cost.title, cost.meaning, title, x, y, _named(points, front), joined, len(section.ranked) - len(known)
    )


def _point(entry: Entry, value: float, lead: str, cost: Cost, x: CostAxis, y: Axis) -> Point:
    e = entry.row.metrics[lead]
    ends = [None if end is None else y.at(end) for end in (e.low, e.high)]
    at = x.at(value)
    told = f"{text.figure(lead, e.value)} for {cost.write(value)}"
    side = "start" if at < (x.start + x.stop) / 2 else "end"
    return Point(entry.label, told, at, y.at(e.value), ends[0], ends[1], side)


def _named(points: Sequence[Point], front: Sequence[int]) -> tuple[Point, ...]:
    """The points, those with a name whose name finds room: the front first, then from top to bottom."""
    order = [*front, *sorted(set(range(len(points))) - set(front), key=lambda n: points[n].y)]
    chosen: list[int] = []
    for n in order:
        x, y = points[n].x, points[n].y
        if not any(abs(points[m].y - y) < _ROOM and abs(points[m].x - x) < 10 * _ROOM for m in chosen):
            chosen.append(n)
    return tuple(replace(point, named=n in chosen) for n, point in enumerate(points))


def _front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other beats in both, cheapest first."""
    best, found = -math.inf, []
    for n in sorted(range(len(points)), key=lambda n: (points[n][0], -points[n][1])):
        if points[n][1] > best:
            best = points[n][1]
            found.append(n)
    return found


def _cost_axis(costs: Sequence[float], cost: Cost) -> CostAxis:
    start, stop = LEFT, WIDTH - RIGHT - 8
    positive, zero = [c for c in costs if c > 0], min(costs) <= 0
    if max(positive) < 20 * min(costs):
        high = 1.05 * max(positive)
        ticks = tuple((tick, cost.write(tick)) for tick in geometry.round_ticks(0, high))
        return CostAxis(start, stop, 0.0, high, False, zero, ticks)
    first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    first = min(first, last - 1)
    powers = [10.0**n for n in range(first, last + 1, max(1, -(-(last - first) // 4)))]
    ticks = tuple((tick, cost.write(tick)) for tick in ([0.0] if zero else []) + powers)
    return CostAxis(start, stop, 10.0**first, 10.0**last, True, zero, ticks)
