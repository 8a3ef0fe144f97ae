"""How far estimators are from the truth: bias, error and coverage over repeated logs of one behaviour policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from leaderboard.ope.estimators import ESTIMATORS, OffPolicyEstimate, evaluate
from leaderboard.ope.sessions import sessions_of
from leaderboard.ope.truth import SESSIONS, true_value
from leaderboard.schema import Estimate
from recsim_envs.offline.generate import generate
from recsim_envs.offline.log import OfflineLog
from recsim_envs.offline.spec import DatasetSpec


@dataclass(frozen=True)
class Score:
    """One estimator over the repeats.

    mean, bias, rmse: of the repeats that gave an estimate, None where none did. covered: the share of intervals that
    hold the truth, among the `intervals` that there are. ess: the median effective number of sessions. notes: what was
    wrong, and in how many repeats. estimates: one a repeat.
    """

    name: str
    mean: float | None
    bias: float | None
    rmse: float | None
    covered: float | None
    intervals: int
    ess: float
    notes: dict[str, int]
    estimates: tuple[OffPolicyEstimate, ...]


@dataclass(frozen=True)
class Report:
    """What the log's own policy earned on average, what the target truly earns, and the estimators."""

    spec: DatasetSpec
    target: str
    steps: int | None
    repeats: int
    behaviour: float
    truth: Estimate
    scores: tuple[Score, ...]


def score(
    spec: DatasetSpec,
    target: str,
    *,
    repeats: int = 1,
    steps: int | None = None,
    truth_sessions: int = SESSIONS,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Judge the estimators of `target` on `repeats` logs of `spec`, with the seeds spec.seed, spec.seed + 1, ...

    `steps` asks for the value of the first so many steps instead of whole sessions: weights are products, one factor a
    step, and long products leave nothing of a log. Raises what generating a log raises.
    """
    truth = true_value(spec, target, sessions=truth_sessions, steps=steps)
    found: dict[str, list[OffPolicyEstimate]] = {name: [] for name in ESTIMATORS}
    earned = []
    for repeat in range(repeats):
        log = generate(replace(spec, seed=spec.seed + repeat))
        earned.append(float(log.returns(steps).mean()))
        for estimate in estimates(log, target, steps=steps):
            found[estimate.name].append(estimate)
        if progress is not None:
            progress(repeat + 1)
    scores = tuple(_scored(name, each, truth.value) for name, each in found.items())
    return Report(spec, target, steps, repeats, float(np.mean(earned)), truth, scores)


def estimates(log: OfflineLog, target: str, *, steps: int | None = None) -> list[OffPolicyEstimate]:
    """Every estimator on one log; the target's epsilon is the log's."""
    sessions = sessions_of(log, target, epsilon=float(log.facts["parameters"]["epsilon"]), steps=steps)
    return [evaluate(name, sessions) for name in ESTIMATORS]


def _scored(name: str, each: Sequence[OffPolicyEstimate], truth: float) -> Score:
    values = np.array([e.estimate.value for e in each if e.estimate is not None])
    ranges = [(e.estimate.low, e.estimate.high) for e in each if e.estimate is not None]
    inside = [low <= truth <= high for low, high in ranges if low is not None and high is not None]
    texts = [e.note or (e.estimate.note if e.estimate else "") for e in each]
    kinds = ["rests on few sessions" if text.startswith("rests on") else text.partition(":")[0] for text in texts]
    return Score(
        name=name,
        mean=float(values.mean()) if len(values) else None,
        bias=float(values.mean() - truth) if len(values) else None,
        rmse=float(np.sqrt(np.mean((values - truth) ** 2))) if len(values) else None,
        covered=float(np.mean(inside)) if inside else None,
        intervals=len(inside),
        ess=float(np.median([e.ess for e in each])),
        notes={kind: kinds.count(kind) for kind in dict.fromkeys(kinds) if kind},
        estimates=tuple(each),
    )
