"""Learning curves: what agents earned while they trained, and what they earned in test after more and more of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from leaderboard.evaluate.curve.plan import UNITS, LearningCurve
from leaderboard.schema import Estimate, TrainingCurve
from leaderboard.site import geometry, text
from leaderboard.site.charts import Chart, Line, chart

if TYPE_CHECKING:
    from leaderboard.board.model import Entry
    from leaderboard.evaluate.curve.kept import CurveFile

METRIC: Final = "R_traj"
_GRID: Final = 60  # places at which the seeds of one agent are averaged


def learning_charts(entries: Sequence[Entry], place: str = "") -> list[Chart]:
    """The curves that the submissions of these entries hold, one line an entry; nothing where none holds any.

    `place` goes into the titles where a page has charts of several environments.
    """
    told = {entry.id: curves for entry in entries if (curves := entry.curves()) is not None}
    known = [entry for entry in entries if entry.id in told]
    charts = [_while_training(known, told), *(_tested(known, told, unit) for unit in UNITS)]
    found = [drawn for drawn in charts if drawn is not None]
    return [replace(drawn, title=f"{drawn.title}, {place}") for drawn in found] if place else found


def _while_training(entries: Sequence[Entry], told: Mapping[str, CurveFile]) -> Chart | None:
    lines: list[Line] = []
    for entry in entries:
        seeds = [curve for curve in told[entry.id].training if curve.task == entry.task]
        if seeds:
            lines.append(_averaged(entry, seeds, len(lines)))
    if not lines:
        return None
    last = max(line.xs[-1] for line in lines)
    low, high = _range([y for line in lines for band in line.band if band is not None for y in band])
    return chart(
        "Reward while training",
        "Mean return of training sessions, as the harness metered it, with the range over training seeds. Agents "
        "explore while they train: this is not yet what they earn in test.",
        "training steps", "return of a session", lines,
        x_ticks=(0, *(t for t in geometry.step_ticks(math.ceil(last)) if t)),
        y_ticks=geometry.round_ticks(low, high), y_range=(low, high),
    )  # fmt: skip


def _averaged(entry: Entry, seeds: Sequence[TrainingCurve], style: int) -> Line:
    """Mean and range over training seeds, at places that all of them reach."""
    places = [[point.steps for point in curve.points] for curve in seeds]
    grid = np.linspace(max(p[0] for p in places), max(min(p[-1] for p in places), max(p[0] for p in places)), _GRID)
    returns = np.stack([
        np.interp(grid, at, [point.mean_return for point in curve.points])
        for at, curve in zip(places, seeds, strict=True)
    ])  # fmt: skip
    band = list(zip(returns.min(axis=0).tolist(), returns.max(axis=0).tolist(), strict=True))
    return Line(entry.label, grid.tolist(), returns.mean(axis=0).tolist(), style, _href(entry), band)


def _tested(entries: Sequence[Entry], told: Mapping[str, CurveFile], unit: str) -> Chart | None:
    """What was learned, played on test users, after budgets in one unit; budgets on a logarithmic scale."""
    found = [(entry, curve) for entry in entries for curve in told[entry.id].tested if _fits(entry, curve, unit)]
    lines = [_line(entry, curve, n) for n, (entry, curve) in enumerate(found)]
    if not lines:
        return None
    budgets = sorted({budget for _, curve in found for budget in curve.plan.at})
    low, high = _range([y for line in lines for band in line.band if band is not None for y in band])
    return chart(
        f"Reward after training: {UNITS[unit]}",
        "Mean return of test sessions after training with each budget, with 95 % intervals. Told by the submitter: "
        "replay does not check it.",
        f"{UNITS[unit]}, log scale", METRIC, lines,
        x_ticks=[_place(budget) for budget in budgets], x_labels=[text.compact(budget) for budget in budgets],
        y_ticks=geometry.round_ticks(low, high), y_range=(low, high),
    )  # fmt: skip


def _fits(entry: Entry, curve: LearningCurve, unit: str) -> bool:
    task = curve.plan.task
    return curve.plan.unit == unit and (task.env_id, task.options) == (entry.row.env_id, entry.row.options)


def _line(entry: Entry, curve: LearningCurve, style: int) -> Line:
    estimates = [point.metrics.get(METRIC) for point in curve.points]
    places = [_place(point.budget) for point in curve.points]
    ys = [None if e is None else e.value for e in estimates]
    return Line(entry.label, places, ys, style, _href(entry), [_interval(e) for e in estimates])


def _interval(e: Estimate | None) -> tuple[float, float] | None:
    if e is None:
        return None
    return (e.value, e.value) if e.low is None or e.high is None else (e.low, e.high)


def _place(budget: float) -> float:
    return math.log10(1 + budget)


def _href(entry: Entry) -> str:
    return f"../agents/{entry.agent_id}.html"


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(0.0, *values), max(0.0, *values)
    return low, 1.05 * high if high > low else low + 1
