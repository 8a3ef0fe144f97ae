"""What is known of a recommendation before it is made: in words, the states that the Critic of `billp-plus` values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from bilp_agent.hypotheses import Circumstances
from bilp_agent.states import fifths

MOST_UNTRIED = 4  # more than that are described alike


@dataclass(frozen=True)
class Outlook:
    """What is known of a recommendation before it is made.

    item: what it is. what: its circumstances. known: whether the user's own reward for it is known. span: steps that
    users are believed to remember. untried: how many of the last `span` items nobody was seen to stay with beside
    it; kin: how many of those share a category with it. suspicion: departures that these may have caused.
    """

    item: int
    what: Circumstances
    known: bool
    span: int
    untried: int
    kin: int
    suspicion: float

    @cached_property
    def text(self) -> str:
        """The key of the Critic's memory in `billp-plus`: it speaks of no item and no user, so it recurs."""
        what = self.what
        rested = what.repeat is None or what.repeat > self.span
        return "; ".join(
            (
                f"{'known' if self.known else 'new'}",
                f"{'known' if self.known else 'expected'} reward {math.floor(2 * what.reward + 0.5) / 2:g}",
                f"untried neighbours {min(self.untried, MOST_UNTRIED)}",
                f"of them alike {min(self.kin, MOST_UNTRIED)}",
                "suspected" if self.suspicion > 0 else "not suspected",
                "rested" if rested else f"shown {what.repeat} steps ago",
                f"crowd {min(what.crowded, 3)}",
            )
        )


@dataclass(frozen=True)
class SlateOutlook(Outlook):
    """The same of one item of a slate. low, high: bounds of its score. full: how near its main category is to its limit
    of recent clicks, where that is seen.
    """

    low: float
    high: float
    full: float

    @cached_property
    def text(self) -> str:
        """Also of neither item nor user; scores in eighths of their range, fullness in fifths."""
        what = self.what
        share = (what.reward - self.low) / ((self.high - self.low) or 1.0)
        return "; ".join(
            (
                f"{'known' if self.known else 'new'}",
                f"expected score {math.floor(8 * share + 0.5)}",
                f"full {fifths(self.full)}",
                f"shown {min(what.repeat, 5)} steps ago" if what.repeat is not None else "not shown",
                f"crowd {min(what.crowded, 4)}",
            )
        )
