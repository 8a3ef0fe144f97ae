"""`run_sweep`: all cells of a sweep, whatever becomes of each. Given again, it goes on where it stopped.

sweep.json    the file, its cells with what became of each, who was left out, and why
results.csv   one row a cell
runs/...      a folder a run, as of `longrec evaluate`: a submission once all of its cells are done
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from leaderboard.evaluate.batch import DEFAULT_LANES, Job, Run, Watch, run_all
from leaderboard.evaluate.cell import CellSpec
from leaderboard.evaluate.checkpoint import RunFolder
from leaderboard.evaluate.executor import Executor
from leaderboard.files import alone_in, write_json
from leaderboard.schema import Disclosure, Line, Stored, as_line
from leaderboard.sweep.cells import CellRow, noting, rows_of, worth_running, write_csv
from leaderboard.sweep.expand import Expanded
from leaderboard.sweep.schema import SweepFile
from leaderboard.words import suggestion
from recsim_envs.errors import ConfigurationError, LongrecError


class SweepRecord(Stored):
    """`sweep.json`."""

    schema_version: Literal[1] = 1
    sweep: SweepFile
    command: tuple[Line, ...]
    cells: tuple[CellRow, ...]
    left_out: tuple[str, ...]

    def count(self, status: str) -> int:
        """How many cells have this status: "done", "failed" or "open"."""
        return sum(row.status == status for row in self.cells)


FILTERS: Final[Mapping[str, Callable[[CellSpec], Any]]] = {
    "agent": lambda spec: spec.plan.agent.name,
    "env": lambda spec: spec.plan.suite.tasks[spec.task].env_id,
    "track": lambda spec: spec.plan.suite.track,
    "seed": lambda spec: spec.training_seed,
    "suite": lambda spec: spec.plan.suite.name,
}
"""What `--only KEY=VALUE` may ask for."""


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is run; none of it changes a result.

    only          values by key of `FILTERS`: cells that have one of the values of each key
    retry_failed  run cells again that failed by their agent's fault
    """

    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retry_failed: bool = False
    num_lanes: int = DEFAULT_LANES
    command: tuple[str, ...] = ()


def open_runs(expanded: Expanded, out: Path, command: tuple[str, ...] = (), *, make: bool = True) -> list[Run]:
    """The folders of a sweep's runs, which are made if they do not exist, unless they are only to be looked at."""
    runs = []
    for c in expanded.runs:
        job = Job(c.agent, out / c.folder, c.parameters, command, Disclosure(tuning=c.tuning))
        runs.append(Run(job, RunFolder(job.path, c.plan, make=make)))
    return runs


def run_sweep(
    expanded: Expanded, out: Path, executor: Executor[CellSpec], options: SweepOptions, watch: Watch | None = None
) -> SweepRecord:
    """Run what is missing and write what was found. A cell that fails stops no other.

    Raises `ConfigurationError` for filters that no cell passes and a folder that another process is at work in, and
    what makes the executor give up; the files are written then, too.
    """
    with alone_in(out):
        runs = open_runs(expanded, out, options.command)
        passes = only(options.only, runs)

        def wanted(spec: CellSpec) -> bool:
            return passes(spec) and worth_running(spec, options.retry_failed)

        try:
            run_all(runs, executor, num_lanes=options.num_lanes, watch=noting(watch), wanted=wanted, keep_going=True)
        except LongrecError:
            record(expanded, runs, out, options.command)
            raise
        return record(expanded, runs, out, options.command)


def record(expanded: Expanded, runs: list[Run], out: Path, command: tuple[str, ...]) -> SweepRecord:
    """Write `sweep.json` and `results.csv` from the folders of the runs."""
    rows = rows_of(runs, out)
    told = SweepRecord(
        sweep=expanded.sweep,
        command=tuple(map(as_line, command)),
        cells=tuple(rows),
        left_out=expanded.left_out,
    )
    write_csv(out / "results.csv", rows)
    write_json(out / "sweep.json", told)
    return told


def only(filters: Mapping[str, tuple[str, ...]], runs: list[Run]) -> Callable[[CellSpec], bool]:
    """Whether a cell passes. Raises `ConfigurationError` with the nearest words for a key or value of no cell."""
    specs = [spec for run in runs for spec in run.folder.specs(run.job.agent, 1)]
    for key, values in filters.items():
        if key not in FILTERS:
            raise ConfigurationError(f"--only {key}=... does not exist{suggestion(key, list(FILTERS))}")
        known = {str(FILTERS[key](spec)) for spec in specs}
        for value in values:
            if value not in known:
                raise ConfigurationError(f"--only {key}={value}: no cell has it{suggestion(value, sorted(known))}")
    return lambda spec: all(str(FILTERS[key](spec)) in values for key, values in filters.items())
