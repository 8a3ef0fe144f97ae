"""Learning curves as SVG: a panel a metric; of each curve a line and the band of its interval.

A curve that is alone also has a thin line for each training seed. Budgets that span decades stand on a log axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from leaderboard.evaluate.curve.plan import UNITS, CurvePoint, LearningCurve
from leaderboard.metrics import METRICS
from leaderboard.schema import Estimate
from leaderboard.site.geometry import Axis, axis
from leaderboard.site.text import called, called_in_full, short_name

PANELS: Final = ("R_traj", "Len")
COLOURS: Final = 6  # of lines, .k0 to .k5 in the template; further curves are dashed
_WIDTH, _LEFT, _TOP, _BOTTOM = 430, 46, 56, 226  # pixels of a panel: width, and where its drawing area is
_DECADES: Final = 1.5  # from so many on, budgets stand on a log axis
_ZERO: Final = 0.7  # decades that the budget 0 is drawn below the smallest other one


@dataclass(frozen=True)
class Budgets:
    """The axis of budgets: linear, or a log scale on which 0 has a place of its own."""

    amounts: tuple[int, ...]

    @property
    def log(self) -> bool:
        """Whether the axis is a log scale."""
        known = [n for n in self.amounts if n]
        return math.log10(known[-1] / known[0]) >= _DECADES

    def place(self, amount: int) -> float:
        """Where a budget stands, before it is scaled to pixels."""
        if not self.log:
            return float(amount)
        return math.log10(amount) if amount else math.log10(next(n for n in self.amounts if n)) - _ZERO

    def axis(self) -> Axis:
        """The scale from `place` to pixels."""
        low, high = self.place(self.amounts[0]), self.place(self.amounts[-1])
        return Axis(low, high, _LEFT, _WIDTH - 22, ())

    def ticks(self) -> list[tuple[float, str]]:
        """Pixels and labels, those left out that would touch the one before."""
        found: list[tuple[float, str]] = []
        scale = self.axis()
        for amount in self.amounts:
            at = scale.at(self.place(amount))
            if not found or at - found[-1][0] >= 26:
                found.append((at, short(amount)))
        return found


@dataclass(frozen=True)
class Line:
    """One curve in one panel, as SVG points; `style` is its colour and dash."""

    style: str
    label: str
    band: str
    line: str
    dots: tuple[tuple[float, float], ...]
    seeds: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One metric: its scales and curves."""

    title: str
    y: Axis
    ticks: list[tuple[float, str]]
    lines: tuple[Line, ...]


def picture(curves: Sequence[LearningCurve]) -> str:
    """Curves of one environment as a self-contained SVG."""
    budgets = Budgets(tuple(sorted({n for curve in curves for n in curve.plan.at})))
    shown = [name for name in PANELS if all(name in point.metrics for curve in curves for point in curve.points)]
    return _template().render(
        curve=curves[0], many=len(curves) > 1, panels=[_panel(curves, name, budgets) for name in shown],
        unit=UNITS[curves[0].plan.unit], width=_WIDTH, left=_LEFT, top=_TOP, bottom=_BOTTOM,
    )  # fmt: skip


def short(amount: int) -> str:
    """A budget in few characters: 25, 1k, 2.5k, 1M."""
    for unit, size in (("M", 10**6), ("k", 10**3)):
        if amount >= size:
            return f"{amount / size:g}{unit}"
    return str(amount)


def labels(curves: Sequence[LearningCurve]) -> list[str]:
    """A name for each curve: its agent with its language model, and other parameters where agents share a name."""
    agents = [curve.plan.agent for curve in curves]
    names = [called(agent.name, agent.parameters) for agent in agents]
    full = [called_in_full(agent.name, agent.parameters) for agent in agents]
    return [a if names.count(a) == 1 else short_name(b, 120) for a, b in zip(names, full, strict=True)]


def _panel(curves: Sequence[LearningCurve], name: str, budgets: Budgets) -> Panel:
    every = [point.metrics[name] for curve in curves for point in curve.points]
    alone = [v for point in curves[0].points for v in point.by_seed[name] if v is not None] if len(curves) == 1 else []
    y = axis([*every, *(Estimate(value=v) for v in alone)], _BOTTOM, _TOP, score=False)
    lines = tuple(
        _line(curve, name, budgets, y, f"k{n % COLOURS}{' dashed' if n >= COLOURS else ''}", label, len(curves) == 1)
        for n, (curve, label) in enumerate(zip(curves, labels(curves), strict=True))
    )
    return Panel(METRICS[name].title, y, budgets.ticks(), lines)


def _line(curve: LearningCurve, name: str, budgets: Budgets, y: Axis, style: str, label: str, with_seeds: bool) -> Line:
    x = budgets.axis()
    across = [x.at(budgets.place(n)) for n in curve.plan.at]
    estimates = [point.metrics[name] for point in curve.points]
    ends = [_ends(e) for e in estimates]
    upper = [(a, y.at(high)) for a, (_, high) in zip(across, ends, strict=True)]
    lower = [(a, y.at(low)) for a, (low, _) in zip(across, ends, strict=True)]
    middle = tuple((a, y.at(e.value)) for a, e in zip(across, estimates, strict=True))
    count = len(curve.plan.training_seeds) if with_seeds else 1
    seeds = tuple(_seed_line(curve.points, name, s, across, y) for s in range(count)) if count > 1 else ()
    return Line(style, label, _points([*upper, *reversed(lower)]), _points(middle), middle, seeds)


def _ends(estimate: Estimate) -> tuple[float, float]:
    """The interval; a point without one is as narrow as its value."""
    low = estimate.value if estimate.low is None else estimate.low
    return low, estimate.value if estimate.high is None else estimate.high


def _seed_line(points: tuple[CurvePoint, ...], name: str, seed: int, across: list[float], y: Axis) -> str:
    values = [(a, point.by_seed[name][seed]) for a, point in zip(across, points, strict=True)]
    return _points([(a, y.at(value)) for a, value in values if value is not None])


def _points(pairs: list[tuple[float, float]] | tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{a:g},{b:g}" for a, b in pairs)


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("learning_curve.svg.j2")
