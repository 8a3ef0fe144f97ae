"""Summaries: all that a board needs of one replayed submission, small enough to keep those of a thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leaderboard.evaluate.curve.kept import CurveFile
from leaderboard.files import read_model
from leaderboard.lives import Lives, lives_of
from leaderboard.metrics import METRICS, Outcomes, departures, reward_curve, stays, survival
from leaderboard.replay import Replayed
from leaderboard.reruns import badge_of
from leaderboard.schema import (
    Count,
    Estimate,
    Finite,
    LessonsTold,
    Line,
    Name,
    SessionTold,
    Stored,
    Submission,
    canonical_json,
)
from leaderboard.stats import Sums, means
from leaderboard.transcripts import from_text, read_transcript, to_text
from recsim_envs.errors import SubmissionError

_POOLED: Final = "pooled over all sessions: no interval"
_CURVE_FILE, _TRANSCRIPT = "curve.json", "transcript.jsonl"
_LIVES, _TOLD, _CURVES = "lives", "told", "curves"  # names of arrays that hold text

Arrays = Mapping[str, NDArray[Any]]


class TaskSummary(Stored):
    """The figures of one task that follow from this submission alone: the score, which needs others, is not among them.

    `sums` names the arrays behind each metric that has an interval: numerators and denominators, (seeds, users) each.
    """

    episodes: Count
    users: Count
    steps: Count
    metrics: dict[Name, Estimate]
    versions: dict[Name, int]
    departures: dict[Line, Finite]
    stays: tuple[Line, ...]
    curve: tuple[Finite, ...]
    reward_curve: tuple[Finite, ...]
    sums: dict[Name, tuple[str, str]]


class Figures(Stored):
    """The part of a summary that is kept as JSON."""

    tasks: tuple[TaskSummary, ...]


@dataclass(frozen=True, eq=False)
class Summary:
    """A replayed submission without its steps.

    `key` is the hash of all it was made from. `arrays` reads the larger part of a task, which is not held for every
    submission at once: per-user sums, a few sessions for the player, and what the agent told of them.
    """

    path: Path
    submission: Submission
    key: str
    tasks: tuple[TaskSummary, ...]
    arrays: Callable[[int], Arrays]

    def sums(self, task: int, metrics: Sequence[str]) -> list[Sums]:
        """Per-user sums of metrics that have an interval on this task."""
        arrays, stream = self.arrays(task), stream_of(self.submission)
        parts = ([np.asarray(arrays[n], np.float64) for n in self.tasks[task].sums[metric]] for metric in metrics)
        return [Sums(numerator, denominator, stream) for numerator, denominator in parts]

    def lives(self, task: int) -> Lives | None:
        """The sessions that the player shows."""
        found = self.arrays(task).get(_LIVES)
        return None if found is None else Lives.model_validate_json(found.tobytes())

    def curves(self) -> CurveFile | None:
        """Learning curves, as they were told."""
        found = self.arrays(0).get(_CURVES)
        return None if found is None else CurveFile.model_validate_json(found.tobytes())

    def transcript(self, task: int) -> list[SessionTold | LessonsTold]:
        """What the agent told of its sessions."""
        found = self.arrays(task).get(_TOLD)
        return [] if found is None else from_text(found.tobytes().decode(), self.path)


def stream_of(submission: Submission) -> str:
    """The same for all submissions of one agent with the same parameters."""
    return canonical_json([submission.agent.entry_point, submission.agent.parameters])


def metric_sums(outcomes: Outcomes, submission: Submission) -> dict[str, Sums]:
    """Per-user sums of every metric that has an interval."""
    ratios = {name: m.ratio for name, m in METRICS.items() if m.ratio is not None and m.applies(outcomes)}
    stream = stream_of(submission)
    return {name: Sums.of(*ratio(outcomes), outcomes.users, stream) for name, ratio in ratios.items()}


def summarise(replayed: Replayed, key: str = "", *, lives: bool = False) -> Summary:
    """The summary of a replayed submission, with a few of its sessions for the player where `lives` are asked for."""
    submission, start = replayed.submission, 0
    tasks: list[TaskSummary] = []
    arrays: list[dict[str, NDArray[Any]]] = []
    told = read_transcript(replayed.path / _TRANSCRIPT) if _TRANSCRIPT in submission.files else []
    curves = read_model(replayed.path / _CURVE_FILE, CurveFile) if _CURVE_FILE in submission.files else None
    for number, (task, outcomes) in enumerate(zip(submission.suite.tasks, replayed.outcomes, strict=True)):
        figures, kept = _task(outcomes, submission)
        stop = start + outcomes.left.size
        if lives:
            kept[_LIVES] = _bytes(lives_of(task, replayed.trace.of(slice(start, stop))).model_dump_json())
        if of_task := [line for line in told if line.task == number]:
            kept[_TOLD] = _bytes(to_text(of_task))
        tasks.append(figures)
        arrays.append(kept)
        start = stop
    if curves is not None:
        arrays[0][_CURVES] = _bytes(curves.model_dump_json())
    return Summary(replayed.path, submission, key, tuple(tasks), arrays.__getitem__)


def without_twins(found: Sequence[Summary]) -> tuple[list[Summary], dict[Path, SubmissionError]]:
    """Those that are nobody else's run, one of each, and the complaint about every other by its path.

    Of one run under several paths that one stays which was re-run, else the one that was made first by its own account,
    else the first by path.
    """
    same: dict[str, list[Summary]] = {}
    for summary in found:
        s = summary.submission
        same.setdefault(canonical_json([s.agent.name, s.agent.parameters, s.suite_hash, s.traces_sha256]), []).append(
            summary
        )
    kept = [of[0] if len(of) == 1 else min(of, key=_precedence) for of in same.values()]
    twins = {
        twin.path: SubmissionError(f"{one.path} and {twin.path} are the same run; remove one of them")
        for one, of in zip(kept, same.values(), strict=True)
        for twin in of
        if twin is not one
    }
    return kept, twins


def _precedence(summary: Summary) -> tuple[bool, datetime, str]:
    submission = summary.submission
    return badge_of(submission) != "re-run", submission.created, str(summary.path)


def _task(outcomes: Outcomes, submission: Submission) -> tuple[TaskSummary, dict[str, NDArray[Any]]]:
    """The figures of one task, and the arrays behind them."""
    applying = {name: m for name, m in METRICS.items() if m.applies(outcomes)}
    sums = metric_sums(outcomes, submission)
    found = {name: estimate for name, estimate in zip(sums, means(list(sums.values())), strict=True) if estimate}
    for name, metric in applying.items():
        if metric.pooled is not None and (value := metric.pooled(outcomes)) is not None:
            found[name] = Estimate(value=value, note=_POOLED)
    arrays: dict[str, NDArray[Any]] = {}
    places: dict[bytes, str] = {}  # many metrics share a denominator
    names = {}
    for name, of in sums.items():
        for array in (of.numerator, of.denominator):
            arrays[places.setdefault(array.tobytes(), str(len(places)))] = array
        names[name] = (places[of.numerator.tobytes()], places[of.denominator.tobytes()])
    figures = TaskSummary(
        episodes=outcomes.left.size,
        users=len(np.unique(outcomes.users)),
        steps=len(outcomes.rewards),
        metrics={name: found[name] for name in applying if name in found},
        versions={name: applying[name].version for name in applying if name in found},
        departures=departures(outcomes),
        stays=stays(outcomes),
        curve=tuple(survival(outcomes)),
        reward_curve=tuple(reward_curve(outcomes).everyone),
        sums=names,
    )
    return figures, arrays


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)
