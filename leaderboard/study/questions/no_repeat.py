"""What the no-repeat control explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from leaderboard.board.groups import RANDOM, Member
from leaderboard.site.text import markdown
from leaderboard.stats import estimate
from leaderboard.stats.sums import ratio
from leaderboard.study.contrast import (
    COLUMNS,
    NOTE,
    Contrast,
    absent,
    against,
    answered,
    contrasts,
    interval,
    line,
    named,
    sources,
)
from leaderboard.study.question import Answer, Question, Sheet
from leaderboard.study.records import Records, Table
from leaderboard.study.verdict import by_kind, verdict

_CONTROLS: Final = ("exact-no-repeat", "greedy-no-repeat")
_PLANNER: Final = "billp"
_SHARE_COLUMNS: Final = ("environment", "suite", "agent", "control", "its score / the agent's, 95 %")
_SHARE_NOTE: Final = (
    "What never repeating explains of BiLLP's score: (control - random) / (billp - random), in R_traj, all three "
    "resampled together."
)

_TEXT: Final = """
In the published recordings on games 62 % of the departures are repeats within the window, so an agent that merely never
shows an item twice is the baseline to beat. `exact-no-repeat` shows the best rated new items of categories that the
user liked, and asks no language model; `greedy-no-repeat` the new items of the highest estimated reward. "Yes" means
that `billp`, on each language model that it was run on, earns more than such an agent, so that never repeating does not
explain all of it.
"""


def _answer(records: Records) -> Answer:
    found, alone, shares = list[Contrast](), list[Contrast](), list[list[str]]()
    tables = [table for table in records.usual if table.on_models(_PLANNER)]
    for table in records.usual:
        controls = [m for name in _CONTROLS if (m := table.plain(name)) is not None]
        greedy, planners = table.plain("greedy"), table.on_models(_PLANNER)
        if greedy is not None:
            alone += contrasts(table, [(f"{c.row.agent} less greedy", c, greedy) for c in controls])
        found += contrasts(table, against(table, planners, controls))
        shares += [_share(table, billp, c) for billp in planners for c in controls]
    said = by_kind([(named(c.first), c.verdict) for c in found], sorted({named(c.first) for c in found}))
    answer, sheets = answered(found, absent(tables, {name: {} for name in _CONTROLS}), said), list[Sheet]()
    if shares:
        sheets.append(Sheet("The share that it explains", _SHARE_COLUMNS, shares, _SHARE_NOTE))
    if alone:
        sheets.append(Sheet("What never repeating earns by itself", COLUMNS, [line(c) for c in alone], NOTE))
    used = answer.sources | sources(m for c in alone for m in (c.first, c.second))
    return replace(answer, sheets=[*answer.sheets, *sheets], sources=used)


def _share(table: Table, billp: Member, control: Member) -> list[str]:
    bottom = table.plain(RANDOM)
    assert bottom is not None  # tables without both ends of their scale are left out
    told = "billp is not above random"
    if verdict(table.less(billp, bottom)) == "yes":  # else it is a ratio to nothing
        sums = table.sums(billp), table.sums(control), table.sums(bottom)
        found = estimate(lambda a, b, c: ratio(b - c, a - c), *sums)
        told = "undefined" if found is None else interval(found)
    return [*map(markdown, (table.place, table.first.suite, table.label(billp))), control.row.agent, told]


QUESTION: Final = Question(
    "no-repeat",
    "Does BiLLP earn more than never repeating does?",
    _TEXT,
    "longrec evaluate exact-no-repeat --suite docs/examples/planners.json",
    _answer,
)
