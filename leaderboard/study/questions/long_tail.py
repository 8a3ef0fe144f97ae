"""Popular against long-tail items: whether BiLLP serves the long tail better than others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from leaderboard.board.groups import Member
from leaderboard.site.text import ABSENT, markdown, percent
from leaderboard.stats import difference
from leaderboard.study.contrast import against, interval, named, shared_level, sources
from leaderboard.study.forest import Bar, Panel, forest
from leaderboard.study.kinds import RIVALS, kind_of
from leaderboard.study.popularity import Shown, has_popularity, shown
from leaderboard.study.question import Answer, Question, Sheet
from leaderboard.study.records import Records, Table
from leaderboard.study.verdict import Verdict, by_agent, verdict

_PLANNER: Final = "billp"
_KINDS: Final = {**RIVALS, "rules": ("greedy", "exact-no-repeat")}
_COLUMNS: Final = (
    "environment", "suite", "agent", "share of long tail", "reward: head", "reward: long tail", "who less this",
    "long tail", "verdict",
)  # fmt: skip
_NOTE: Final = (
    "Reward is the mean reward of a recommendation; one that makes the user leave earns nothing and counts. Intervals "
    "are over users and training seeds, those of one environment together at 95 % (Bonferroni). A dash: nothing shown "
    "there."
)

_TEXT: Final = """
The head of a catalogue is the fifth of its items that the training users' log holds most often, the long tail is
the rest. "Yes" means that what `billp`, on each language model that it was run on, recommends from the long tail earns
more a recommendation than what the other agent recommends from there.
"""


@dataclass(frozen=True, eq=False)
class _Line:
    """One agent on one table. `less` is the reward of `planner` in the long tail less this agent's; None is itself."""

    table: Table
    planner: Member
    member: Member
    shown: Shown
    less: Bar | None


def _answer(records: Records) -> Answer:
    found = [line for table in records.usual for line in _of_table(table)]
    bars = [line.less for line in found if line.less is not None]
    tables = list(dict.fromkeys(line.table for line in found))
    panels = [
        Panel(t.place, t.first.suite, [line.less for line in found if line.table is t and line.less is not None])
        for t in tables
    ]
    caption = "reward of a recommendation from the long tail, billp less the other"
    said = [(named(x.planner), kind_of(x.member.row.agent, _KINDS), x.less.verdict) for x in found if x.less]
    return Answer(
        verdict=by_agent(said, _KINDS),
        sheets=[Sheet("", _COLUMNS, [_cells(line) for line in found], _NOTE)] if found else (),
        pictures={"": forest(panels, caption)} if bars else {},
        sources=sources(line.member for line in found),
    )


def _of_table(table: Table) -> list[_Line]:
    planners, rivals = table.on_models(_PLANNER), table.named([agent for agents in _KINDS.values() for agent in agents])
    if not planners or not has_popularity(planners[0]):
        return []
    parts = {id(member): shown(member) for member in (*planners, *rivals)}
    pairs, level = against(table, planners, rivals), shared_level(len(planners) * len(rivals))
    lines = [_Line(table, planner, planner, parts[id(planner)], None) for planner in planners]
    for label, planner, rival in pairs:
        less = difference(parts[id(planner)].tail, parts[id(rival)].tail, level=level)
        bar = None if less is None else Bar(label, less, verdict(less))
        lines.append(_Line(table, planner, rival, parts[id(rival)], bar))
    return lines


def _cells(line: _Line) -> list[str]:
    said: tuple[str, str, str | Verdict] = ("", "", "")
    if line.less is not None:
        said = markdown(line.table.label(line.planner)), interval(line.less.estimate), line.less.verdict
    return [
        *map(markdown, (line.table.place, line.table.first.suite, line.table.label(line.member))),
        percent(line.shown.share.value), *(_reward(part.value) for part in (line.shown.head, line.shown.tail)), *said,
    ]  # fmt: skip


def _reward(value: float) -> str:
    return ABSENT if math.isnan(value) else f"{value:.2f}"


QUESTION: Final = Question(
    "long-tail",
    "Does BiLLP serve the long tail better than others?",
    _TEXT,
    "longrec evaluate billp --suite docs/examples/planners.json",
    _answer,
)
