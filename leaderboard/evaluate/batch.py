"""`evaluate`: agents on a suite, from plans to submissions. Given again, it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from leaderboard import provenance
from leaderboard.evaluate.build import make_plan
from leaderboard.evaluate.cell import CellSpec
from leaderboard.evaluate.checkpoint import Discard, RunFolder, is_finished, load_cell
from leaderboard.evaluate.executor import Event, run_cells, usable_cores
from leaderboard.files import file_sha256, read_model, write_json
from leaderboard.schema import Disclosure, Submission, Suite, json_hash
from leaderboard.traces import concatenate, write_trace
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


Watch = Callable[[Sequence[CellSpec], Event], None]
"""Called with the cells of this batch and each event; the event's number is an index into them."""


def run_path(out: Path, suite: Suite, agent: str, parameters: Mapping[str, Any]) -> Path:
    """Where a run lives by default: <out>/<suite>/<agent>, with a hash of the parameters where there are some."""
    name = agent.replace(":", ".")
    return out / suite.name / (f"{name}-{json_hash(dict(parameters))[:8]}" if parameters else name)


def evaluate(job: Job, suite: Suite, **options: Any) -> Submission:
    """Run one job; options as in `evaluate_all`. Raises what made it fail; finished cells are kept."""
    failures = evaluate_all([job], suite, **options)
    if failures:
        raise failures[0]
    return read_model(job.path / "submission.json", Submission)


def evaluate_all(
    jobs: Sequence[Job], suite: Suite, *, workers: int = 0, num_lanes: int = DEFAULT_LANES, watch: Watch | None = None
) -> dict[int, LongrecError]:
    """Run jobs over one set of worker processes and write their submissions.

    `workers` 0 is one a core. Neither it nor `num_lanes` changes a result. A job that fails does not stop the
    others; the errors are returned by index into `jobs`. Errors in a job's plan are raised before any is run.
    """
    folders = [RunFolder(j.path, make_plan(j.agent, j.parameters, suite), discard=j.discard) for j in jobs]
    todo = [
        (n, spec)
        for n, (job, folder) in enumerate(zip(jobs, folders, strict=True))
        if folder.submission() is None
        for spec in folder.specs(job.agent, num_lanes)
        if not is_finished(spec)
    ]
    specs = [spec for _, spec in todo]
    on_event = (lambda event: watch(specs, event)) if watch is not None else (lambda event: None)
    failed = run_cells(specs, workers or usable_cores(), on_event) if specs else {}
    failures = {todo[i][0]: error for i, error in failed.items()}
    for n, (job, folder) in enumerate(zip(jobs, folders, strict=True)):
        if n not in failures and folder.submission() is None:
            _finish(job, folder)
    return failures


def _finish(job: Job, folder: RunFolder) -> None:
    """Join the cells into a submission. `submission.json` comes last: what has it is complete."""
    loaded = [load_cell(spec) for spec in folder.specs(job.agent, 1)]
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
        cells=tuple(cell for _, cell in loaded),
        traces_sha256=file_sha256(traces),
        command=tuple(part[:500] for part in job.command[:64]),
        packages=provenance.packages(),
        commit=commit,
        dirty=dirty,
        machine=provenance.machine(),
        wall_seconds=round(sum(c.train_seconds + c.test_seconds for _, c in loaded), 3),
        disclosure=job.disclosure.model_copy(update={"hidden_state": plan.agent.privileged}),
    )
    write_json(folder.path / "submission.json", submission)
    folder.discard_cells()
