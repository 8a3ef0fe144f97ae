"""What became of cells: figures of the finished, errors of the failed, one row a cell, stragglers named."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np

from leaderboard import seeds
from leaderboard.evaluate.batch import Run, Watch
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.cell import CellSpec
from leaderboard.evaluate.checkpoint import load_cell
from leaderboard.evaluate.executor import Event, is_slow
from leaderboard.files import atomic_path, read_model, write_json
from leaderboard.metrics import METRICS, Outcomes
from leaderboard.replay import verify
from leaderboard.schema import (
    Cell,
    EnvId,
    Finite,
    Json,
    Line,
    LogRef,
    Name,
    Seconds,
    SpentBudget,
    Stored,
    Track,
    TrainingSeed,
)
from leaderboard.stepping import LANES, replay_episodes
from recsim_envs.errors import AgentError, ConfigurationError, WorkerLostError

Figures = tuple[float, float, Cell]
"""R_traj and Len of one cell, see `leaderboard.metrics`, and its record."""


class Failure(Stored):
    """`<cell>.failed.json`, beside where the cell's file would be. `again`: it was not the agent's fault."""

    error: Line
    message: str
    again: bool
    node: Line = ""


class CellRow(Stored):
    """One row of `results.csv`. Figures are replayed, those of a cell that is not done are None.

    log   of track offline; None elsewhere, and in files that were written before it was kept
    """

    agent: Name
    parameters: Json
    env_id: EnvId
    options: Json
    suite: Name
    track: Track
    limit: SpentBudget | None
    log: LogRef | None = None
    training_seed: TrainingSeed
    status: Literal["done", "failed", "open"]
    mean_return: Finite | None = None
    mean_length: Finite | None = None
    spent: SpentBudget | None = None
    train_seconds: Seconds | None = None
    test_seconds: Seconds | None = None
    straggler: bool = False
    error: str = ""
    run: str = ""

    @property
    def seconds(self) -> float | None:
        """Of training and testing together."""
        return None if self.train_seconds is None else self.train_seconds + (self.test_seconds or 0.0)


COLUMNS: Final = (
    "agent", "parameters", "env_id", "options", "suite", "track", "limit", "log", "training_seed", "status", "return",
    "Len", "spent_episodes", "spent_steps", "train_seconds", "test_seconds", "seconds", "straggler", "error", "run",
)  # fmt: skip
"""Of `results.csv`, in order; parameters, options, limit and log are JSON."""


def failure_path(spec: CellSpec) -> Path:
    """Where a cell's failure is noted."""
    return spec.path.with_suffix(".failed.json")


def known_failure(spec: CellSpec) -> Failure | None:
    """Why a cell failed the last time, if it did."""
    file = failure_path(spec)
    return read_model(file, Failure, ConfigurationError) if file.exists() else None


def worth_running(spec: CellSpec, retry_failed: bool) -> bool:
    """Whether a cell may end in another way than before: one that failed by its agent's fault would fail again."""
    failure = known_failure(spec)
    return failure is None or failure.again or retry_failed


def noting(watch: Watch | None) -> Watch:
    """A watch that writes down what fails, and tells `watch` of everything."""

    def told(specs: Sequence[CellSpec], event: Event) -> None:
        note(specs[event.cell], event)
        if watch is not None:
            watch(specs, event)

    return told


def note(spec: CellSpec, event: Event) -> None:
    """Write down that a cell has failed, or forget that it had."""
    if event.error is not None:
        kind, fault = type(event.error).__name__, event.error
        again = isinstance(fault, WorkerLostError) or not isinstance(fault, AgentError)
        write_json(failure_path(spec), Failure(error=kind, message=str(fault), again=again, node=event.node))
    elif event.phase == "done":
        failure_path(spec).unlink(missing_ok=True)


def rows_of(runs: Sequence[Run], out: Path) -> list[CellRow]:
    """One row for each cell of `runs`, in order."""
    rows: list[tuple[tuple[str, ...], CellRow]] = []  # with what makes cells peers, who should take about as long
    for run in runs:
        figures = _figures(run)
        for spec in run.folder.specs(run.job.agent, 1):
            rows.append((spec.peers, _row(spec, figures.get((spec.task, spec.training_seed)), out)))
    seconds: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for peers, row in rows:
        if row.seconds is not None:
            seconds[peers].append(row.seconds)
    return [_judged(row, seconds[peers]) for peers, row in rows]


