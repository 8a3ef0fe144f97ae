"""What the agent knows of one session: a ledger built from observations alone, and what it planned along the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bilp_agent.company import REACH, Company
from recsim_envs.spec import Batch, Catalogue

if TYPE_CHECKING:
    from bilp_agent.hypotheses import Belief
    from bilp_agent.memory import Reflection
    from bilp_agent.planner import Plan
    from bilp_agent.states import Outlook

KEYS = ("history_items", "history_rewards", "session_items", "session_rewards", "length")


@dataclass(frozen=True)
class Shown:
    """One recommendation and its reward; `step` counts from 1 within the session, 0 before it."""

    step: int
    item: int
    reward: float


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool, before step `step`; digest: 16 hexadecimal digits that name the result."""

    step: int
    tool: str
    arguments: str
    digest: str


@dataclass
class CategoryStats:
    """Sum and count of rewards a category, kept up to date as items come in."""

    sums: dict[int, float] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, categories: Sequence[int], reward: float) -> None:
        """Count one item's reward for each of its categories."""
        for category in categories:
            self.sums[category] = self.sums.get(category, 0.0) + reward
            self.counts[category] = self.counts.get(category, 0) + 1


@dataclass
class Session:
    """A user's visit as the agent saw it.

    history: what the log shows from before, oldest first. shown: this session's recommendations, oldest first.
    known: latest reward of every item seen so far. last_step: latest step an item was shown at, this session.
    number: of a training session, from 0; None at test. beliefs: what is held true in this session about why users
    leave. company: which items were shown near one another while the user stayed. reflections, plan, state, value: what
    the roles retrieved, decided and estimated last; `valued` is the text of the state that `value` is about, `risk` the
    chance of leaving there where one was estimated. planned: the step that the plan was made before. outlooks: what was
    known of each recommendation before it was made. calls: the tools that were asked. judged: what the Critic said of
    states that were asked about for this session.
    """

    catalogue: Catalogue
    history: tuple[Shown, ...]
    step: int = 0
    shown: list[Shown] = field(default_factory=list)
    known: dict[int, float] = field(default_factory=dict)
    last_step: dict[int, int] = field(default_factory=dict)
    before: CategoryStats = field(default_factory=CategoryStats)
    during: CategoryStats = field(default_factory=CategoryStats)
    gap_to_rating: float = 0.0
    total_reward: float = 0.0
    number: int | None = None
    judged: dict[str, float] = field(default_factory=dict)
    beliefs: tuple[Belief, ...] = ()
    company: Company = field(default_factory=Company)
    reflections: tuple[Reflection, ...] = ()
    plan: Plan | None = None
    planned: int = 0
    state: str = ""
    value: float = 0.0
    risk: float | None = None
    valued: str = ""
    outlooks: list[Outlook] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)

    def __post_init__(self) -> None:
        for entry in self.history:
            self._note(entry, self.before)

    def _note(self, entry: Shown, stats: CategoryStats) -> None:
        stats.add(self.catalogue.categories(entry.item).tolist(), entry.reward)
        self.known[entry.item] = entry.reward
        self.total_reward += entry.reward
        self.gap_to_rating += entry.reward - float(self.catalogue.mean_reward[entry.item])

    @property
    def mean_gap_to_rating(self) -> float:
        """How far the user's rewards lie above (or below) the public ratings of the same items, on average."""
        return self.gap_to_rating / max(len(self.history) + len(self.shown), 1)

    @property
    def mean_reward(self) -> float:
        """Mean reward in log and session; 0 where nothing was rated."""
        return self.total_reward / max(len(self.history) + len(self.shown), 1)

    def steps_since(self, item: int) -> int | None:
        """How many steps ago an item would have been shown if it were shown next; None if it was not."""
        last = self.last_step.get(item)
        return None if last is None else self.step + 1 - last

    def catch_up(self, items: Sequence[int], rewards: Sequence[float], length: int) -> None:
        """Take over what was shown since the last look: the session is now `length` steps old."""
        fresh = min(length - self.step, len(items))
        for back in range(fresh, 0, -1):
            self._append(Shown(length - back + 1, int(items[-back]), float(rewards[-back])))
        self.step = length

    def items(self) -> list[int]:
        """What was shown in this session, oldest first."""
        return [entry.item for entry in self.shown]

    def _append(self, entry: Shown) -> None:
        if self.shown:  # the user stayed when the one before was shown; of this one it is not known yet
            *before, last = [e.item for e in self.shown[-1 - REACH :]]
            self.company.stay(last, before)
        self.shown.append(entry)
        self.last_step[entry.item] = entry.step
        self._note(entry, self.during)


def open_session(catalogue: Catalogue, observations: Batch, row: int) -> Session:
    """A session from one row of a batch of observations; padding (item -1) is left out."""
    items, rewards = observations["history_items"][row].tolist(), observations["history_rewards"][row].tolist()
    history = tuple(Shown(0, int(i), float(r)) for i, r in zip(items, rewards, strict=True) if i >= 0)
    return Session(catalogue, history)


def follow(session: Session, observations: Batch, row: int) -> None:
    """Bring a session up to one row of a batch of observations."""
    session.catch_up(
        observations["session_items"][row].tolist(),
        observations["session_rewards"][row].tolist(),
        int(np.asarray(observations["length"][row]).reshape(-1)[0]),
    )
