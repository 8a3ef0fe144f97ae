"""What an agent knows of one session: a ledger of what was shown and what it earned, read from observations alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bilp_agent.telling import Choice
from bilp_agent.views import Answered, Signs, View
from recsim_envs.spec import Batch


@dataclass
class Visit:
    """One session. history: what the user met before; slates: what each step showed; both oldest first.

    chance: whether an item earns now more, now less, so that all that it earned counts. length: steps so far. earned:
    the rewards of training steps together. thought: what the agent thought last, where it writes its thoughts down.
    tools: those asked for the latest decision, each with its argument and answer. chosen: the items decided on; choice:
    how that came about. signs: what else is seen now.
    """

    history: list[Answered]
    slates: list[list[Answered]] = field(default_factory=list)
    chance: bool = False
    length: int = 0
    earned: float = 0.0
    thought: str = ""
    tools: list[dict[str, str]] = field(default_factory=list)
    chosen: Sequence[int] = ()
    choice: Choice = field(default_factory=Choice)
    signs: Signs = field(default_factory=Signs)

    @property
    def shown(self) -> list[Answered]:
        """The session's items, those of a slate from its first slot down."""
        return [seen for slate in self.slates for seen in slate]

    @property
    def known(self) -> dict[int, float]:
        """What every item that this user has met earned: lately, or where that is chance, on average."""
        if not self.chance:
            return {seen.item: seen.score for seen in (*self.history, *self.shown)}
        return {item: sum(scores) / len(scores) for item, scores in self.scores.items()}

    @property
    def scores(self) -> dict[int, list[float]]:
        """All that every item earned, oldest first."""
        found: dict[int, list[float]] = {}
        for seen in (*self.history, *self.shown):
            found.setdefault(seen.item, []).append(seen.score)
        return found

    @property
    def last_step(self) -> dict[int, int]:
        """The latest step of this session, counted from 1, at which an item was shown."""
        first = self.length - len(self.slates) + 1
        return {seen.item: step for step, slate in enumerate(self.slates, first) for seen in slate}

    def follow(self, view: View, observations: Batch, row: int, length: int) -> None:
        """Take over what is new in one row of a batch of observations, now that the session is `length` steps old."""
        new = view.since(observations, row, length - self.length, self.chosen)
        self.slates += [slate for slate in new if slate]
        self.length = length
        self.signs = view.signs(observations, row)


def open_visit(view: View, observations: Batch, row: int) -> Visit:
    """The ledger of a session from one row of observations."""
    return Visit(view.before(observations, row), chance=bool(view.name))
