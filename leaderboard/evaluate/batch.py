"""`evaluate`: agents on a suite, from plans to submissions. Given again, it goes on where it stopped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from leaderboard import provenance
from leaderboard.evaluate.attach import attach
from leaderboard.evaluate.build import Plan, make_plan, with_learned
from leaderboard.evaluate.cell import Answers, CellSpec
from leaderboard.evaluate.checkpoint import CASSETTE, Discard, RunFolder, is_finished, is_settled, load_cell
from leaderboard.evaluate.executor import Event, Executor, make_executor, run_cells
from leaderboard.evaluate.learned import take
from leaderboard.files import alone_in, file_sha256, read_model, write_json
from leaderboard.prices import prices_sha256
from leaderboard.schema import Disclosure, Isolation, Submission, Suite, as_line, json_hash
from leaderboard.traces import concatenate, write_trace
from leaderboard.usage import waited
from recsim_envs.errors import LongrecError

DEFAULT_LANES = 256


@dataclass(frozen=True)
class Job:
    """One run to do: an agent, its parameters, and the folder that the run lives in."""

    agent: str
    path: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    disclosure: Disclosure = field(default_factory=Disclosure)
    discard: Discard = "never"
    load: Path | None = None
    """A folder of `longrec train` that is loaded instead of training."""
    isolation: Isolation | None = None
    """Limits of an agent that runs in a process of its own; None: a Python agent runs inside the harness."""
    contact: str = ""
    record: bool = False
    """Whether answers of language models are recorded into a cassette that goes with the submission."""
    replay: Path | None = None
    """A cassette that all answers come from instead."""

    @property
    def answers(self) -> Answers | None:
        """What is done with answers of language models."""
        if self.replay is not None:
            return Answers(self.replay, replay=True)
        return Answers(self.path / CASSETTE) if self.record else None


Watch = Callable[[Sequence[CellSpec], Event], None]
"""Called with the cells of this batch and each event; the event's number is an index into them."""


def run_path(out: Path, suite: Suite, agent: str, parameters: Mapping[str, Any]) -> Path:
    """Where a run lives by default: <out>/<suite>/<agent>, with a hash of the parameters where there are some."""
    name = re.sub(r"[^A-Za-z0-9_.+-]+", ".", agent)[:80]
    return out / suite.name / (f"{name}-{json_hash(dict(parameters))[:8]}" if parameters else name)


def evaluate(job: Job, suite: Suite, **options: Any) -> Submission:
    """Run one job; options as in `evaluate_all`. Raises what made it fail; finished cells are kept."""
    failures = evaluate_all([job], suite, **options)
    if failures:
        raise failures[0]
    return read_model(job.path / "submission.json", Submission)


def evaluate_all(
    jobs: Sequence[Job],
    suite: Suite,
    *,
    workers: int = 0,
    executor: Executor[CellSpec] | None = None,
    num_lanes: int = DEFAULT_LANES,
    watch: Watch | None = None,
) -> dict[int, LongrecError]:
    """Run jobs on one executor, by default on `workers` processes here, and write their submissions.

    `workers` 0 is one a core. Neither that nor `num_lanes` changes a result. A job that fails does not stop the
    others; the errors are returned by index into `jobs`. Errors in a job's plan, and `ConfigurationError` for a folder
    that another process is at work in, are raised before any is run.
    """
    plans = [_plan(job, suite) for job in jobs]
    executor = make_executor("local", workers=workers) if executor is None else executor
    with alone_in(*(job.path for job in jobs if not is_settled(job.path, job.discard))):
        runs = [open_run(job, plan) for job, plan in zip(jobs, plans, strict=True)]
        return run_all(runs, executor, num_lanes=num_lanes, watch=watch)


def _plan(job: Job, suite: Suite) -> Plan:
    plan = make_plan(job.agent, job.parameters, suite, isolation=job.isolation)
    return plan if job.load is None else with_learned(plan, job.load)


class Run(NamedTuple):
    """A job and its folder, which knows the plan."""

    job: Job
    folder: RunFolder


def open_run(job: Job, plan: Plan) -> Run:
    """Make or find the job's folder. Raises `ConfigurationError` if it holds another run, see `Job.discard`."""
    folder = RunFolder(job.path, plan, discard=job.discard)
    if job.load is not None:
        take(job.load, job.path)
    return Run(job, folder)


def run_all(
    runs: Sequence[Run],
    executor: Executor[CellSpec],
    *,
    num_lanes: int = DEFAULT_LANES,
    watch: Watch | None = None,
    wanted: Callable[[CellSpec], bool] = lambda spec: True,
    keep_going: bool = False,
) -> dict[int, LongrecError]:
    """Run those cells of `runs` that are `wanted` and not finished, and write the submissions that are complete.

    Of runs that are for tuning no submission comes; their cells stay. The cells of a run that has failed are skipped
    unless `keep_going`; other runs always go on. Returns an error of each failed run by index into `runs`.
    """
    todo = [
        (n, spec)
        for n, (job, folder) in enumerate(runs)
        if folder.submission() is None
        for spec in folder.specs(job.agent, num_lanes, job.answers)
        if wanted(spec) and not is_finished(spec)
    ]
    specs = [spec for _, spec in todo]
    on_event = (lambda event: watch(specs, event)) if watch is not None else (lambda event: None)
    failed = run_cells(specs, executor, on_event, keep_going=keep_going) if specs else {}
    for job, folder in runs:
        if not folder.plan.tuning and folder.submission() is None and folder.is_whole():
            finish(job, folder)
    return {todo[i][0]: error for i, error in failed.items()}


def finish(job: Job, folder: RunFolder) -> None:
    """Join the cells into a submission. `submission.json` comes last: what has it is complete."""
    specs = folder.specs(job.agent, 1)
    loaded = [load_cell(spec) for spec in specs]
    cells = tuple(cell for _, cell in loaded)
    wall, waited_for = sum(c.train_seconds + c.test_seconds for c in cells), waited(cells)
    traces = folder.path / "traces.parquet"
    write_trace(traces, concatenate([trace for trace, _ in loaded]))
    plan, (commit, dirty) = folder.plan, provenance.commit()
    submission = Submission(
        created=datetime.now(timezone.utc).replace(microsecond=0),
        agent=plan.agent,
        suite=plan.suite,
        suite_hash=plan.suite.hash,
        declared=plan.suite.budget,
        worlds=plan.worlds,
        fingerprints=plan.fingerprints,
        logs=plan.logs,
        learned=plan.learned,
        cells=cells,
        traces_sha256=file_sha256(traces),
        command=tuple(map(as_line, job.command[:64])),
        packages=provenance.packages(plan.agent.entry_point),
        commit=commit,
        dirty=dirty,
        machine=provenance.machine(),
        wall_seconds=round(wall, 3),
        working_seconds=None if waited_for is None else round(max(wall - waited_for, 0.0), 3),
        disclosure=job.disclosure.model_copy(update={"hidden_state": plan.agent.privileged}),
        isolation=plan.isolation,
        configuration=provenance.configuration(plan.agent, plan.isolation),
        seeds=provenance.seeds(plan.agent, plan.learned, cells),
        prices_sha256=prices_sha256(),
        files=attach(folder.path, specs, job.answers),
        contact=job.contact,
    )
    write_json(folder.path / "submission.json", submission)
    folder.discard_cells()
