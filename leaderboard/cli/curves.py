"""What `longrec train --curve` does and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from leaderboard.cli.output import Stages, print_json, print_table, say

if TYPE_CHECKING:
    from leaderboard.evaluate.curve.plan import CurvePoint, LearningCurve
    from leaderboard.schema import Estimate

_COLUMNS = ("episodes", "R_traj", "95 %", "Len", "95 %", "Len, less the first", "calls", "repaired", "fallback", "AUC")


def train_curve(
    agent: str,
    parameters: Mapping[str, Any],
    env: str,
    options: Mapping[str, Any],
    *,
    out: Path,
    episodes: int,
    at: str | None,
    first_seed: int,
    seeds: int,
    sessions: int | None,
    json: bool,
) -> None:
    """Make the curve, going on where an earlier command stopped, and print it."""
    from leaderboard.evaluate.curve.plan import SESSIONS, make_curve_plan
    from leaderboard.evaluate.curve.run import learning_curve

    plan = make_curve_plan(
        agent, parameters, env, options,
        at=budgets(at, episodes), training_seeds=range(first_seed, first_seed + seeds), sessions=sessions or SESSIONS,
    )  # fmt: skip
    with Stages(quiet=json) as stages:
        curve = learning_curve(agent, plan, out, stages)
    if json:
        print_json(curve)
        return
    _print(curve)
    say(f"written to {out}: learning_curve.json, learning_curve.svg, and the first seed's agent")


def budgets(at: str | None, episodes: int) -> Sequence[int]:
    """The budgets named in `at`, or the default ones up to `episodes`. Raises `ConfigurationError` if unreadable."""
    from leaderboard.evaluate.curve.plan import default_budgets
    from recsim_envs.errors import ConfigurationError

    if at is None:
        return default_budgets(episodes)
    try:
        return [int(part) for part in at.split(",")]
    except ValueError:
        raise ConfigurationError(f"--curve-at {at!r} is no list of episodes; give numbers, such as 0,10,25") from None


def _print(curve: LearningCurve) -> None:
    plan = curve.plan
    seeds = f"{len(plan.training_seeds)} training seed{'s' if len(plan.training_seeds) > 1 else ''}"
    title = f"{plan.agent.name} on {plan.task.env_id}: {plan.task.episodes} sessions of {curve.users} users, {seeds}"
    print_table(title, _COLUMNS, [_line(point) for point in curve.points], figures=len(_COLUMNS) - 1)
    for metric in ("R_traj", "Len"):
        change = curve.points[-1].less_first.get(metric)
        told = f" {change.value:+.2f} {_interval(change)}".rstrip() if change is not None else ""
        typer.echo(f"{metric} from {plan.at[0]} to {plan.at[-1]} training episodes:{told}: {curve.verdict(metric)}")


def _line(point: CurvePoint) -> list[str]:
    measures = point.measures
    cells = [str(point.episodes)]
    for metric in ("R_traj", "Len"):
        found = point.metrics.get(metric)
        cells += ["", ""] if found is None else [f"{found.value:.2f}", _interval(found)]
    less = point.less_first.get("Len")
    cells.append("" if less is None else f"{less.value:+.2f} {_interval(less)}".rstrip())
    cells.append(_figure(measures["calls_per_decision"], ".2f"))
    cells += [_figure(measures[name], ".1%") for name in ("repaired", "fallback")]
    return [*cells, _figure(measures["critic_auc"], ".2f")]


def _interval(estimate: Estimate) -> str:
    return "" if estimate.low is None else f"[{estimate.low:.2f}, {estimate.high:.2f}]"


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
