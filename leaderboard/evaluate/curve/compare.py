"""Learning curves of several agents beside each other: at the same budgets, on the same users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leaderboard.evaluate.curve.plan import CurvePlan, LearningCurve
from leaderboard.evaluate.curve.results import sums_of
from leaderboard.evaluate.curve.run import load_points
from leaderboard.files import read_model
from leaderboard.schema import Estimate
from leaderboard.stats import difference, mean
from recsim_envs.errors import ConfigurationError

COMPARED: Final = ("R_traj", "Len")
_SHARED: Final = ("env_id", "options", "episodes")  # of the task; its log may differ


@dataclass(frozen=True)
class Comparison:
    """One metric of one curve at one budget, and that less the first curve's there, paired by user.

    `less_first` is None of the first curve itself, and where the first curve has no point at this budget.
    """

    curve: int
    budget: int
    metric: str
    value: Estimate
    less_first: Estimate | None


def read_curves(folders: Sequence[Path]) -> list[LearningCurve]:
    """Read finished curves. Raises `ConfigurationError` for a folder without one."""
    missing = [folder for folder in folders if not (folder / "learning_curve.json").is_file()]
    if missing:
        raise ConfigurationError(f"{missing[0]} holds no finished learning curve; make it with longrec train --curve")
    return [read_model(folder / "learning_curve.json", LearningCurve, ConfigurationError) for folder in folders]


def load_curves(folders: Sequence[Path]) -> list[LearningCurve]:
    """Curves to be compared. Raises what `read_curves` raises, and `ConfigurationError` where they share no axes."""
    curves = read_curves(folders)
    for folder, curve in zip(folders, curves, strict=True):
        if (other := _difference(curves[0].plan, curve.plan)) is not None:
            raise ConfigurationError(f"{folders[0]} and {folder} differ in {other}, so their curves cannot be compared")
    return curves


def compare(folders: Sequence[Path], curves: Sequence[LearningCurve]) -> list[Comparison]:
    """Every metric of every point beside the first curve's; sessions are replayed."""
    plans = [curve.plan for curve in curves]
    sums = [sums_of(plan, load_points(folder, plan))[1] for folder, plan in zip(folders, plans, strict=True)]
    first = dict(zip(plans[0].at, sums[0], strict=True))
    found = []
    for n, (plan, points) in enumerate(zip(plans, sums, strict=True)):
        for budget, point in zip(plan.at, points, strict=True):
            for metric in (m for m in COMPARED if m in point):
                base = first.get(budget, {}).get(metric) if n else None
                less = difference(point[metric], base) if base is not None else None
                if (value := mean(point[metric])) is not None:
                    found.append(Comparison(n, budget, metric, value, less))
    return found


def _difference(one: CurvePlan, other: CurvePlan) -> str | None:
    for name in _SHARED:
        if getattr(one.task, name) != getattr(other.task, name):
            return f"task.{name} ({getattr(one.task, name)} and {getattr(other.task, name)})"
    if one.unit != other.unit:
        return f"unit ({one.unit} and {other.unit})"
    for name in ("world", "fingerprint"):
        if getattr(one, name) != getattr(other, name):
            return name
    return None
