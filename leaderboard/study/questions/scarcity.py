"""Whether reinforcement learning is unstable, and overfits, when data is scarce."""

from __future__ import annotations

from typing import Final

import numpy as np

from leaderboard.board.groups import RETURN, Member
from leaderboard.evaluate.curve.plan import UNITS, CurvePoint, LearningCurve
from leaderboard.schema import Estimate
from leaderboard.site.text import markdown
from leaderboard.study.contrast import interval, shared_level, sources
from leaderboard.study.forest import Bar, Panel, forest
from leaderboard.study.kinds import OFFLINE_RL, ONLINE_RL
from leaderboard.study.question import Answer, Missing, Question, Sheet
from leaderboard.study.records import Records, Table
from leaderboard.study.spread import deviation, ratio_of_deviations
from leaderboard.study.verdict import Verdict, together, verdict

_PLANNER: Final = "billp"
_WANTED: Final = (
    "longrec train ppo --env longrec/Games-v0 -o protocol=FB --curve --curve-at 10,100,1k --seeds 5 --out runs/ppo"
)
_SPREAD_COLUMNS: Final = (
    "environment", "suite", "agent", "sd over seeds, in score", "sd of billp", "ratio", "more than billp"
)  # fmt: skip
_SPREAD_NOTE: Final = (
    "Standard deviation of the score over training seeds, all on the same test users. Intervals of the ratio are "
    "Fisher's (F distribution, normal scores assumed), and those of one environment hold together at 95 %."
)
_GAP_COLUMNS: Final = (
    "environment", "agent", "budget", "R_traj on test users", "sd over seeds", "train less test users, 95 %", "overfits"
)  # fmt: skip
_GAP_NOTE: Final = (
    "Curves that go with submissions: the trained agent plays train users, in sessions that it was not trained on, and "
    "test users. What holds for train users only is overfitting."
)

_TEXT: Final = """
With 100 training sessions, how far do trainings of one agent lie apart that differ in nothing but their seed, and is
that more than for `billp`? And does what was learned hold for other users? "Yes" to the first means that agent's spread
is larger than BiLLP's, to the second that it earns more on train users than on test users.
"""


def _answer(records: Records) -> Answer:
    tables = [t for t in records.usual if t.first.track == "scarce" and t.plain(_PLANNER) is not None]
    spreads, said, members = list[list[str]](), list[Verdict](), list[Member]()
    for table in tables:
        learners = table.named([*ONLINE_RL, *OFFLINE_RL])
        for learner in learners:
            cells, word = _spread(table, learner, len(learners))
            spreads.append(cells)
            said.append(word)
            members.append(learner)
    told = [t for t in records.curves if t.curve.plan.agent.name != _PLANNER]
    points = [(t.curve, p) for t in told for p in t.curve.points if RETURN in p.gap]
    gaps = [verdict(p.gap[RETURN]) for _, p in points]
    sheets = [Sheet("Spread over training seeds", _SPREAD_COLUMNS, spreads, _SPREAD_NOTE)] if spreads else []
    if points:
        lines = [_gap(curve, point) for curve, point in points]
        sheets.append(Sheet("Train users against test users", _GAP_COLUMNS, lines, _GAP_NOTE))
    missing = [] if points else [Missing("learning curves with train users, to go with submissions", _WANTED)]
    verdicts = f"more spread than {_PLANNER}: {together(said)}; overfits: {together(gaps)}"
    pictures = {"": forest(_panels(points), "R_traj on train users less that on test users")} if points else {}
    return Answer(verdicts, sheets, pictures, missing, sources(members) | {t.source for t in told})


def _spread(table: Table, learner: Member, comparisons: int) -> tuple[list[str], Verdict]:
    planner = table.plain(_PLANNER)
    assert planner is not None  # tables without it are left out
    own, other = ([x * table.scale for x in _by_seed(table, m)] for m in (learner, planner))
    ratio = ratio_of_deviations(own, other, shared_level(comparisons))
    # Above one, and not above zero, is what is asked of a ratio.
    above = None if ratio is None else Estimate(value=ratio.value - 1, low=_less(ratio.low), high=_less(ratio.high))
    word = verdict(above)
    return [
        *map(markdown, (table.place, table.first.suite, table.label(learner))),
        f"{deviation(own):.3f}", f"{deviation(other):.3f}", "undefined" if ratio is None else interval(ratio), word,
    ], word  # fmt: skip


def _less(end: float | None) -> float | None:
    return None if end is None else end - 1


def _by_seed(table: Table, member: Member) -> list[float]:
    sums = table.sums(member)
    return [float(x) for x in sums.numerator.sum(axis=1) / np.maximum(1.0, sums.denominator.sum(axis=1))]


def _gap(curve: LearningCurve, point: CurvePoint) -> list[str]:
    plan, spread = curve.plan, point.spread.get(RETURN)
    return [
        markdown(plan.task.env_id.rpartition("/")[2]), markdown(plan.agent.name), plan.words(point.budget),
        interval(point.metrics[RETURN], 1), "" if spread is None else f"{spread:.1f}", interval(point.gap[RETURN], 1),
        verdict(point.gap[RETURN]),
    ]  # fmt: skip


def _panels(points: list[tuple[LearningCurve, CurvePoint]]) -> list[Panel]:
    """One panel a curve."""
    curves = list(dict.fromkeys(id(curve) for curve, _ in points))
    of = {key: [(c, p) for c, p in points if id(c) == key] for key in curves}
    return [
        Panel(
            some[0][0].plan.task.env_id.rpartition("/")[2],
            f"{some[0][0].plan.agent.name}, {UNITS[some[0][0].plan.unit]}",
            [Bar(f"{p.budget:,}", p.gap[RETURN], verdict(p.gap[RETURN])) for _, p in some],
        )
        for some in of.values()
    ]


QUESTION: Final = Question(
    "scarcity", "Is reinforcement learning unstable, and does it overfit, when data is scarce?", _TEXT, _WANTED, _answer
)
