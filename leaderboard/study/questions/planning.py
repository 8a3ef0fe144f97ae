"""Whether planning beats myopic recommendation, where, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from leaderboard.board.groups import Member
from leaderboard.schema import Estimate
from leaderboard.site.text import markdown, percent
from leaderboard.study.contrast import Contrast, answered, shared_level
from leaderboard.study.kinds import BILLP, MYOPIC, PLANNERS
from leaderboard.study.question import Answer, Question, Sheet
from leaderboard.study.records import Records, Table
from leaderboard.study.verdict import against_all, by_kind, verdict
from recsim_envs.gap import PLANNER, Gap
from recsim_envs.measured import measured

_FEWEST: Final = 3
"""Agents that do not plan, below which a table is left out: to beat one or two of them is a low bar."""

_BILLP: Final = "BiLLP"
_LEARNERS: Final = {
    "scarce": "reinforcement learning, 100 sessions",
    "online": "reinforcement learning, a million steps",
    "offline": "reinforcement learning from logs",
}
"""Kinds of agents that learn by reinforcement, by track: how much they learn from decides."""

_TEXT: Final = """
Each agent that plans or learns what follows from a choice (BiLLP, reinforcement learning) is held against every agent
that looks no further than the next reward, never repeats, or follows a fixed order. It beats them ("yes") where it is
above each of them, and does not ("no") where one of them is above it; the table shows the comparison that decides.
Where fewer than three such agents were run nothing is said.
What could be won is below: the horizon gap is what a planner that knows the users earns over the best policy that knows
them and does not plan.
"""


def _answer(records: Records) -> Answer:
    found = [contrast for table in records.usual for contrast in _of_table(table)]
    answer = answered(found, said=by_kind([(_kind(c), c.verdict) for c in found], (_BILLP, *_LEARNERS.values())))
    gaps = _gaps(sorted({c.table.first.env_id for c in found}))
    return replace(answer, sheets=[*answer.sheets, *gaps])


def _kind(c: Contrast) -> str:
    row = c.first.row
    return _BILLP if row.agent in BILLP else _LEARNERS.get(row.track, row.track)


def _of_table(table: Table) -> list[Contrast]:
    """Of each planner, the comparison with a myopic agent that decides, and the verdict over all of them."""
    planners, myopic = table.named(PLANNERS), table.named(MYOPIC)
    if len(myopic) < _FEWEST:
        return []
    return [c for planner in planners if (c := _held(table, planner, myopic, shared_level(len(planners))))]


def _held(table: Table, planner: Member, myopic: Sequence[Member], level: float) -> Contrast | None:
    against = [(other, less) for other in myopic if (less := table.less(planner, other, level)) is not None]
    if not against:
        return None
    said = against_all([verdict(less) for _, less in against])
    other, less = min(against, key=lambda pair: _end(pair[1], upper=said == "no"))
    return Contrast(table, table.label(planner), planner, other, less, said)


def _end(estimate: Estimate, *, upper: bool) -> float:
    end = estimate.high if upper else estimate.low
    return estimate.value if end is None else end


def _gaps(env_ids: Sequence[str]) -> list[Sheet]:
    """What planning is worth to whoever knows the users, as the package has it measured."""
    known = [gap for env_id in env_ids if (gap := measured(env_id)) is not None]
    lines = [
        [markdown(gap.env_id), gap.best_myopic, _returns(gap), percent(gap.gap.value),
         f"{percent(gap.gap.low)} to {percent(gap.gap.high)}", "yes" if gap.ranked else "no"]
        for gap in known
    ]  # fmt: skip
    columns = ("environment", "best that does not plan", "returns: planner / that", "horizon gap", "95 %", "ranked")
    note = "Measured by `longrec envs measure`, on the environments' usual options. Ranked is what has a gap of 20 %."
    return [Sheet("What could be won", columns, lines, note)] if lines else []


def _returns(gap: Gap) -> str:
    return f"{gap.scores[PLANNER].value:.1f} / {gap.scores[gap.best_myopic].value:.1f}"


QUESTION: Final = Question(
    "planning",
    "Does planning beat myopic recommendation?",
    _TEXT,
    "longrec evaluate billp --suite docs/examples/planners.json",
    _answer,
)
