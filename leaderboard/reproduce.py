"""`reproduce`: run a submission's agent again and compare every action."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from leaderboard.agents import kind_of, registered_agents
from leaderboard.ends import LOST
from leaderboard.evaluate.batch import Job, Watch, evaluate
from leaderboard.evaluate.learned import FOLDER, folder_sha256, read_training
from leaderboard.hosting.start import isolation_for
from leaderboard.replay import verify
from leaderboard.schema import AgentRecord, Submission, Suite
from leaderboard.traces import Trace, read_trace
from recsim_envs.errors import AgentError, ReplayMismatchError

_PLACE: Final = re.compile(r"://|^[/\\~.]|^[A-Za-z]:[/\\]|\.\.")
"""An address, a path that does not begin here, or one that leads out of here."""


@dataclass(frozen=True)
class Reproduction:
    """What came out: every action was the same.

    how            whether the agent's language model was asked again ("agent"; most have none), or its answers were
                   read from the submission ("cassette")
    source_sha256  of the agent's code as it ran now
    """

    submission: Submission
    episodes: int
    steps: int
    how: Literal["agent", "cassette"]
    source_sha256: str

    @property
    def same_source(self) -> bool:
        """Whether the agent's code is that of the submission."""
        return self.source_sha256 == self.submission.agent.source_sha256


def reproduce(
    path: Path,
    *,
    load: Path | None = None,
    isolate: bool | None = None,
    cassette: bool | None = None,
    run_command: bool = False,
    workers: int = 0,
    watch: Watch | None = None,
) -> Reproduction:
    """Verify a submission, run its agent again with its parameters and seeds, compare action by action.

    An agent that had learned before, by `longrec train`, is loaded from `load`, else from the copy in the run's folder.
    `isolate` says whether it runs in a process of its own; by default as it did, and always if it is no agent of ours.
    `cassette` says whether its language model's answers come from the submission; by default where it has a cassette.
    Commands, addresses and paths that a submission names are used with `run_command` only.
    Raises `ReplayMismatchError` naming the first environment, episode and step that came out otherwise, or what the
    agent is otherwise (does it read hidden state?), and `AgentError` if the agent cannot be found or run.
    """
    submission = verify(path).submission
    answers = _answers(path, submission, cassette)
    with tempfile.TemporaryDirectory(prefix="longrec-reproduce-") as scratch:
        run = Path(scratch) / "run"
        learned = _learned(path, submission, load)
        again = run_again(
            submission, submission.suite, run,
            load=learned, isolate=isolate, answers=answers, run_command=run_command, workers=workers, watch=watch,
        )  # fmt: skip
        first, second = _trace(path, submission), _trace(run, submission)
    _compare_kind(submission.agent, again.agent)
    _compare(submission, first, second)
    _compare_spending(submission, again)
    return Reproduction(
        submission, len(first), len(first.rewards), "cassette" if answers else "agent", again.agent.source_sha256
    )


def run_again(
    submission: Submission,
    suite: Suite,
    path: Path,
    *,
    load: Path | None = None,
    isolate: bool | None = None,
    answers: Path | None = None,
    run_command: bool = False,
    workers: int = 0,
    watch: Watch | None = None,
) -> Submission:
    """Run a submission's agent with its parameters on a suite, in the folder `path`; what came of it.

    `answers` is a cassette that all answers of its language model come from.
    """
    agent = submission.agent
    if kind_of(agent.entry_point) == "trace":
        raise AgentError(f"of agent {agent.name} only a trace is here, made elsewhere; there is nothing to run again")
    if kind_of(agent.entry_point) != "class" and not run_command:
        raise AgentError(
            f"agent {agent.name} is {agent.entry_point!r}, which its submission chose and this machine would run or "
            "ask; read it, and pass --run-command if it may"
        )
    if answers is None and not run_command and (named := _elsewhere(agent.parameters)) is not None:
        raise AgentError(
            f"a parameter of agent {agent.name} is {named[:200]!r}, an address or a path that its submission chose: "
            "keys of yours would go there, or files be written; look at it, and pass --run-command if it may be used"
        )
    name = agent.name if registered_agents().get(agent.name) == agent.entry_point else agent.entry_point
    isolation = isolation_for(name, isolate)
    if isolate is None and submission.isolation is not None:
        isolation = submission.isolation
    job = Job(
        name, path, agent.parameters, disclosure=submission.disclosure, load=load, isolation=isolation, replay=answers
    )
    return evaluate(job, suite, workers=workers, watch=watch)


