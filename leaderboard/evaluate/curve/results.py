"""From the sessions of each point to a learning curve with paired intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.curve.facts import brief, measures
from leaderboard.evaluate.curve.plan import METRICS, CurvePlan, CurvePoint, LearningCurve
from leaderboard.metrics import METRICS as REGISTRY
from leaderboard.metrics import Outcomes
from leaderboard.replay import replay_episodes
from leaderboard.schema import Cell, Estimate
from leaderboard.stats import Sums, difference, mean
from leaderboard.traces import Trace, concatenate

LANES = 2048

Found = tuple[Trace, Cell]
"""The test sessions of one training seed at one point, and the record of what they took."""


def found(plan: CurvePlan, points: Sequence[Sequence[Found]], episode_seeds: NDArray[np.uint64]) -> LearningCurve:
    """The curve of `points`: for each budget one entry for each training seed.

    episode_seeds: uint64 (sessions,). Every session is replayed; raises `ReplayMismatchError` for one that was changed.
    """
    simulator = simulator_for(plan.task, min(LANES, plan.task.episodes * len(plan.training_seeds)))
    outcomes = []
    for cells in points:
        trace = concatenate([trace for trace, _ in cells])
        outcomes.append(replay_episodes(plan.task, episode_seeds, simulator, trace))
    first = _sums(outcomes[0])
    return LearningCurve(
        plan=plan,
        users=len(set(outcomes[0].users.tolist())),
        points=tuple(
            _point(episodes, [cell for _, cell in cells], _sums(o), first if n else {})
            for n, (episodes, cells, o) in enumerate(zip(plan.at, points, outcomes, strict=True))
        ),
    )


def _sums(outcomes: Outcomes) -> dict[str, Sums]:
    """Each metric's sums over users (S, U). All points have one stream: what a training seed adds is shared by them."""
    chosen = ((name, REGISTRY[name]) for name in METRICS)
    applying = {name: m.ratio for name, m in chosen if m.applies(outcomes) and m.ratio is not None}
    return {name: Sums.of(*ratio(outcomes), outcomes.users, "curve") for name, ratio in applying.items()}


def _point(episodes: int, cells: Sequence[Cell], sums: dict[str, Sums], first: dict[str, Sums]) -> CurvePoint:
    facts = [cell.facts for cell in cells]
    return CurvePoint(
        episodes=episodes,
        spent=tuple(cell.spent for cell in cells),
        metrics=_known({name: mean(s) for name, s in sums.items()}),
        less_first=_known({name: difference(sums[name], s) for name, s in first.items()}),
        by_seed={name: _by_seed(s) for name, s in sums.items()},
        measures=measures(facts),
        facts=tuple(brief(f) for f in facts),
    )


def _known(estimates: dict[str, Estimate | None]) -> dict[str, Estimate]:
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}


def _by_seed(sums: Sums) -> tuple[float | None, ...]:
    """The metric under each training seed alone; None where nothing counts."""
    pairs = zip(sums.numerator.sum(axis=1).tolist(), sums.denominator.sum(axis=1).tolist(), strict=True)
    return tuple(a / b if b else None for a, b in pairs)
