"""What lies beside a trace, held against its submission: transcripts and curves are claims, but of this very run."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Final

from leaderboard.evaluate.curve.kept import CurveFile
from leaderboard.evaluate.curve.plan import LearningCurve
from leaderboard.files import read_model
from leaderboard.schema import AgentRecord, Submission
from leaderboard.transcripts import read_transcript
from recsim_envs.errors import SubmissionError

_UNPACKED: Final = 2**29  # bytes of a cassette


def check_attached(path: Path, submission: Submission) -> None:
    """Raise `SubmissionError` for a transcript or curve that is malformed, or tells of what the submission lacks.

    Of a cassette only the size is looked at: `longrec reproduce` reads it, and asks of it every answer.
    """
    if "transcript.jsonl" in submission.files:
        _check_transcript(path / "transcript.jsonl", submission)
    if "curve.json" in submission.files:
        _check_curves(path / "curve.json", submission)
    if "cassette.jsonl.gz" in submission.files:
        _check_packed(path / "cassette.jsonl.gz")


def _check_transcript(path: Path, submission: Submission) -> None:
    suite, seen = submission.suite, set[tuple[int, int, int]]()
    for number, line in enumerate(read_transcript(path), 1):
        _check_place(f"{path}, line {number}", submission, line.task, line.training_seed)
        episode = line.episode if line.kind == "session" else -1
        if episode >= suite.tasks[line.task].episodes:
            raise SubmissionError(f"{path}, line {number}: episode {episode} is not part of the suite")
        if (place := (line.task, line.training_seed, episode)) in seen:
            raise SubmissionError(f"{path}, line {number}: the same is told of twice")
        seen.add(place)


def _check_curves(path: Path, submission: Submission) -> None:
    curves = read_model(path, CurveFile)
    for curve in curves.training:
        _check_place(str(path), submission, curve.task, curve.training_seed)
    for tested in curves.tested:
        if (fault := foreign(tested, submission)) is not None:
            raise SubmissionError(f"{path}: {fault}")


def _check_place(where: str, submission: Submission, task: int, training_seed: int) -> None:
    if task >= len(submission.suite.tasks) or training_seed not in submission.suite.training_seeds:
        raise SubmissionError(f"{where}: task {task} under training seed {training_seed} is not part of the suite")


def _check_packed(file: Path) -> None:
    unpacked = 0
    try:
        with gzip.open(file) as stream:
            while block := stream.read(1 << 20):
                unpacked += len(block)
                if unpacked > _UNPACKED:
                    raise SubmissionError(f"{file} unpacks to more than {_UNPACKED >> 20} MiB; no cassette needs that")
    except (OSError, EOFError, zlib.error) as error:
        raise SubmissionError(f"{file} is no cassette ({error}); record it with longrec") from error


def foreign(curve: LearningCurve, submission: Submission) -> str | None:
    """Why a learning curve is not of a submission's agent and suite; None where it is."""
    told, agent, task = curve.plan.agent, submission.agent, curve.plan.task
    if _identity(told) != _identity(agent):
        return f"a curve of agent {told.name!r} with other parameters or of another class, not of this one"
    if (task.env_id, task.options) not in [(t.env_id, t.options) for t in submission.suite.tasks]:
        return f"a curve on {task.env_id} with options {task.options}, which is no task of this suite"
    return None


def _identity(agent: AgentRecord) -> tuple[object, ...]:
    return agent.name, agent.entry_point, agent.parameters