def _elsewhere(value: Any) -> str | None:
    """The first text within parameters that names an address or a place on disk; None if there is none."""
    if isinstance(value, str):
        return value if _PLACE.search(value) else None
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for found in map(_elsewhere, inner) if found is not None), None)


def _answers(path: Path, submission: Submission, wanted: bool | None) -> Path | None:
    there = "cassette.jsonl.gz" in submission.files
    if wanted and not there:
        raise AgentError(f"{path} holds no cassette; leave --cassette out, and the agent asks its model itself")
    return path / "cassette.jsonl.gz" if there and wanted is not False else None


def _learned(path: Path, submission: Submission, load: Path | None) -> Path | None:
    if submission.learned is None:
        if load is not None:
            raise AgentError(f"the agent of {path} trained in its run; leave --load out")
        return None
    folder = path / FOLDER if load is None else load
    if load is None and not folder.exists():
        raise AgentError(f"the agent of {path} had learned before, and no copy of it is here; give it with --load DIR")
    read_training(folder)
    if folder_sha256(folder / "agent") != submission.learned.sha256:
        raise AgentError(f"{folder} is not what the agent of {path} had learned: its hash is another one")
    return folder


def _trace(path: Path, submission: Submission) -> Trace:
    return read_trace(path / "traces.parquet", submission.suite.episodes)[0]


def _compare_kind(told: AgentRecord, now: AgentRecord) -> None:
    """What a class says of itself decides who is ranked and on which track, so a record must not say otherwise."""
    for fact in ("privileged", "trains", "learns_from_log"):
        if getattr(told, fact) != getattr(now, fact):
            raise ReplayMismatchError(
                f"the submission says that {fact} of agent {told.name} is {getattr(told, fact)}, and the agent says "
                f"{getattr(now, fact)}; evaluate again"
            )


def _compare(submission: Submission, first: Trace, again: Trace) -> None:
    for i in range(len(first)):
        a, b = first.slates(i), again.slates(i)
        if first.ends[i] in LOST:  # what made it fail need not come again: it chose alike until then
            b = b[: len(a)]
        if not np.array_equal(a, b):
            shared = min(len(a), len(b))
            differs = np.flatnonzero((a[:shared] != b[:shared]).any(axis=1))
            step = int(differs[0]) if len(differs) else shared
            env_id = submission.suite.tasks[first.task[i]].env_id
            chosen = [", ".join(map(str, x[step].tolist())) if step < len(x) else "none" for x in (b, a)]
            raise ReplayMismatchError(
                f"{env_id}, training seed {first.training_seed[i]}, episode {first.episode[i]}, step {step}: the agent "
                f"now chooses item {chosen[0]}, the submission has {chosen[1]}; are code and package "
                f"versions those of the submission (commit {submission.commit[:12] or 'unknown'})?"
            )


def _compare_spending(submission: Submission, again: Submission) -> None:
    for cell, now in zip(submission.cells, again.cells, strict=True):
        if cell.spent != now.spent:
            raise ReplayMismatchError(
                f"task {cell.task}, training seed {cell.training_seed}: training now uses {now.spent.episodes} "
                f"episodes, {now.spent.steps} steps; the submission says {cell.spent.episodes}, {cell.spent.steps}"
            )
