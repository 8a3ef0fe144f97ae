"""How each family of environments shows a session: what was shown, what the user did with it, and what else is seen.

One class a family reads its observations into the same few words, so that nothing else has to know the families. The
score of an item is what the catalogue's public rating is the mean of: the reward, a click, behaviours that are
rewarded, a long view. Nothing hidden is read, and nothing is said that an observation does not show.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import AgentError
from recsim_envs.spec import Batch, TaskSpec

BEHAVIOURS: Final = ("clicked", "watched", "liked", "commented", "forwarded", "followed", "hated")
"""The seven behaviours of the session family, in the order of its observations."""
PASSED_OVER: Final = "passed over"


class Answered(NamedTuple):
    """An item that was shown and what came of it.

    told: what the user did, in words; "" where the score says all. vain: whether it was clicked and then not watched,
    where observations tell the two apart.
    """

    item: int
    score: float
    told: str = ""
    vain: bool = False


@dataclass(frozen=True)
class Signs:
    """What an observation shows beside items and answers.

    full: how near each category is to a limit of recent clicks, 1 at the limit; those at 0 are left out. clock: where
    in the user's days a session stands, in words; "" where steps are all the time there is. away: how many days the
    user was away before the visit that begins here; None where none begins.
    """

    full: Mapping[int, float] = field(default_factory=dict)
    clock: str = ""
    away: int | None = None


class View(ABC):
    """Reads one row of a batch of observations. `slots` items are shown a step; scores lie within `scores`."""

    keys: ClassVar[tuple[str, ...]]
    """The observations that it reads; a task that shows all of them can be read."""
    name: ClassVar[str]
    """Whose words in `prompts/slates/families` tell what users do here; "" for the prompts of rewarded single items."""
    leaving: ClassVar[bool] = True
    """Whether a user may leave before the last step."""

    def __init__(self, task: TaskSpec) -> None:
        self.slots = task.slate_size or 1
        self.scores = self._scores(task)

    def _scores(self, task: TaskSpec) -> tuple[float, float]:
        """Smallest and largest score of one item."""
        return 0.0, 1.0

    @abstractmethod
    def before(self, observations: Batch, row: int) -> list[Answered]:
        """What the user met before the session, oldest first, as its first observation shows it."""

    @abstractmethod
    def latest(self, observations: Batch, row: int, count: int) -> list[list[Answered]]:
        """The last `count` slates of the session, oldest first; fewer where not all of them are still to be seen.

        One of which nothing is told is empty.
        """

    def since(self, observations: Batch, row: int, count: int, chosen: Sequence[int]) -> list[list[Answered]]:
        """The last `count` slates, as `latest` has them, for the agent that chose the newest of them.

        Where nothing is told of that one, because it was not clicked, it is what was `chosen`, and scored 0.
        """
        slates = self.latest(observations, row, count)
        if slates and not slates[-1]:
            slates[-1] = [Answered(item, 0.0) for item in chosen]
        return slates

    def signs(self, observations: Batch, row: int) -> Signs:
        """What else is seen."""
        return Signs()


class RewardsView(View):
    """The departure family and what is built on it: one item a step, a log before the session, a reward for each."""

    keys = ("history_items", "history_rewards", "session_items", "session_rewards", "length")
    name = ""

    def _scores(self, task: TaskSpec) -> tuple[float, float]:
        return task.reward_range

    def before(self, observations: Batch, row: int) -> list[Answered]:
        """See `View.before`."""
        items, rewards = observations["history_items"][row].tolist(), observations["history_rewards"][row].tolist()
        return [Answered(int(i), float(r)) for i, r in zip(items, rewards, strict=True) if i >= 0]

    def latest(self, observations: Batch, row: int, count: int) -> list[list[Answered]]:
        """See `View.latest`."""
        items, rewards = observations["session_items"][row].tolist(), observations["session_rewards"][row].tolist()
        shown = list(zip(items, rewards, strict=True))[-count:] if count else []
        return [[Answered(int(i), float(r))] if i >= 0 else [] for i, r in shown]


class ClicksView(View):
    """The boredom family: the last slate with its clicks, and how near each topic is to a limit of recent clicks.

    The slate before the session is one of random items, and all that is known of the user at the start.
    """

    keys = ("slate", "clicks", "hist", "length")
    name = "clicks"
    leaving = False

    def before(self, observations: Batch, row: int) -> list[Answered]:
        """See `View.before`."""
        return self._slate(observations, row)

    def latest(self, observations: Batch, row: int, count: int) -> list[list[Answered]]:
        """See `View.latest`."""
        return [self._slate(observations, row)] if count else []

    @staticmethod
    def _slate(observations: Batch, row: int) -> list[Answered]:
        pairs = zip(observations["slate"][row].tolist(), observations["clicks"][row].tolist(), strict=True)
        return [Answered(item, float(click), "clicked" if click else PASSED_OVER) for item, click in pairs]

    def signs(self, observations: Batch, row: int) -> Signs:
        """See `View.signs`."""
        hist = observations["hist"][row].tolist()
        return Signs({topic: share for topic, share in enumerate(hist) if share > 0.0})


class BehavioursView(View):
    """The session family: the last sixty videos with seven behaviours each. An item's score is how many of the first
    six it got, as in the reward; where the largest reward is 1, clicks alone count.
    """

    keys = ("history_items", "history_behaviours", "last_behaviours", "length", "user")
    name = "behaviours"

    def _scores(self, task: TaskSpec) -> tuple[float, float]:
        return 0.0, float(task.reward_range[1])

    def before(self, observations: Batch, row: int) -> list[Answered]:
        """See `View.before`."""
        return self._answers(observations, row, len(observations["history_items"][row]))

    def latest(self, observations: Batch, row: int, count: int) -> list[list[Answered]]:
        """See `View.latest`."""
        answers = self._answers(observations, row, count * self.slots)
        return [answers[start : start + self.slots] for start in range(0, len(answers), self.slots)]

    def _answers(self, observations: Batch, row: int, count: int) -> list[Answered]:
        items = observations["history_items"][row]
        done = observations["history_behaviours"][row].reshape(len(items), len(BEHAVIOURS))
        pairs = list(zip(items.tolist(), done.tolist(), strict=True))[-count:] if count else []
        return [self._answer(item, given) for item, given in pairs if item >= 0]

    def _answer(self, item: int, given: Sequence[float]) -> Answered:
        counted = given[:1] if self.scores[1] == 1.0 else given[:-1]
        names = ", ".join(name for name, did in zip(BEHAVIOURS, given, strict=True) if did)
        return Answered(item, float(sum(counted)), names or PASSED_OVER, bool(given[0] and not given[1]))


class VisitsView(View):
    """The retention family: slates over many visits, clicks and long views, and the days away between visits.

    An item's score is 1 if it was watched at length: of what is seen of an item it is the answer that users mean, and
    what the catalogue rates. The reward of a step, for visits and days, is no item's.
    """

    keys = ("slate_items", "slate_clicks", "slate_views", "day", "days_away", "visit", "visit_step")
    name = "visits"

    def __init__(self, task: TaskSpec) -> None:
        super().__init__(task)
        day, calendar = task.observation_space["day"], task.reward_range[0] >= 0  # KuaiSim's rule knows no last day
        self._of = f" of {_number(day.high)}" if calendar and isinstance(day, spaces.Box) else ""

    def before(self, observations: Batch, row: int) -> list[Answered]:
        """See `View.before`."""
        return []

    def latest(self, observations: Batch, row: int, count: int) -> list[list[Answered]]:
        """See `View.latest`."""
        planes = [observations[f"slate_{plane}"][row].tolist() for plane in ("items", "clicks", "views")]
        slate = [self._answer(*answer) for answer in zip(*planes, strict=True) if answer[0] >= 0]
        return [slate] if count and slate else []

    @staticmethod
    def _answer(item: int, click: int, view: int) -> Answered:
        told = "watched" if view else "clicked in vain" if click else PASSED_OVER
        return Answered(item, float(view), told, bool(click and not view))

    def signs(self, observations: Batch, row: int) -> Signs:
        """See `View.signs`."""
        day, away, visit, step = (
            _number(observations[key][row]) for key in ("day", "days_away", "visit", "visit_step")
        )
        begins = step == 0 and visit > 1
        came = f" after {away} days away" if visit > 1 else ""
        clock = f"Day {day + 1}{self._of}, visit {visit}{came}, slate {step + 1} of this visit"
        return Signs({}, clock, away if begins else None)


Mask = NDArray[np.int8] | None
"""What the protocol allows in one session: (n_items,), 0 where it forbids an item; None where it forbids nothing."""
VIEWS: Final[tuple[type[View], ...]] = (RewardsView, ClicksView, BehavioursView, VisitsView)


def view_of(task: TaskSpec, who: str = "this agent") -> View:
    """The view that can read a task. Raises `AgentError` naming what is in the way where there is none."""
    name = task.env_id or "this environment"
    if task.candidates:
        raise AgentError(
            f"{who} remembers items by title, and {name} draws its items anew for each step, so that a slot's number "
            "means nothing at the next; use an agent that reads the candidates it observes, such as linucb or slateq"
        )
    if not isinstance(task.action_space, spaces.Discrete | spaces.MultiDiscrete):
        raise AgentError(f"{who} shows one item or a slate of items; {name} has another action space")
    seen = task.observation_space.spaces
    fitting = next((view for view in VIEWS if seen.keys() >= set(view.keys)), None)
    if fitting is None or (fitting is RewardsView and task.slate_size is not None):
        known = "; ".join(", ".join(view.keys) for view in VIEWS)
        what = "shows slates" if fitting else f"shows {', '.join(seen)}"
        raise AgentError(f"{who} reads the observations {known} (the first for single items only); {name} {what}")
    return fitting(task)


def masks_of(infos: Batch, count: int) -> list[Mask]:
    """What the protocol allows in each of `count` sessions."""
    masks = infos.get("action_mask")
    return [None if masks is None else masks[row] for row in range(count)]


def shaped(items: Sequence[Sequence[int]], task: TaskSpec) -> NDArray[np.int64]:
    """Items as actions: int64 (b,) where one is shown a step, (b, k) where a slate of k is."""
    actions = np.array(items, np.int64).reshape(len(items), -1)
    return actions if task.slate_size else actions[:, 0]


def _number(value: NDArray[np.int32]) -> int:
    return int(value.reshape(-1)[0])
