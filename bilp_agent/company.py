"""Which items were shown near one another, and whether the user stayed: facts about pairs, for the Actor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bilp_agent.memory.files import read_json, reading
from recsim_envs.files import write_json

REACH = 10  # steps back that are looked at
VERSION = 1
Pair = tuple[int, int]


@dataclass
class Company:
    """What is known of pairs of items, whichever came first.

    closest: the fewest steps between the two that a user stayed through. suspected: shares of departures that
    happened when the later of the two was shown and that this pair may have caused.
    """

    closest: dict[Pair, int] = field(default_factory=dict)
    suspected: dict[Pair, float] = field(default_factory=dict)

    def stay(self, item: int, before: Sequence[int]) -> None:
        """The user stayed when `item` was shown after `before` (the latest last)."""
        for back, other in enumerate(reversed(before[-REACH:]), 1):
            self._note(_pair(item, other), back)

    def _note(self, pair: Pair, back: int) -> None:
        self.closest[pair] = min(back, self.closest.get(pair, back))

    def leave(self, item: int, before: Sequence[int], span: int) -> None:
        """The user left when `item` was shown: each pair within `span` steps that nothing clears bears a share."""
        suspects = [_pair(item, other) for other in self.untried(item, before, span)]
        for pair in suspects:
            self.suspected[pair] = self.suspected.get(pair, 0.0) + 1.0 / len(suspects)

    def untried(self, item: int, before: Sequence[int], span: int) -> list[int]:
        """Which of the last `span` items were never stayed through so near to this one, the latest first."""
        near = reversed(before[-span:]) if span > 0 else ()
        return [other for other in near if self.closest.get(_pair(item, other), REACH + 1) > span]

    def suspicion(self, item: int, others: Iterable[int]) -> float:
        """Departures that pairs of `item` with `others` may have caused; ask for untried ones only."""
        return sum(self.suspected.get(_pair(item, other), 0.0) for other in others)

    def partners(self) -> dict[int, int]:
        """How many others each item was stayed through with."""
        found: dict[int, int] = {}
        for pair in self.closest:
            for item in pair:
                found[item] = found.get(item, 0) + 1
        return found

    def merge(self, other: Company) -> None:
        """Take over what another knows of stays, and add the departures that it suspects pairs of."""
        for pair, back in other.closest.items():
            self._note(pair, back)
        for pair, share in other.suspected.items():
            self.suspected[pair] = self.suspected.get(pair, 0.0) + share

    def save(self, path: Path) -> None:
        """Write all pairs as JSON."""
        closest = [[*pair, back] for pair, back in sorted(self.closest.items())]
        suspected = [[*pair, share] for pair, share in sorted(self.suspected.items())]
        write_json(path, {"version": VERSION, "closest": closest, "suspected": suspected}, indent=None)

    @classmethod
    def load(cls, path: Path) -> Company:
        """Read what `save` wrote. Raises `AgentError` naming the file if it is unusable."""
        record = read_json(path, VERSION)
        with reading(path):
            closest = {_pair(int(a), int(b)): int(back) for a, b, back in record["closest"]}
            suspected = {_pair(int(a), int(b)): float(share) for a, b, share in record["suspected"]}
            if not all(0 <= share < math.inf for share in suspected.values()):
                raise ValueError("a share is negative or not finite")
            return cls(closest, suspected)


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one <= other else (other, one)
