"""What an open cell may cost, from what finished ones have cost, and how far they are from being like it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final, NamedTuple

from leaderboard.sweep.cells import CellRow

ALIKE: Final = {
    "env_id": "environment",
    "options": "options",
    "track": "track",
    "limit": "budget",
    "log": "log",
    "suite": "suite",
    "parameters": "parameters",
}
"""What decides beside its agent how long a cell takes, in words, what matters most first."""


class Cost(NamedTuple):
    """Seconds of training and test together.

    `unlike` is what the finished cells that it is taken from have otherwise, as in `ALIKE`. With nothing there they
    differ by their seed alone; with anything it is a guess, which may be wrong by any factor.
    """

    seconds: float
    unlike: tuple[str, ...] = ()


def cost(row: CellRow, finished: Sequence[CellRow]) -> Cost | None:
    """The median of the finished cells most like an open one; None where its agent has finished none."""
    alike = [f for f in finished if f.agent == row.agent and f.seconds is not None]
    if not alike:
        return None
    unlike = []
    for field, word in ALIKE.items():
        closer = [f for f in alike if getattr(f, field) == getattr(row, field)]
        if not closer:
            unlike.append(word)
        alike = closer or alike
    return Cost(statistics.median(f.seconds or 0.0 for f in alike), tuple(unlike))
