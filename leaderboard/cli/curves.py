"""What `longrec train --curve` does and prints, and `longrec curves`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.output import AsJson, Stages, print_json, print_table, say

if TYPE_CHECKING:
    from leaderboard.evaluate.curve.compare import Comparison
    from leaderboard.evaluate.curve.plan import CurvePlan, CurvePoint, LearningCurve
    from leaderboard.schema import Estimate

app = typer.Typer()

_FIGURES = ("R_traj", "95 %", "Len", "95 %", "Len, less the first", "Len, seeds' sd", "R_traj, gap")
_TOLD = {"calls_per_decision": ("calls", ".2f"), "repaired": ("repaired", ".1%"), "fallback": ("fallback", ".1%"),
         "critic_auc": ("AUC", ".2f")}  # fmt: skip


def train_curve(agent: str, plan: CurvePlan, *, out: Path, workers: int, json: bool) -> None:
    """Make the curve, going on where an earlier command stopped, and print it."""
    from leaderboard.evaluate.curve.run import learning_curve

    with Stages(quiet=json) as stages:
        curve = learning_curve(agent, plan, out, stages, workers=workers)
    if json:
        print_json(curve)
        return
    _print(curve)
    say(f"written to {out}: learning_curve.json, learning_curve.svg, and the first seed's agent")


@app.command("compare")
def compare_curves(
    folders: Annotated[list[Path], typer.Argument(help="Folders of finished learning curves of one environment.")],
    out: Annotated[Path | None, typer.Option(help="SVG with all of them. Default: none is drawn.")] = None,
    json: AsJson = False,
) -> None:
    """Learning curves of several agents in one table and one picture, with paired differences from the first.

    Example:  longrec curves compare runs/curve-billp runs/curve-ppo --out runs/curves.svg
    """
    from leaderboard.evaluate.curve.compare import compare, load_curves
    from leaderboard.evaluate.curve.picture import labels, picture
    from leaderboard.evaluate.curve.plan import UNITS
    from leaderboard.files import atomic_path

    curves = load_curves(folders)
    found, names = compare(folders, curves), labels(curves)
    if out is not None:
        with atomic_path(out) as scratch:
            scratch.write_text(picture(curves), "utf-8")
    if json:
        print_json([_record(line, names) for line in found])
        return
    print_table(
        f"{curves[0].plan.task.env_id}: {curves[0].plan.task.episodes} test sessions, less {names[0]} paired by user",
        (UNITS[curves[0].plan.unit], "metric", "agent", "value, 95 %", "less the first, 95 %"),
        [_compared(line, names) for line in sorted(found, key=lambda c: (c.metric != "R_traj", c.budget, c.curve))],
    )
    if out is not None:
        say(f"drawn in {out}")


def _record(line: Comparison, names: Sequence[str]) -> Mapping[str, Any]:
    less = None if line.less_first is None else line.less_first.model_dump()
    return {"agent": names[line.curve], "budget": line.budget, "metric": line.metric,
            "value": line.value.model_dump(), "less_first": less}  # fmt: skip


def _compared(line: Comparison, names: Sequence[str]) -> list[str]:
    less = line.less_first
    told = "" if less is None else f"{less.value:+.2f} {_interval(less)}".rstrip()
    value = f"{line.value.value:.2f} {_interval(line.value)}".rstrip()
    return [str(line.budget), line.metric, names[line.curve], value, told]


def budgets(text: str | None, largest: int, unit: str = "episodes") -> Sequence[int]:
    """The budgets named in `text`, or the default ones up to `largest`. Raises `ConfigurationError` if unreadable."""
    from leaderboard.evaluate.curve.plan import default_budgets
    from recsim_envs.errors import ConfigurationError

    if text is None:
        return default_budgets(largest, unit)
    try:
        return [amount(part) for part in text.split(",")]
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is no list of budgets; give whole numbers, such as 0,10,100,1k,1M"
        ) from None


def amount(text: str) -> int:
    """A whole number, perhaps with k for thousand or M for million. Raises `ValueError` for anything else.

    >>> [amount(text) for text in ("25", "1k", "2.5k", "1M")]
    [25, 1000, 2500, 1000000]
    """
    text = text.strip()
    size = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    number = float(text[:-1]) * size if size > 1 else int(text)
    if number != int(number):
        raise ValueError(f"{text} is no whole number")
    return int(number)


def _print(curve: LearningCurve) -> None:
    plan = curve.plan
    seeds = f"{len(plan.training_seeds)} training seed" + ("s" if len(plan.training_seeds) > 1 else "")
    title = f"{plan.agent.name} on {plan.task.env_id}: {plan.task.episodes} sessions of {curve.users} users, {seeds}"
    told = [name for name in _TOLD if any(point.measures[name] is not None for point in curve.points)]
    columns = (plan.unit, *_FIGURES, *(_TOLD[name][0] for name in told))
    print_table(title, columns, [_line(point, told) for point in curve.points], figures=len(columns) - 1)
    for metric in ("R_traj", "Len"):
        change = curve.points[-1].less_first.get(metric)
        text = f" {change.value:+.2f} {_interval(change)}".rstrip() if change is not None else ""
        typer.echo(f"{metric} from {plan.at[0]} to {plan.words(plan.at[-1])}:{text}: {curve.verdict(metric)}")


def _line(point: CurvePoint, told: Sequence[str]) -> list[str]:
    cells = [str(point.budget)]
    for metric in ("R_traj", "Len"):
        found = point.metrics.get(metric)
        cells += ["", ""] if found is None else [f"{found.value:.2f}", _interval(found)]
    less, gap = point.less_first.get("Len"), point.gap.get("R_traj")
    cells += [
        "" if less is None else f"{less.value:+.2f} {_interval(less)}".rstrip(),
        _figure(point.spread.get("Len"), ".2f"),
        "" if gap is None else f"{gap.value:+.2f} {_interval(gap)}".rstrip(),
    ]
    return [*cells, *(_figure(point.measures[name], _TOLD[name][1]) for name in told)]


def _interval(estimate: Estimate) -> str:
    return "" if estimate.low is None else f"[{estimate.low:.2f}, {estimate.high:.2f}]"


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
