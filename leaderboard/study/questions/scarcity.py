"""Whether reinforcement learning is unstable, and overfits, when data is scarce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leaderboard.board.groups import RETURN, Member
from leaderboard.evaluate.curve.plan import UNITS, CurvePoint, LearningCurve
from leaderboard.schema import Estimate
from leaderboard.site.text import markdown
from leaderboard.study.contrast import interval, named, shared_level, sources
from leaderboard.study.forest import Bar, Panel, forest
from leaderboard.study.kinds import OFFLINE_RL, ONLINE_RL
from leaderboard.study.question import Answer, Missing, Question, Sheet
from leaderboard.study.records import Records, Table
from leaderboard.study.spread import deviation, ratio_of_deviations
from leaderboard.study.verdict import Verdict, by_kind, together, verdict

_PLANNER: Final = "billp"
_WANTED: Final = (
    "longrec train ppo --env longrec/Games-v0 -o protocol=FB --curve --curve-at 10,100,1k --seeds 5 --out runs/ppo"
)
_SPREAD_COLUMNS: Final = (
    "environment", "suite", "agent", "beside", "R_traj of both", "sd over seeds, in score", "sd of the latter", "ratio",
    "more",
)  # fmt: skip
_SPREAD_NOTE: Final = (
    "Standard deviation of the score over training seeds, all on the same test users. Intervals of the ratio are "
    "Fisher's (F distribution, normal scores assumed), and those of one environment hold together at 95 %. Who has "
    "learned nothing has little to differ in: R_traj tells."
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
that more than for `billp`, on each language model that it was run on? And does what was learned hold for other users?
"Yes" to the first means that agent's spread is larger than BiLLP's, to the second that it earns more on train
users than on test users.
"""


def _answer(records: Records) -> Answer:
    tables = [t for t in records.usual if t.first.track == "scarce" and t.on_models(_PLANNER)]
    spreads = [spread for table in tables for spread in _spreads(table)]
    told = [t for t in records.curves if t.curve.plan.agent.name != _PLANNER and _points(t.curve)]
    curves = [t.curve for t in told]
    sheets = []
    if spreads:
        sheets.append(Sheet("Spread over training seeds", _SPREAD_COLUMNS, [s.cells() for s in spreads], _SPREAD_NOTE))
    if curves:
        gaps = [_gap(curve, point) for curve in curves for point in _points(curve)]
        sheets.append(Sheet("Train users against test users", _GAP_COLUMNS, gaps, _GAP_NOTE))
    overfits = together([_overfits(point) for curve in curves for point in _points(curve)])
    return Answer(
        verdict=f"{_wider(spreads)}; overfits: {overfits}",
        sheets=sheets,
        pictures={"": forest(_panels(curves), "R_traj on train users less that on test users")} if curves else {},
        missing=[] if curves else [Missing("learning curves with train users, to go with submissions", _WANTED)],
        sources=sources(m for s in spreads for m in (s.learner, s.planner)) | {t.source for t in told},
    )


def _learners(table: Table) -> list[Member]:
    return table.named([*ONLINE_RL, *OFFLINE_RL])


@dataclass(frozen=True, eq=False)
class _Spread:
    """How far one learner's trainings lie apart, beside BiLLP's."""

    table: Table
    learner: Member
    planner: Member
    ratio: Estimate | None

    @property
    def verdict(self) -> Verdict:
        """Whether they lie further apart."""
        return verdict(self.ratio, above=1.0)

    def cells(self) -> list[str]:
        """A line of the sheet."""
        returns = " / ".join(f"{self.table.sums(m).value:.1f}" for m in (self.learner, self.planner))
        deviations = [f"{deviation(_by_seed(self.table, m)):.3f}" for m in (self.learner, self.planner)]
        return [
            *map(markdown, (self.table.place, self.table.first.suite)),
            *(markdown(self.table.label(member)) for member in (self.learner, self.planner)),
            returns, *deviations, "undefined" if self.ratio is None else interval(self.ratio), self.verdict,
        ]  # fmt: skip


def _wider(spreads: Sequence[_Spread]) -> str:
    """The verdicts beside BiLLP on each language model."""
    known = [(f"more spread than {named(spread.planner)}", spread.verdict) for spread in spreads]
    return by_kind(known, sorted({kind for kind, _ in known}) or [f"more spread than {_PLANNER}"])


def _spreads(table: Table) -> list[_Spread]:
    pairs = [(one, planner) for planner in table.on_models(_PLANNER) for one in _learners(table)]
    level = shared_level(len(pairs))
    return [
        _Spread(table, one, planner, ratio_of_deviations(_by_seed(table, one), _by_seed(table, planner), level))
        for one, planner in pairs
    ]


def _by_seed(table: Table, member: Member) -> list[float]:
    """The return under each training seed, in score."""
    sums = table.sums(member)
    return [float(x) for x in table.scale * sums.numerator.sum(axis=1) / sums.denominator.sum(axis=1)]


def _points(curve: LearningCurve) -> list[CurvePoint]:
    """Those at which train users were played."""
    return [point for point in curve.points if RETURN in point.gap]


def _overfits(point: CurvePoint) -> Verdict:
    return verdict(point.gap[RETURN])


def _gap(curve: LearningCurve, point: CurvePoint) -> list[str]:
    plan, spread = curve.plan, point.spread.get(RETURN)
    return [
        markdown(plan.task.env_id.rpartition("/")[2]), markdown(plan.agent.name), plan.words(point.budget),
        interval(point.metrics[RETURN], 1), "" if spread is None else f"{spread:.1f}", interval(point.gap[RETURN], 1),
        _overfits(point),
    ]  # fmt: skip


def _panels(curves: Sequence[LearningCurve]) -> list[Panel]:
    """One panel a curve."""
    return [
        Panel(
            curve.plan.task.env_id.rpartition("/")[2],
            f"{curve.plan.agent.name}, {UNITS[curve.plan.unit]}",
            [Bar(f"{p.budget:,}", p.gap[RETURN], _overfits(p)) for p in _points(curve)],
        )
        for curve in curves
    ]


QUESTION: Final = Question(
    "scarcity", "Is reinforcement learning unstable, and does it overfit, when data is scarce?", _TEXT, _WANTED, _answer
)
