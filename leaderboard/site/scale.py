"""The scale of a column of intervals, with a band behind each tier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from leaderboard.schema import Estimate
from leaderboard.site import geometry
from leaderboard.site.geometry import Axis, Mark

WIDTH: Final = 190
"""Of the column, in pixels."""
_EDGE: Final = 5  # that a band reaches beyond its intervals


@dataclass(frozen=True)
class Scale:
    """Where figures stand. `bands` are start and width of what the intervals of each tier cover together."""

    axis: Axis
    bands: Mapping[int, tuple[float, float]]
    width: int = WIDTH

    @classmethod
    def of(cls, figures: Iterable[tuple[int | None, Estimate | None]], *, score: bool) -> Scale:
        """A scale that holds all figures, each given with its tier."""
        known = [(tier, e) for tier, e in figures if e is not None]
        axis = geometry.axis([e for _, e in known], 8, WIDTH - 8, score=score)
        reach: dict[int, list[float]] = {}
        for tier, e in known:
            if tier is not None:
                reach.setdefault(tier, []).extend(axis.at(x) for x in (e.value, e.low, e.high) if x is not None)
        bands = {t: (round(min(xs) - _EDGE, 1), round(max(xs) - min(xs) + 2 * _EDGE, 1)) for t, xs in reach.items()}
        return cls(axis, bands)

    @cached_property
    def grid(self) -> str:
        """The path of its ticks."""
        return "".join(f"M{self.axis.at(tick)} 0V32" for tick in self.axis.ticks)

    def mark(self, estimate: Estimate) -> Mark:
        """A figure in pixels."""
        return geometry.mark(estimate, self.axis)
