"""What an agent knows of one session: a ledger of what was shown and what it earned, read from observations alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from recsim_envs.spec import Batch

KEYS = ("history_items", "history_rewards", "session_items", "session_rewards", "length")
"""Observations that a ledger is made of."""


class Seen(NamedTuple):
    """An item with the reward that the user gave it."""

    item: int
    reward: float


@dataclass
class Visit:
    """One session. history: what the user's log shows from before; shown: this session's items; both oldest first.

    thought: what the agent thought last, where it writes its thoughts down.
    """

    history: list[Seen]
    shown: list[Seen] = field(default_factory=list)
    thought: str = ""

    @property
    def known(self) -> dict[int, float]:
        """The latest reward of every item that this user is known to have met."""
        return dict((*self.history, *self.shown))

    @property
    def last_step(self) -> dict[int, int]:
        """The latest step of this session, counted from 1, at which an item was shown."""
        return {seen.item: step for step, seen in enumerate(self.shown, 1)}

    def follow(self, observations: Batch, row: int) -> None:
        """Take over what one row of a batch of observations shows that is new."""
        length = int(np.asarray(observations["length"][row]).reshape(-1)[0])
        fresh = length - len(self.shown)
        if fresh > 0:
            items, rewards = observations["session_items"][row], observations["session_rewards"][row]
            self.shown += _pairs(items[-fresh:].tolist(), rewards[-fresh:].tolist())


def open_visit(observations: Batch, row: int) -> Visit:
    """The ledger of a session from one row of observations; padding (item -1) is left out."""
    items, rewards = observations["history_items"][row].tolist(), observations["history_rewards"][row].tolist()
    return Visit(_pairs(items, rewards))


def _pairs(items: Sequence[int], rewards: Iterable[float]) -> list[Seen]:
    return [Seen(int(i), float(r)) for i, r in zip(items, rewards, strict=True) if i >= 0]
