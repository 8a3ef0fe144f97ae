"""Boards as a small run would give them, with all that pages can show, without running more than a few sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from leaderboard.board.arrange import board_of
from leaderboard.board.model import Board, Entry, Reported, Section, Standing, SuiteBoard
from leaderboard.evaluate.curve.kept import CurveFile
from leaderboard.files import read_model
from leaderboard.lives import Lives, lives_of
from leaderboard.schema import (
    Estimate,
    Latency,
    LessonsTold,
    Rank,
    Row,
    SessionTold,
    Submission,
    TrainingCurve,
    TrainingPoint,
    Usage,
)
from leaderboard.stats import Sums
from leaderboard.traces import read_trace
from tests.leaderboard.fake_rows import fake_row, fake_rows

RECORD = Path(__file__).parents[3] / "leaderboard" / "submissions"
TOLD: dict[str, Any] = {
    "plan": {"thought": "Alternate puzzles and strategy.", "focus": ["Puzzle"], "avoid": ["Racing"], "repeat_after": 5},
    "planned": 0,
    "principle": "Do not show two of a kind within four steps.",
    "reflections": [{"text": "They left because two items were too alike.", "cause": "too-alike", "session": 12}],
    "answer": "Drumlin: Sunken Asylum",
    "value": 18.42,
}


@dataclass(frozen=True)
class FakeSummary:
    """What entries read of a summary."""

    submission: Submission
    sessions: Lives
    talks: bool
    curve_file: CurveFile | None
    returns: Sums

    def sums(self, task: int, metrics: list[str]) -> list[Sums]:
        return [self.returns for _ in metrics]

    def curves(self) -> CurveFile | None:
        return self.curve_file

    def lives(self, task: int) -> Lives:
        return self.sessions

    def transcript(self, task: int) -> list[SessionTold | LessonsTold]:
        if not self.talks:
            return []
        seed = self.sessions.training_seed
        told = [
            SessionTold(task=task, training_seed=seed, episode=life.episode, steps=(TOLD,) * len(life.moments))
            for life in self.sessions.sessions
        ]
        return [*told, LessonsTold(task=task, training_seed=seed, told=tuple(TOLD["reflections"]))]


@cache
def recorded(agent: str, env_id: str) -> tuple[Submission, Lives]:
    """The first submission of record of an agent whose suite begins with an environment, and its lives there."""
    found = ((path, read_model(path / "submission.json", Submission)) for path in sorted((RECORD / agent).iterdir()))
    path, submission = next(pair for pair in found if pair[1].suite.tasks[0].env_id == env_id)
    trace, _ = read_trace(path / "traces.parquet", 10**6)
    task = submission.suite.tasks[0]
    return submission, lives_of(task, trace.of(slice(0, task.episodes * len(submission.suite.training_seeds))))


def _as_task(number: int, submission: Submission) -> Submission:
    """The submission, as of a part of a suite in which its first task has this number."""
    suite, task = submission.suite, submission.suite.tasks[0]
    others = tuple(task.model_copy(update={"episodes": task.episodes + 1 + n}) for n in range(number))
    whole = suite.model_copy(update={"tasks": (*others, task)})
    return submission.model_copy(update={"suite": suite.model_copy(update={"tasks": (task,), "whole": whole})})


def fake_board(rows: list[Row] | None = None, reported: tuple[Reported, ...] = ()) -> Board:
    """A board of these rows, or of eleven agents on two environments, with tiers, pairs, standings and lives."""
    board = board_of(judged(told(fake_rows()) if rows is None else rows), reported)
    return replace(board, suites=tuple(_suite(suite) for suite in board.suites))


def many(agents: int) -> list[Row]:
    """Rows of so many agents on two environments."""
    base = [fake_row(agent, task) for task in range(2) for agent in ("random", "oracle")]
    for n in range(agents):
        for task in range(2):
            value = (n * 0.618) % 1
            score = Estimate(value=round(value, 4), low=round(value - 0.03, 4), high=round(value + 0.03, 4))
            row = fake_row("greedy", task, version=f"v{n}", parameters={"lr": n / 1000, "layers": [64, 64]})
            base.append(row.model_copy(update={"agent": f"agent-{n:04d}", "metrics": {**row.metrics, "score": score}}))
    return told(base)


def told(rows: list[Row]) -> list[Row]:
    """The rows with what newer submissions tell: usage, latency, cost, the reward within the horizon."""
    found = []
    for n, row in enumerate(rows):
        curve = tuple(round(4.5 * share, 3) for share in row.curve)
        more: dict[str, Any] = {"reward_curve": curve}
        more["latency"] = Latency(p50=0.01 * (n % 7 + 1), p95=0.02 * (n % 7 + 1), decisions=1000, batch=64)
        if row.agent == "billp":
            used = Usage(model="scripted", calls=35_868, input=43_041_600, cache_read=18_200_000, output=1_255_380)
            more |= {"usage_test": used, "cost_usd": 41.7}
        found.append(row.model_copy(update=more))
    return found


def judged(rows: list[Row]) -> list[Row]:
    """The rows with tiers, as intervals that do not overlap would give them, and ranks."""
    found = []
    for key in sorted({(row.suite_hash, row.task) for row in rows}):
        of_task = [row for row in rows if (row.suite_hash, row.task) == key]
        competes = [not row.privileged and "score" in row.metrics for row in of_task]
        competing = [row for row, does in zip(of_task, competes, strict=True) if does]
        competing.sort(key=lambda row: -row.metrics["score"].value)
        tier, edge = 0, math.inf
        for place, row in enumerate(competing, 1):
            e = row.metrics["score"]
            if (e.value if e.high is None else e.high) < edge:
                tier, edge = tier + 1, e.value if e.low is None else e.low
            rank = Rank(low=max(1, place - 1), high=min(len(competing), place + 1))
            found.append(row.model_copy(update={"tier": tier, "rank": rank}))
        found += [row for row, does in zip(of_task, competes, strict=True) if not does]
    return found


def _suite(suite: SuiteBoard) -> SuiteBoard:
    sections = tuple(_section(section) for section in suite.sections)
    by_agent: dict[str, list[Entry]] = {}
    for section in sections:
        for entry in section.entries:
            by_agent.setdefault(entry.agent_id, []).append(entry)
    whole = [tuple(entries) for entries in by_agent.values() if all("score" in e.row.metrics for e in entries)]
    standings = sorted(map(_standing, whole), key=lambda s: (s.tier is None, s.tier or 0, s.entries[0].label))
    return replace(suite, sections=sections, standings=tuple(standings) if len(sections) > 1 else ())


def _section(section: Section) -> Section:
    with_lives = replace(
        section,
        ranked=tuple(map(_entry, section.ranked)),
        apart=tuple(map(_entry, section.apart)),
    )
    chosen = section.metrics[:4] if len(section.entries) <= 40 else (section.lead,)
    return replace(with_lives, pairs={name: _pairs(section, name) for name in chosen})


def _entry(entry: Entry) -> Entry:
    submission, lives = recorded("greedy" if entry.row.task else "oracle", entry.row.env_id)
    submission = _as_task(entry.row.task, submission)
    curves = learned(entry.row) if entry.row.agent in ("billp", "ppo") else None
    summary: Any = FakeSummary(submission, lives, entry.row.agent == "billp", curves, returns_of(entry.row))
    return replace(entry, summary=summary)


def returns_of(row: Row) -> Sums:
    """Returns in units of the score, of 50 users under three training seeds, whose mean is the row's score."""
    lead = row.metrics.get("score") or next(iter(row.metrics.values()))
    drawn = np.random.default_rng([*map(ord, row.agent), row.task])
    varying = drawn.normal(0, 0.3, (3, 50)) + drawn.normal(0, 0.05, (3, 1))
    counts = drawn.integers(1, 4, (1, 50)) * np.ones((3, 1))
    sums = counts * (lead.value + varying - (counts * varying).sum() / counts.sum())
    return Sums(sums, counts, row.agent)


