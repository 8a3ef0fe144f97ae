"""Comparisons of two agents on one table, and the answer that is made of many of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from leaderboard.board.groups import RETURN, Member
from leaderboard.schema import Estimate
from leaderboard.site.text import called, markdown
from leaderboard.stats import LEVEL
from leaderboard.study.forest import Bar, Panel, forest
from leaderboard.study.models import shown
from leaderboard.study.question import Answer, Missing, Sheet
from leaderboard.study.records import Table
from leaderboard.study.verdict import Verdict, together, verdict

COLUMNS: Final = ("environment", "suite", "agent", "less", "verdict", "difference in score", "R_traj", "Len")
NOTE: Final = (
    "Differences are in normalised score (random 0, oracle 1), the first less the second, paired by user; R_traj and "
    "Len are those of the first / the second. Intervals are over users and training seeds, and those of one "
    "environment in one suite hold together at 95 % (Bonferroni)."
)

Pair = tuple[str, Member, Member]
"""What the figure calls it, the first agent, and the second."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """The score of one agent less that of another on the same users."""

    table: Table
    label: str
    first: Member
    second: Member
    less: Estimate
    verdict: Verdict


def shared_level(comparisons: int, level: float = LEVEL) -> float:
    """The level of each of so many intervals that are to hold together at `level`, by Bonferroni's inequality."""
    return 1 - (1 - level) / max(1, comparisons)


def contrasts(table: Table, pairs: Sequence[Pair]) -> list[Contrast]:
    """All pairs of one table, with intervals that hold together."""
    level, found = shared_level(len(pairs)), []
    for label, first, second in pairs:
        less = table.less(first, second, level)
        if less is not None:
            found.append(Contrast(table, label, first, second, less, verdict(less)))
    return found


def named(member: Member) -> str:
    """What verdicts call an agent, and count by: with its language model, uncut, without other parameters."""
    return called(member.row.agent, shown(member), 200)


def against(table: Table, agents: Sequence[Member], rivals: Sequence[Member]) -> list[Pair]:
    """Each agent with each rival; where there is one agent alone, the figure calls a pair by its rival."""
    whose = [f"{table.label(agent)} " if len(agents) > 1 else "" for agent in agents]
    return [
        (f"{who}less {table.label(rival)}", agent, rival)
        for who, agent in zip(whose, agents, strict=True) for rival in rivals
    ]  # fmt: skip


def answered(
    found: Sequence[Contrast],
    missing: Sequence[Missing] = (),
    said: str = "",
    *,
    note: str = NOTE,
    caption: str = "difference in score, with its interval",
) -> Answer:
    """The answer that comparisons give. `said` is the verdict where it is not that of all of them together."""
    return Answer(
        verdict=said or together([c.verdict for c in found]),
        sheets=(Sheet("", COLUMNS, [line(c) for c in found], note),) if found else (),
        pictures={"": forest(panels(found), caption)} if found else {},
        missing=missing,
        sources=sources(m for c in found for m in (c.first, c.second)),
    )


def absent(tables: Sequence[Table], agents: Mapping[str, dict[str, Any]]) -> list[Missing]:
    """Agents with these parameters that none of the tables of an environment has, and what runs them on the first."""
    places = {table.place: [t for t in tables if t.place == table.place] for table in tables}
    return [
        Missing(f"{called(agent, given)} on {place}", some[0].command(agent, given))
        for place, some in places.items() for agent, given in agents.items()
        if not any(t.variant(agent, given) if given else t.plain(agent) for t in some)
    ]  # fmt: skip


def sources(members: Iterable[Member]) -> frozenset[str]:
    """Names of submissions, as folders are called."""
    return frozenset(f"{m.row.agent}/{m.row.version}" for m in members)


def panels(found: Sequence[Contrast]) -> list[Panel]:
    """One panel a table, in the order of `found`."""
    grouped = [(table, list(some)) for table, some in groupby(found, lambda c: c.table)]
    return [
        Panel(table.place, table.first.suite, [Bar(c.label, c.less, c.verdict) for c in some])
        for table, some in grouped
    ]


def line(c: Contrast) -> list[str]:
    """A comparison as cells."""
    values = [[c.table.sums(m, name).value for m in (c.first, c.second)] for name in (RETURN, "Len")]
    return [
        *map(markdown, (c.table.place, c.table.first.suite, c.table.label(c.first), c.table.label(c.second))),
        c.verdict, interval(c.less, 3), *(f"{first:.1f} / {second:.1f}" for first, second in values),
    ]  # fmt: skip


def interval(estimate: Estimate, decimals: int = 2) -> str:
    """A figure with its interval; why it has none, where it has none."""
    value = f"{estimate.value:.{decimals}f}"
    if estimate.low is None or estimate.high is None:
        return f"{value} ({estimate.note})" if estimate.note else value
    return f"{value} [{estimate.low:.{decimals}f}, {estimate.high:.{decimals}f}]"
