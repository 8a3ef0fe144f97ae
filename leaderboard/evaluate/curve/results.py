"""From the sessions of each point to a learning curve with paired intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.curve.facts import brief, measures
from leaderboard.evaluate.curve.plan import METRICS, CurvePlan, CurvePoint, LearningCurve
from leaderboard.evaluate.curve.point import test_seeds, train_seeds, train_simulator
from leaderboard.metrics import METRICS as REGISTRY
from leaderboard.metrics import Outcomes
from leaderboard.schema import Cell, Estimate, canonical_json
from leaderboard.stats import Sums, difference, mean
from leaderboard.stepping import LANES, replay_episodes
from leaderboard.traces import Trace, concatenate


@dataclass(frozen=True, eq=False)
class Found:
    """The test sessions of one training seed at one point, those of train users if there are any, and the record."""

    test: Trace
    train: Trace | None
    cell: Cell


def found(plan: CurvePlan, points: Sequence[Sequence[Found]]) -> LearningCurve:
    """The curve of `points`: for each budget one entry for each training seed.

    Every session is replayed; raises `ReplayMismatchError` for one that was changed.
    """
    users, tested = sums_of(plan, points)
    trained = _train_sums(plan, points) if plan.train_sessions else [{} for _ in points]
    return LearningCurve(
        plan=plan,
        users=users,
        points=tuple(
            _point(budget, [f.cell for f in cells], tested[n], tested[0] if n else {}, trained[n])
            for n, (budget, cells) in enumerate(zip(plan.at, points, strict=True))
        ),
    )


def sums_of(plan: CurvePlan, points: Sequence[Sequence[Found]]) -> tuple[int, list[dict[str, Sums]]]:
    """How many distinct test users there were, and each metric's sums at each point, for paired comparison."""
    task, seeds_ = plan.task, test_seeds(plan)
    simulator = simulator_for(task, min(LANES, task.episodes * len(plan.training_seeds)))
    outcomes = [replay_episodes(task, seeds_, simulator, concatenate([f.test for f in cells])) for cells in points]
    return len(set(outcomes[0].users.tolist())), [_sums(o, _stream(plan)) for o in outcomes]


def _train_sums(plan: CurvePlan, points: Sequence[Sequence[Found]]) -> list[dict[str, Sums]]:
    task, many = plan.task.model_copy(update={"episodes": plan.train_sessions}), len(plan.training_seeds)
    simulator = train_simulator(plan, min(LANES, plan.train_sessions * many))
    traces = [concatenate([f.train for f in cells if f.train is not None]) for cells in points]
    return [_sums(replay_episodes(task, train_seeds(plan), simulator, t), _stream(plan)) for t in traces]


def _stream(plan: CurvePlan) -> str:
    return canonical_json([plan.agent.entry_point, plan.agent.parameters])


def _sums(outcomes: Outcomes, stream: str) -> dict[str, Sums]:
    """Each metric's sums over users (S, U). All points have one stream: what a training seed adds is shared by them."""
    chosen = ((name, REGISTRY[name]) for name in METRICS)
    applying = {name: m.ratio for name, m in chosen if m.applies(outcomes) and m.ratio is not None}
    return {name: Sums.of(*ratio(outcomes), outcomes.users, stream) for name, ratio in applying.items()}


def _point(
    budget: int, cells: Sequence[Cell], sums: dict[str, Sums], first: dict[str, Sums], train: dict[str, Sums]
) -> CurvePoint:
    facts, by_seed = [cell.facts for cell in cells], {name: _by_seed(s) for name, s in sums.items()}
    return CurvePoint(
        budget=budget,
        spent=tuple(cell.spent for cell in cells),
        metrics=_known({name: mean(s) for name, s in sums.items()}),
        less_first=_known({name: difference(sums[name], s) for name, s in first.items()}),
        by_seed=by_seed,
        spread={name: _spread(values) for name, values in by_seed.items()},
        train=_known({name: mean(s) for name, s in train.items()}),
        gap=_known({name: gap(s, sums[name]) for name, s in train.items() if name in sums}),
        measures=measures(facts),
        facts=tuple(brief(f) for f in facts),
    )


def gap(train: Sums, test: Sums) -> Estimate | None:
    """A metric on train users less that on test users.

    The two groups are independent, so they may be resampled in arbitrary pairs; the larger one is dealt out to as
    many clusters as there are users in the smaller. Training seeds are shared by both.
    """
    count = min(train.numerator.shape[1], test.numerator.shape[1])
    return difference(_dealt(train, count), _dealt(test, count))


def _dealt(sums: Sums, count: int) -> Sums:
    index = np.arange(sums.numerator.shape[1]) % count

    def deal(part: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.bincount(index, row, count) for row in part]).astype(np.float64)

    return Sums(deal(sums.numerator), deal(sums.denominator), sums.stream)


def _spread(values: tuple[float | None, ...]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.std(known, ddof=1)) if len(known) == len(values) >= 2 else None


def _known(estimates: dict[str, Estimate | None]) -> dict[str, Estimate]:
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}


def _by_seed(sums: Sums) -> tuple[float | None, ...]:
    """The metric under each training seed alone; None where nothing counts."""
    pairs = zip(sums.numerator.sum(axis=1).tolist(), sums.denominator.sum(axis=1).tolist(), strict=True)
    return tuple(a / b if b else None for a, b in pairs)
