"""Agents over all tasks of a suite: normalised scores taken together, with tiers and ranks of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from pydantic import TypeAdapter

from leaderboard.board.cached import code
from leaderboard.board.groups import RETURN, Group
from leaderboard.board.judge import placed
from leaderboard.board.model import Overall
from leaderboard.board.store import Store, gathered, remembered
from leaderboard.schema import Rank, Row, json_hash
from leaderboard.stats import Aggregate, Profile, aggregate, average, profile, suites_scores


@dataclass(frozen=True)
class Scored:
    """An agent's scores taken together: they follow from its submission and from the two anchors alone."""

    aggregate: Aggregate
    profile: Profile


@dataclass(frozen=True)
class Placed:
    """Tiers and ranks, one entry an agent."""

    tiers: list[int | None]
    ranks: list[Rank | None]


_AT_ONCE: Final = 64
"""Agents whose sums are held in memory."""
_SCORED: Final[TypeAdapter[dict[str, Scored | None]]] = TypeAdapter(dict[str, Scored | None])
_PLACED: Final = TypeAdapter(Placed)


def overall(grouped: Iterable[Group], store: Store | None = None) -> dict[str, list[Overall]]:
    """By suite hash, the submissions that have a score on every task.

    Left out are suites of one task, and those whose tasks share users that cannot be matched, see `_whose_users`.
    """
    found = {}
    for suite, of_suite in groupby(grouped, lambda group: group.members[0].row.suite_hash):
        sections = [group for group in of_suite if group.scale is not None]
        tasks = [group.members[0].row.task for group in sections]
        if len(tasks) > 1 and tasks == list(range(len(sections[0].members[0].summary.submission.suite.table.tasks))):
            users = _whose_users([group.members[0].row for group in sections])
            if users is not None:
                found[suite] = _Suite(sections, users).standings(store)
    return found


def _whose_users(rows: Sequence[Row]) -> list[int] | None:
    """For each task the first one that has its users. None where tasks share users, but not the same sessions of them.

    Seeds follow from suite and environment alone: tasks of one environment and world differ in options, and meet the
    same users in the same sessions. What happens in them is not independent, so they are drawn together.
    """
    first: dict[tuple[str, str], int] = {}
    found = [first.setdefault((row.env_id, row.world.sha256), n) for n, row in enumerate(rows)]
    matched = (
        (row.users, row.episodes) == (rows[n].users, rows[n].episodes) for row, n in zip(rows, found, strict=True)
    )
    return found if all(matched) else None


class _Suite:
    """`sections` holds one group for each task of the suite, in order, all with both anchors; `users` whose users each
    task has.
    """

    def __init__(self, sections: Sequence[Group], users: Sequence[int]) -> None:
        self._sections, self._users = sections, users
        self._ends = tuple([group.members[group.anchors[end]] for group in sections if group.anchors] for end in (0, 1))
        everywhere = set.intersection(*({id(m.summary) for m in group.members} for group in sections))
        # Who ran a task on another world is not in every section.
        self._agents = [m.summary for m in sections[0].members if id(m.summary) in everywhere]

    def standings(self, store: Store | None) -> list[Overall]:
        ends = [code(), [m.summary.key for end in self._ends for m in end]]
        keys = [agent.key for agent in self._agents]
        rank = remembered(store, json_hash([*ends, keys]), _PLACED, self._placed)
        scored = gathered(store, json_hash(["overall", *ends]), _SCORED, keys, self._scored)
        return [
            Overall(agent, of.aggregate, of.profile, tier, place)
            for agent, of, tier, place in zip(self._agents, scored, rank.tiers, rank.ranks, strict=True)
            if of is not None
        ]

    def _scored(self, chosen: Sequence[int]) -> list[Scored | None]:
        """Of some of the agents, by their number; None for those that have no score."""
        found: list[Scored | None] = []
        bottom, top = ([member.returns for member in end] for end in self._ends)
        for start in range(0, len(chosen), _AT_ONCE):
            some = chosen[start : start + _AT_ONCE]
            tasks = range(len(self._sections))
            sums = [[self._agents[n].sums(task, [RETURN])[0] for task in tasks] for n in some]
            for scores in suites_scores(sums, bottom, top, users=self._users):
                found.append(None if scores is None else Scored(aggregate(scores), profile(scores)))
        return found

    def _placed(self) -> Placed:
        of = [{id(m.summary): found for m, found in zip(s.members, s.influences, strict=True)} for s in self._sections]
        parts = [average([found[id(agent)] for found in of], self._users) for agent in self._agents]
        competing = [n for n, agent in enumerate(self._agents) if not agent.submission.agent.privileged]
        _, tiers, ranks = placed(parts, competing)
        return Placed(tiers, ranks)
