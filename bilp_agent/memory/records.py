"""What a memory holds: typed records, each found again by the state it was made in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar


@dataclass(frozen=True)
class Reflection:
    """What one session taught. state: the user's profile. steps: how long the user stayed, of at most `horizon`.

    earned: the sum of its rewards, where slates were shown.

    used: how many finished sessions were given this reflection. outcomes, squares: sum and sum of squares of what came
    of them (lengths or returns, the writer's choice, one kind a memory). merged: how many like ones it stands for
    beside itself.
    """

    state: str
    cause: str
    text: str
    principles: tuple[str, ...]
    steps: int
    horizon: int
    episode: int
    used: int = 0
    outcomes: float = 0.0
    squares: float = 0.0
    merged: int = 0
    earned: float = 0.0

    @property
    def id(self) -> str:
        """16 hexadecimal digits that name what was learnt; the books on its use do not change them."""
        content = (self.state, self.cause, self.text, self.principles, self.steps, self.horizon, self.episode)
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class ActorExample:
    """One recommendation and whether its advantage was above zero (`encouraged`) or not; `advantage` is its size."""

    state: str
    item: int
    encouraged: bool
    advantage: float


@dataclass(frozen=True)
class CriticExample:
    """What a state turned out to be worth: r + gamma V(next state), or the penalty for leaving."""

    state: str
    value: float


R = TypeVar("R", Reflection, ActorExample, CriticExample)


@dataclass(frozen=True)
class Match(Generic[R]):
    """A remembered state near the one asked for, with all its records, oldest first; `distance` is squared."""

    state: str
    distance: float
    records: tuple[R, ...]


def records_of(matches: Sequence[Match[R]]) -> list[R]:
    """All records of the matches: nearest state first, and within a state newest first."""
    return [record for match in matches for record in reversed(match.records)]
