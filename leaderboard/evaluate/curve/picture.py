"""A learning curve as SVG: a panel a metric, a band for the interval, a thin line a training seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from leaderboard.evaluate.curve.plan import CurvePoint, LearningCurve
from leaderboard.metrics import METRICS
from leaderboard.schema import Estimate
from leaderboard.site.geometry import Axis, axis

PANELS: Final = ("R_traj", "Len")
_WIDTH, _LEFT, _TOP, _BOTTOM = 430, 46, 56, 226  # pixels of a panel: width, and where its drawing area is


@dataclass(frozen=True)
class Panel:
    """One metric: its scales, and polylines as SVG points."""

    title: str
    x: Axis
    y: Axis
    band: str
    line: str
    dots: tuple[tuple[float, float], ...]
    seeds: tuple[str, ...]


def picture(curve: LearningCurve) -> str:
    """The curve as a self-contained SVG."""
    panels = [_panel(curve, name) for name in PANELS if all(name in point.metrics for point in curve.points)]
    return _template().render(curve=curve, panels=panels, width=_WIDTH, left=_LEFT, top=_TOP, bottom=_BOTTOM)


def _panel(curve: LearningCurve, name: str) -> Panel:
    points, at = curve.points, [float(n) for n in curve.plan.at]
    x = Axis(at[0], at[-1], _LEFT, _WIDTH - 22, tuple(at))
    alone = [value for point in points for value in point.by_seed[name] if value is not None]
    estimates = [point.metrics[name] for point in points]
    y = axis([*estimates, *(Estimate(value=v) for v in alone)], _BOTTOM, _TOP, score=False)
    across = [x.at(n) for n in at]
    ends = [_ends(e) for e in estimates]
    upper = [(a, y.at(high)) for a, (_, high) in zip(across, ends, strict=True)]
    lower = [(a, y.at(low)) for a, (low, _) in zip(across, ends, strict=True)]
    middle = tuple((a, y.at(e.value)) for a, e in zip(across, estimates, strict=True))
    count = len(curve.plan.training_seeds)
    seeds = tuple(_seed_line(points, name, s, across, y) for s in range(count)) if count > 1 else ()
    return Panel(METRICS[name].title, x, y, _points([*upper, *reversed(lower)]), _points(middle), middle, seeds)


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
