"""Tiers of agents that are not told apart, and the ranks that each may have.

The agents told apart jointly at 95 % (`pairs`) are ordered, the others are not: a partial order. Its levels are the
tiers: an agent is one tier below the lowest tier in which somebody is better. So nobody in a tier is told apart from
anybody in it, every agent below the first tier is worse than somebody in the tier above, and no partition without
ordered pairs has fewer tiers (Mirsky, "A dual of Dilworth's decomposition theorem", American Mathematical Monthly
78(8), 1971). Who is better than somebody better is told apart as well, but for rare differences in degrees of freedom,
because standard errors obey the triangle inequality. So, among the same decisions, taking an agent away moves no other
by more than one tier, and taking away one who beats nobody moves none.

Ranks follow from the same comparisons: an agent's best possible rank has those before it who are better, its worst
has all before it but those who are worse; all these intervals hold together at 95 % (Mogstad, Romano, Shaikh & Wilhelm,
"Inference for ranks with applications to mobility across neighbourhoods and academic achievement across countries",
Review of Economic Studies 91(1), 2024; Klein, Wright & Wieczorek, "A joint confidence region for an overall ranking of
populations", JRSS C 69(3), 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.stats.pairs import Pairs


@dataclass(frozen=True)
class Tiers:
    """One entry an agent. tier: 1 is the first, None where its figure is undefined; rank_low and rank_high: the best
    and the worst rank that it may have, 1 and n where nothing is known.
    """

    tier: tuple[int | None, ...]
    rank_low: tuple[int, ...]
    rank_high: tuple[int, ...]


def tiers(pairs: Pairs) -> Tiers:
    """The tiers and ranks that a comparison of agents gives."""
    better = pairs.separate & (pairs.value > 0)
    tier, above = _levels(better)
    undefined = np.isnan(pairs.value.diagonal())
    return Tiers(
        tier=tuple(None if unknown else int(level) for unknown, level in zip(undefined, tier, strict=True)),
        rank_low=tuple((1 + above.sum(axis=0)).tolist()),
        rank_high=tuple((len(tier) - above.sum(axis=1)).tolist()),
    )


def _levels(better: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The level of each agent, 1 at the top, and who is better than whom directly or through others.

    better: bool (n, n), whether i is told apart from j and better. It follows the order of values: no circles.
    """
    worse = better.T.astype(np.float32)  # a product of matrices follows paths of length two
    level, below = np.ones(len(better), np.int64), np.zeros_like(worse)
    open_ = np.ones(len(better), bool)
    while open_.any():
        top = open_ & ~better[open_].any(axis=0)
        below[top] = worse[top] + worse[top] @ below > 0
        open_ &= ~top
        level[open_] += 1
    return level, below.T > 0
