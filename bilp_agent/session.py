"""What the agent knows of one session: a ledger built from observations alone, and what it planned along the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bilp_agent.company import REACH, Company
from bilp_agent.telling import Choice
from bilp_agent.views import Answered, Signs, View
from recsim_envs.spec import Batch, Catalogue

if TYPE_CHECKING:
    from bilp_agent.hypotheses import Belief
    from bilp_agent.memory import Reflection
    from bilp_agent.planner import Plan
    from bilp_agent.plus.outlook import Outlook


@dataclass(frozen=True)
class Shown:
    """One item that was shown and what it earned; `step` counts from 1 within the session, 0 before it.

    reward: the item's score, which is the reward where one item is shown a step. told, vain: see `views.Answered`.
    """

    step: int
    item: int
    reward: float
    told: str = ""
    vain: bool = False


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

    slots: items shown a step. history: what was met before, oldest first. step: how many steps there were. shown: this
    session's items, oldest first, those of a slate from its first slot down. known: latest reward of every item seen so
    far; scores: sum and count of all. last_step: latest step an item was shown at, this session. before, during:
    rewards by category, of the history and of this session. total_reward: sum of all; gap_to_rating: the same less the
    ratings of the items. signs: what else is seen now; fullest: before each step, how near the fullest category was to
    its limit; absences: days away before each later visit. earned: the rewards of the steps, in training.

    number: of a training session, from 0; None at test. beliefs: what is held true in this session about why users
    leave. company: which items were shown near one another while the user stayed. reflections, plan, state, value: what
    the roles retrieved, decided and estimated last; `valued` are the texts of the states that `value` is about, one, or
    one an item of the slate, `risk` the chance of leaving there where one was estimated. planned: the step that the
    plan was made before. chosen: the latest recommendation; choice: how it came about. outlooks: what was known of each
    recommendation before it was made. calls: the tools that were asked. judged: what the Critic said of states that
    were asked about for this session.
    """

    catalogue: Catalogue
    history: tuple[Shown, ...]
    slots: int = 1
    step: int = 0
    shown: list[Shown] = field(default_factory=list)
    known: dict[int, float] = field(default_factory=dict)
    scores: dict[int, tuple[float, int]] = field(default_factory=dict)
    signs: Signs = field(default_factory=Signs)
    fullest: list[float] = field(default_factory=list)
    absences: list[int] = field(default_factory=list)
    earned: list[float] = field(default_factory=list)
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
    valued: tuple[str, ...] = ()
    chosen: tuple[int, ...] = ()
    outlooks: list[Outlook] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    choice: Choice = field(default_factory=Choice)

    def __post_init__(self) -> None:
        for entry in self.history:
            self._note(entry, self.before)

    def _note(self, entry: Shown, stats: CategoryStats) -> None:
        stats.add(self.catalogue.categories(entry.item).tolist(), entry.reward)
        self.known[entry.item] = entry.reward
        total, count = self.scores.get(entry.item, (0.0, 0))
        self.scores[entry.item] = total + entry.reward, count + 1
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

    def catch_up(self, slates: Sequence[Sequence[Answered]], length: int) -> None:
        """Take over the last slates shown: the session is now `length` steps old."""
        for step, slate in enumerate(slates, length - len(slates) + 1):
            for answer in slate:
                self._append(Shown(step, *answer))
        self.step = length

    def see(self, signs: Signs, *, over: bool = False) -> None:
        """Take over what else is seen before the next step; when a session is over, time stands where it last stood."""
        self.signs = replace(self.signs, full=signs.full) if over else signs
        if over:
            return
        self.fullest.append(max(signs.full.values(), default=0.0))
        if signs.away is not None:
            self.absences.append(signs.away)

    def items(self) -> list[int]:
        """What was shown in this session, oldest first."""
        return [entry.item for entry in self.shown]

    def last_slate(self) -> list[Shown]:
        """What was shown at the latest step, from the first slot down."""
        return [entry for entry in self.shown[-self.slots :] if entry.step == self.step]

    def since(self, step: int) -> list[Shown]:
        """What was shown after a step, oldest first."""
        start = len(self.shown)
        while start and self.shown[start - 1].step > step:
            start -= 1
        return self.shown[start:]

    def _append(self, entry: Shown) -> None:
        if self.shown and self.slots == 1:  # the user stayed at the one before; of this one it is not known yet
            *before, last = [e.item for e in self.shown[-1 - REACH :]]
            self.company.stay(last, before)
        self.shown.append(entry)
        self.last_step[entry.item] = entry.step
        self._note(entry, self.during)


def open_session(view: View, catalogue: Catalogue, observations: Batch, row: int) -> Session:
    """A session from one row of a batch of observations."""
    history = tuple(Shown(0, *answer) for answer in view.before(observations, row))
    return Session(catalogue, history, view.slots)


def follow(session: Session, view: View, observations: Batch, row: int, length: int, *, over: bool = False) -> None:
    """Bring a session, which is `length` steps old by now, up to one row of a batch of observations."""
    session.catch_up(view.since(observations, row, length - session.step, session.chosen), length)
    session.see(view.signs(observations, row), over=over)
