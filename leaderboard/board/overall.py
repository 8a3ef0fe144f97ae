"""Agents over all tasks of a suite: normalised scores taken together, with tiers and ranks of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final

from pydantic import TypeAdapter

from leaderboard.board.cached import code
from leaderboard.board.groups import RETURN, Group
from leaderboard.board.judge import placed, scale_of
from leaderboard.board.model import Overall
from leaderboard.board.store import Store, remembered
from leaderboard.board.summary import Summary
from leaderboard.schema import Rank, json_hash
from leaderboard.stats import Aggregate, Profile, Sums, aggregate, average, influence, profile, suites_scores


@dataclass(frozen=True)
class Scored:
    """One agent's scores taken together: they follow from its submission and from the two anchors alone."""

    aggregate: Aggregate
    profile: Profile


@dataclass(frozen=True)
class Placed:
    """Tiers and ranks, one entry an agent."""

    tiers: list[int | None]
    ranks: list[Rank | None]


_AT_ONCE: Final = 64
"""Agents whose sums are held in memory."""
_SCORED: Final[TypeAdapter[Scored | None]] = TypeAdapter(Scored | None)
_PLACED: Final = TypeAdapter(Placed)


def overall(grouped: Iterable[Group], store: Store | None = None) -> dict[str, list[Overall]]:
    """By suite hash, the submissions that have a score on every task. Suites of one task are left out."""
    found = {}
    for suite, of_suite in groupby(grouped, lambda group: group.members[0].row.suite_hash):
        sections = [group for group in of_suite if scale_of(group) is not None]
        tasks = [group.members[0].task for group in sections]
        if len(tasks) > 1 and tasks == list(range(len(sections[0].members[0].summary.tasks))):
            found[suite] = _Suite(sections).standings(store)
    return found


class _Suite:
    """`sections` holds one group for each task of the suite, in order, all with both anchors."""

    def __init__(self, sections: Sequence[Group]) -> None:
        self._sections = sections
        self._ends = tuple([group.members[group.anchors[end]] for group in sections if group.anchors] for end in (0, 1))
        everywhere = set.intersection(*({id(m.summary) for m in group.members} for group in sections))
        # Who ran a task on another world is not in every section.
        self._agents = [m.summary for m in sections[0].members if id(m.summary) in everywhere]

    def standings(self, store: Store | None) -> list[Overall]:
        ends = [code(), [m.summary.key for end in self._ends for m in end]]
        keys = [json_hash([*ends, agent.key]) for agent in self._agents]
        rank = remembered(store, json_hash([*ends, keys]), _PLACED, self._placed)
        made = self._scored([n for n, key in enumerate(keys) if store is None or store.read(key) is None])
        scored = [remembered(store, key, _SCORED, partial(made.get, n)) for n, key in enumerate(keys)]
        return [
            Overall(agent, of.aggregate, of.profile, tier, place)
            for agent, of, tier, place in zip(self._agents, scored, rank.tiers, rank.ranks, strict=True)
            if of is not None
        ]

    def _scored(self, chosen: Sequence[int]) -> dict[int, Scored]:
        """Of those of the agents that have a score, by their number."""
        found = {}
        bottom, top = ([_returns(member.summary, member.task) for member in end] for end in self._ends)
        for start in range(0, len(chosen), _AT_ONCE):
            some = chosen[start : start + _AT_ONCE]
            sums = [[_returns(self._agents[n], task) for task in range(len(self._sections))] for n in some]
            for n, scores in zip(some, suites_scores(sums, bottom, top), strict=True):
                if scores is not None:
                    found[n] = Scored(aggregate(scores), profile(scores))
        return found

    def _placed(self) -> Placed:
        scales = [scale_of(group) or 1.0 for group in self._sections]
        parts = [
            average([influence(_returns(agent, task), scale) for task, scale in enumerate(scales)])
            for agent in self._agents
        ]
        competing = [n for n, agent in enumerate(self._agents) if not agent.submission.agent.privileged]
        _, tiers, ranks = placed(parts, competing)
        return Placed(tiers, ranks)


def _returns(summary: Summary, task: int) -> Sums:
    return summary.sums(task, [RETURN])[0]
