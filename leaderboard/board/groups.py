"""Submissions by what they may be compared in, with the two agents that each section's scale hangs on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Final

from leaderboard.board.arrange import section_key
from leaderboard.board.cached import code
from leaderboard.board.influences import kept_influences
from leaderboard.board.row import row_of
from leaderboard.board.store import Store
from leaderboard.board.summary import Summary, stream_of
from leaderboard.schema import AgentRecord, Row, canonical_json, json_hash
from leaderboard.stats import Influence, Sums, influence
from recsim_envs.errors import SubmissionError

RANDOM, ORACLE = "random", "oracle"
"""The agents at 0 and 1 of the normalised score."""
RETURN: Final = "R_traj"
"""The metric that scores are made of."""

# By name only: nothing here imports agents. What is claimed can be forged; `longrec reproduce` tells.
_ANCHORS: Final = {
    RANDOM: ("baselines.simple:RandomAgent", False),
    ORACLE: ("baselines.oracle:OracleAgent", True),
}
"""Entry point of each anchor, and whether it reads hidden state."""


@dataclass(frozen=True, eq=False)
class Member:
    """One submission on one task, among those that it may be compared with."""

    summary: Summary
    task: int
    row: Row

    @property
    def returns(self) -> Sums:
        """Per-user sums of the metric that scores are made of."""
        return self.summary.sums(self.task, [RETURN])[0]

    @property
    def place(self) -> tuple[Any, ...]:
        """What members are sorted by."""
        row = self.row
        return *section_key(row), row.agent, canonical_json(row.parameters), row.version, row.traces_sha256


@dataclass(frozen=True, eq=False)
class Group:
    """The members of one section, sorted; `bottom` and `top` are the anchors among them, None where one is missing.

    A `store` keeps what follows from each member alone.
    """

    members: tuple[Member, ...]
    bottom: int | None
    top: int | None
    store: Store | None = None

    @property
    def anchors(self) -> tuple[int, int] | None:
        """Both, or None."""
        return None if self.bottom is None or self.top is None else (self.bottom, self.top)

    @property
    def competing(self) -> list[int]:
        """Those that read no hidden state."""
        return [n for n, member in enumerate(self.members) if not member.row.privileged]

    @property
    def key(self) -> str:
        """The hash of all that a comparison of the members follows from."""
        return json_hash([code(), self.bottom, self.top, [[m.summary.key, m.task] for m in self.members]])

    @property
    def scale(self) -> float | None:
        """The score of one unit of return; None without anchors, or where random is as good as the oracle."""
        if self.anchors is None:
            return None
        bottom, top = (self.members[n].summary.tasks[self.members[n].task] for n in self.anchors)
        width = top.metrics[RETURN].value - bottom.metrics[RETURN].value
        return 1 / width if width > 0 else None

    @cached_property
    def influences(self) -> list[Influence]:
        """Of each member, on its score, or on its return where there is none: kept, since its suite asks again."""
        scale, members = self.scale or 1.0, self.members
        key = json_hash(["influences", code(), section_key(members[0].row), scale])
        names = [member.summary.key for member in members]
        streams = [stream_of(member.summary.submission) for member in members]
        return kept_influences(self.store, key, names, streams, lambda n: influence(members[n].returns, scale))


def groups(summaries: Iterable[Summary], store: Store | None = None) -> list[Group]:
    """The sections of a board.

    Raises `SubmissionError` if two submissions claim the same anchor of one section, an end of its scale.
    """
    members = [Member(s, task, row_of(s, task)) for s in summaries for task in range(len(s.tasks))]
    members.sort(key=lambda member: member.place)
    grouped = [tuple(group) for _, group in groupby(members, lambda m: section_key(m.row))]
    return [Group(group, _anchor(group, RANDOM), _anchor(group, ORACLE), store) for group in grouped]


def _anchor(members: Sequence[Member], name: str) -> int | None:
    """The member at one end of the scale: the one that was re-run, or the only one.

    Otherwise two of a kind would leave the scale to chance, so they are refused.
    """
    found = [n for n, m in enumerate(members) if m.row.agent == name and _is_anchor(m.summary.submission.agent)]
    confirmed = [n for n in found if members[n].row.badge == "re-run"]
    if len(confirmed) == 1:
        return confirmed[0]
    if len(found) > 1:
        first, second = sorted(str(members[n].summary.path) for n in found[:2])
        raise SubmissionError(
            f"{first} and {second} are both the agent {name!r} of one suite, an end of its scale; keep the one "
            "that `longrec reproduce --attest` confirms"
        )
    return found[0] if found else None


def _is_anchor(agent: AgentRecord) -> bool:
    return _ANCHORS.get(agent.name) == (agent.entry_point, agent.privileged) and not agent.parameters
