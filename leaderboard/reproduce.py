"""`reproduce`: run a submission's agent again and compare every action."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leaderboard.agents import registered_agents, source_hash
from leaderboard.evaluate.batch import Job, Watch, evaluate
from leaderboard.evaluate.learned import FOLDER, folder_sha256, read_training
from leaderboard.replay import verify
from leaderboard.schema import Submission
from leaderboard.traces import Trace, read_trace
from recsim_envs.errors import AgentError, ReplayMismatchError


@dataclass(frozen=True)
class Reproduction:
    """What came out: every action was the same. `same_source` says whether the agent's code was, too."""

    submission: Submission
    episodes: int
    steps: int
    same_source: bool


def reproduce(path: Path, *, load: Path | None = None, workers: int = 0, watch: Watch | None = None) -> Reproduction:
    """Verify a submission, run its agent again with its parameters and seeds, compare action by action.

    An agent that had learned before, by `longrec train`, is loaded from `load`, else from the copy in the run's folder.
    Raises `ReplayMismatchError` naming the first environment, episode and step that came out otherwise, and
    `AgentError` if the agent cannot be found or run.
    """
    submission = verify(path).submission
    agent = submission.agent
    name = agent.name if registered_agents().get(agent.name) == agent.entry_point else agent.entry_point
    with tempfile.TemporaryDirectory(prefix="longrec-reproduce-") as scratch:
        learned = _learned(path, submission, load)
        job = Job(name, Path(scratch) / "run", agent.parameters, load=learned)
        evaluate(job, submission.suite, workers=workers, watch=watch)
        again = _trace(job.path, submission)
    first = _trace(path, submission)
    _compare(submission, first, again)
    same = source_hash(agent.entry_point.partition(":")[0]) == agent.source_sha256
    return Reproduction(submission, len(first), len(first.rewards), same)


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


def _compare(submission: Submission, first: Trace, again: Trace) -> None:
    for i in range(len(first)):
        a, b = first.slates(i), again.slates(i)
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
