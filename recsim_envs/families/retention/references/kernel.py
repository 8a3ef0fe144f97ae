"""Building slates on the true model: each slot takes the item of the highest worth, given the slots above it."""

from __future__ import annotations

import numpy as np
from numba import njit

from recsim_envs.families.retention.kernel import (
    BAIT,
    CAUSE,
    INTEREST,
    ITEM,
    QUALITY,
    REMEMBERED,
    RUNNING,
    SATIATION,
    TRUST,
    click_chance,
    view_chance,
)

CLICKED, VIEWED, DISAPPOINTED, TRUSTED, INTERESTED, SATIATED = range(6)  # what has a price


@njit(cache=True, inline="always")
def worth(c, match, interest, trust, quality, bait, prices):
    """Expected worth of an examined item.

    `prices`: of a click, of a long view, of a disappointment, and of a unit of trust, interest and satiation.
    """
    click, view = click_chance(c, match, trust, bait), view_chance(c, match, quality)
    watched = prices[VIEWED] + prices[TRUSTED] * c.trust_gain * (1.0 - trust)
    watched += prices[INTERESTED] * c.taste_gain * (1.0 - interest)
    disappointed = prices[DISAPPOINTED] - prices[TRUSTED] * c.trust_loss * trust
    tired = prices[SATIATED] * c.satiation_gain * interest  # a topic of no interest may well be worn out
    return click * (prices[CLICKED] + tired + view * watched + (1.0 - view) * disappointed)


@njit(cache=True)
def build(topics, facets, c, clock, mind, tastes, history, prices, shown, slates):
    """Fill `slates` (int64, (B, k)) of the running lanes.

    Greedy, and exact but for the slate itself, within which satiation grows by its expectation and trust stays. Where
    `shown` (int32, (B, N)) is not empty, items shown less often go first, whatever they are worth.
    """
    count, size = len(topics), slates.shape[1]
    worths, known, weary = np.empty(count), np.empty(count, np.bool_), np.empty(tastes.shape[2])
    for b in range(len(slates)):
        if clock[b, CAUSE] != RUNNING:
            continue
        known[:] = False
        for h in range(max(history.shape[2] - REMEMBERED, 0), history.shape[2]):
            if history[b, ITEM, h] >= 0:
                known[history[b, ITEM, h]] = True
        weary[:] = tastes[b, SATIATION]
        trust, examined, changed = mind[b, TRUST], 1.0, -1
        for j in range(size):
            best = -1
            for i in range(count):
                k = topics[i]
                if j == 0 or k == changed:
                    interest = tastes[b, INTEREST, k]
                    match = interest - weary[k] - (c.repeat if known[i] else 0.0)
                    worths[i] = worth(c, match, interest, trust, facets[i, QUALITY], facets[i, BAIT], prices)
                if best < 0:
                    best = i
                elif shown.shape[0] and shown[b, i] != shown[b, best]:
                    best = i if shown[b, i] < shown[b, best] else best
                elif worths[i] > worths[best]:
                    best = i
            slates[b, j], changed, known[best] = best, topics[best], True
            match = tastes[b, INTEREST, changed] - weary[changed]
            weary[changed] += c.satiation_gain * examined * click_chance(c, match, trust, facets[best, BAIT])
            examined *= c.attention
            if shown.shape[0]:
                shown[b, best] += 1