def _judged(row: CellRow, seconds: Sequence[float]) -> CellRow:
    """The row, with whether its cell took far longer than its peers; `seconds` are those of all, its own too."""
    if row.seconds is None:
        return row
    others = list(seconds)
    others.remove(row.seconds)
    return row.model_copy(update={"straggler": is_slow(row.seconds, others)})


def _figures(run: Run) -> dict[tuple[int, int], Figures]:
    """Figures of the finished cells of a run, by task and training seed; every session is replayed."""
    folder, found = run.folder, {}
    submission = folder.submission()
    if submission is not None:
        outcomes = verify(folder.path).outcomes
        for cell in submission.cells:
            row = submission.suite.training_seeds.index(cell.training_seed)
            found[cell.task, cell.training_seed] = (*means(outcomes[cell.task], row), cell)
        return found
    for spec in folder.specs(run.job.agent, 1):
        if spec.path.exists():
            found[spec.task, spec.training_seed] = cell_figures(spec)
    return found


def cell_figures(spec: CellSpec) -> Figures:
    """Figures of one finished cell, from its file."""
    trace, cell = load_cell(spec)
    plan, task = spec.plan, spec.plan.suite.tasks[spec.task]
    promised = seeds.episode_seeds(plan.seed_name, task.env_id, task.episodes)
    simulator = simulator_for(task, min(LANES, task.episodes), plan.splits[1])
    return (*means(replay_episodes(task, promised, simulator, trace), 0), cell)


def means(outcomes: Outcomes, row: int) -> tuple[float, float]:
    """R_traj and Len of one training seed, a row of `outcomes`."""
    found = []
    for name in ("R_traj", "Len"):
        ratio = METRICS[name].ratio
        assert ratio is not None
        numerator, denominator = ratio(outcomes)
        found.append(float(np.asarray(numerator)[row].sum() / np.asarray(denominator)[row].sum()))
    return found[0], found[1]


def _row(spec: CellSpec, figures: Figures | None, out: Path) -> CellRow:
    plan, task = spec.plan, spec.plan.suite.tasks[spec.task]
    run = spec.path.parent.parent
    common = CellRow(
        agent=plan.agent.name,
        parameters=plan.agent.parameters,
        env_id=task.env_id,
        options=task.options,
        suite=plan.suite.name,
        track=plan.suite.track,
        limit=plan.suite.limit,
        log=task.log,
        training_seed=spec.training_seed,
        status="open",
        run=str(run.relative_to(out)),
    )
    if figures is None:
        failure = known_failure(spec)
        failed = {} if failure is None else {"status": "failed", "error": f"{failure.error}: {failure.message}"}
        return common.model_copy(update=failed)
    earned, length, cell = figures
    return common.model_copy(
        update={
            "status": "done",
            "mean_return": earned,
            "mean_length": length,
            "spent": cell.spent,
            "train_seconds": cell.train_seconds,
            "test_seconds": cell.test_seconds,
        }
    )


def write_csv(path: Path, rows: Sequence[CellRow]) -> None:
    """`results.csv`, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_values, rows))
    with atomic_path(path) as scratch:
        scratch.write_text(text.getvalue(), "utf-8")


def _values(row: CellRow) -> list[object]:
    def plain(value: Mapping[str, object]) -> str:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)

    limit, log = ("" if part is None else plain(part.model_dump(exclude_none=True)) for part in (row.limit, row.log))
    spent = row.spent or SpentBudget()
    return [
        row.agent, plain(row.parameters), row.env_id, plain(row.options), row.suite, row.track, limit, log,
        row.training_seed, row.status, row.mean_return, row.mean_length, spent.episodes, spent.steps,
        row.train_seconds, row.test_seconds, row.seconds, row.straggler, row.error, row.run,
    ]  # fmt: skip
