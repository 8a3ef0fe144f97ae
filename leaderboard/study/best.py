"""One agent against the best of several, when which of them is best is known from the same users only."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.schema import Estimate
from leaderboard.stats import Sums, difference
from leaderboard.study.contrast import shared_level


def less_best(one: Sums, others: Sequence[Sums], level: float) -> tuple[int, Estimate] | None:
    """Which of `others` did best on these users, and `one` less the best of them, whichever that truly is; None where
    there is nothing to compare.

    The low end of the interval is the lowest of all the single ones: one of them belongs to the true best, so they need
    be no wider for being many (intersection-union test: Berger, "Multiparameter hypothesis testing and acceptance
    sampling", Technometrics 24(4), 1982). The high end is the lowest of the high ends, all of which must hold for that,
    so these are widened for being many (Bonferroni). There is no interval where one of the single ones has none.
    """
    shared = shared_level(len(others), level)
    found = [
        (n, single, wide)
        for n, other in enumerate(others)
        if (single := difference(one, other, level=level)) and (wide := difference(one, other, level=shared))
    ]
    if not found:
        return None
    best, nearest, _ = min(found, key=lambda each: each[1].value)
    lows = [single.low for _, single, _ in found if single.low is not None]
    highs = [wide.high for _, _, wide in found if wide.high is not None]
    if len(lows) < len(found) or len(highs) < len(found):
        note = next(single.note for _, single, _ in found if single.low is None)
        return best, Estimate(value=nearest.value, note=note)
    return best, Estimate(value=nearest.value, low=min(lows), high=min(highs), note=nearest.note)