def learned(row: Row) -> CurveFile:
    """Curves of an agent that gets better with training, under two seeds; one of them has trained further."""
    training = tuple(
        TrainingCurve(task=row.task, training_seed=seed, points=tuple(_point(n, seed) for n in range(1, 9 + seed)))
        for seed in range(2)
    )
    at = (0, 10, 100, 1000)
    found = [Estimate(value=9.0 * n + 20, low=9.0 * n + 17, high=9.0 * n + 23) for n in range(len(at))]
    points = [SimpleNamespace(budget=budget, metrics={"R_traj": e}) for budget, e in zip(at, found, strict=True)]
    task = SimpleNamespace(env_id=row.env_id, options=row.options)
    tested = SimpleNamespace(plan=SimpleNamespace(unit="episodes", at=at, task=task), points=points)
    return CurveFile.model_construct(training=training, tested=(tested,))


def _point(n: int, seed: int) -> TrainingPoint:
    return TrainingPoint(episodes=10 * n, steps=80 * n, sessions=10, mean_return=15 + 4.0 * n - seed, mean_length=8)


def _pairs(section: Section, name: str) -> Any:
    found = [entry.row.metrics.get(name) for entry in section.entries]
    values = np.array([np.nan if e is None else e.value for e in found])
    value = values[:, None] - values[None, :]
    width = 0.1 * np.nanmax(np.abs(values))
    tiers = np.array([entry.row.tier or 0 for entry in section.entries])
    competes = tiers > 0
    separate = (tiers[:, None] != tiers[None, :]) & competes[:, None] & competes[None, :]
    return FakePairs(value, value - width, value + width, separate)


@dataclass(frozen=True, eq=False)
class FakePairs:
    value: Any
    low: Any
    high: Any
    separate: Any


@dataclass(frozen=True)
class FakeAggregate:
    iqm: Estimate
    mean: Estimate
    median: Estimate
    optimality_gap: Estimate


@dataclass(frozen=True)
class FakeProfile:
    at: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def _standing(entries: tuple[Entry, ...]) -> Standing:
    row = entries[0].row
    e = row.metrics["score"]
    at = tuple(n / 20 - 0.2 for n in range(25))
    share = tuple(1 / (1 + math.exp((x - e.value) * 9)) for x in at)
    low, high = tuple(max(0, s - 0.05) for s in share), tuple(min(1, s + 0.05) for s in share)
    gap = Estimate(value=max(0.0, 1 - e.value))
    aggregate: Any = FakeAggregate(e, e, e, gap)
    profile: Any = FakeProfile(at, share, low, high)
    return Standing(entries, aggregate, profile, row.tier, row.rank)
