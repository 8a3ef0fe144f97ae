"""What a picture of a session is made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from recsim_envs.families.base import Shown


@dataclass(frozen=True)
class Moment:
    """One step: what was shown, what it earned, and how near to leaving the user was afterwards (0 to 1)."""

    shown: tuple[Shown, ...]
    reward: float
    fatigue: float


@dataclass
class Life:
    """One session so far. `cause` is empty while it runs; `left` tells a departure from the end at the horizon."""

    fatigue: float = 0.0
    moments: list[Moment] = field(default_factory=list)
    cause: str = ""
    left: bool = False

    @property
    def tired(self) -> float:
        """The fatigue now."""
        return self.moments[-1].fatigue if self.moments else self.fatigue

    @property
    def slots(self) -> int:
        """The most items shown in one step; at least 1."""
        return max(1, *(len(moment.shown) for moment in self.moments), 1)

    def groups(self) -> list[int]:
        """Groups of the items shown, the most frequent first."""
        counts = Counter(item.group for moment in self.moments for item in moment.shown)
        return sorted(counts, key=lambda group: (-counts[group], group))
