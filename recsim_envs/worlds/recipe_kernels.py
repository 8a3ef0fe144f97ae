"""The synthetic worlds' arithmetic as compiled code, in integers only.

Integer sums, products, comparisons and floor divisions give the same bits on every platform and compiler: nothing
here rounds, so nothing can be fused, reordered or approximated. Normal variables are Irwin-Hall sums of the four
16-bit words of one Philox draw, in units of 1 / `SD` standard deviations.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from recsim_envs.rng import WORLD, below, bits

SD: Final = 37837  # round(2**16 / sqrt(3)): standard deviation of `normal`

# What a draw is for: one purpose each, so that changing one part of a world leaves the others as they are.
FAME: Final = WORLD
SERIES: Final = WORLD + 1
TASTE: Final = WORLD + 2
CATEGORY: Final = WORLD + 3
QUALITY: Final = WORLD + 4
CENTRE: Final = WORLD + 5
STYLE: Final = WORLD + 6
MOOD: Final = WORLD + 7
LIKING: Final = WORLD + 8
WHIM: Final = WORLD + 9
LOG: Final = WORLD + 10
TITLE: Final = WORLD + 11


@njit(cache=True, inline="always")
def normal(seed, step, purpose, lane):
    """An int64 of mean 0 and standard deviation `SD`, bell-shaped within +-3.46 of them."""
    b = bits(seed, step, purpose, lane)
    word = np.uint64(0xFFFF)
    total = (b & word) + ((b >> np.uint64(16)) & word) + ((b >> np.uint64(32)) & word) + (b >> np.uint64(48))
    return np.int64(total) - np.int64(131070)


@njit(cache=True, inline="always")
def pick(cumulative, seed, step, purpose, lane):
    """An index drawn by integer weights, given as their running sums."""
    x = below(cumulative[-1], seed, step, purpose, lane)
    return np.searchsorted(cumulative, x, side="right")


@njit(cache=True)
def shuffled(seed, n):
    """A permutation of 0..n-1 (Fisher-Yates): the fame rank of each item, 0 the best known."""
    order = np.arange(n)
    for i in range(n - 1, 0, -1):
        j = below(i + 1, seed, i, FAME, 0)
        order[i], order[j] = order[j], order[i]
    return order


@njit(cache=True)
def series(seed, n, percent, longest):
    """For each item the first item of its series: neighbours in the catalogue, `longest` at most."""
    first = np.arange(n)
    for i in range(1, n):
        if i - first[i - 1] < longest and below(100, seed, i, SERIES, 0) < percent:
            first[i] = first[i - 1]
    return first


@njit(cache=True)
def item_tastes(seed, first, tastes):
    """The taste that each item appeals to (n,); one series has one taste."""
    out = np.empty(len(first), np.int64)
    for i in range(len(first)):
        out[i] = below(tastes, seed, first[i], TASTE, 0)
    return out


@njit(cache=True)
def overlapping_categories(seed, first, tastes, weights, broad, counts, percent_home):
    """One to len(counts) categories an item as (indptr, ids): a shop's shelf.

    Categories from `broad` on belong to the taste (index modulo the number of tastes). The first category of an
    item is one of its taste's own in `percent_home` of all cases; the others are drawn by `weights` (running sums).
    """
    n, groups = len(first), tastes.max() + 1
    indptr, ids, end = np.zeros(n + 1, np.int64), np.empty(n * len(counts), np.int32), 0
    own = (len(weights) - broad) // groups
    for i in range(n):
        f, start, step = first[i], end, 0
        wanted = 1 + pick(counts, seed, f, CATEGORY, 0)
        while end - start < wanted:
            step += 3
            if end == start and below(100, seed, f, CATEGORY, step) < percent_home:
                c = broad + tastes[f] + groups * below(own, seed, f, CATEGORY, step + 1)
            else:
                c = pick(weights, seed, f, CATEGORY, step + 2)
            if not np.any(ids[start:end] == c):
                ids[end] = c
                end += 1
        indptr[i + 1] = end
    return indptr, ids[:end].copy()


@njit(cache=True)
def nested_categories(seed, first, tastes, weights, total, percent_home):
    """A main category and one of its sub-categories for each item, as (indptr, ids).

    Main categories come first and belong to the taste (index modulo the number of tastes); of the others, up to
    `total`, category s is a sub-category of main s % mains. `weights` are running sums over the mains.
    """
    n, groups, mains = len(first), tastes.max() + 1, len(weights)
    ids = np.empty(2 * n, np.int32)
    for i in range(n):
        f = first[i]
        step = 1
        main = pick(weights, seed, f, CATEGORY, 0)
        if below(100, seed, f, CATEGORY, 1) < percent_home:
            while main % groups != tastes[f]:
                step += 1
                main = pick(weights, seed, f, CATEGORY, step)
        subs = (total - 1 - main) // mains  # how many this main has; the earlier ones are the larger ones
        a, b = below(subs, seed, f, CATEGORY, 1 << 20), below(subs, seed, f, CATEGORY, (1 << 20) + 1)
        ids[2 * i], ids[2 * i + 1] = main, main + mains * (1 + min(a, b))
    return 2 * np.arange(n + 1), ids


@njit(cache=True)
def quality(seed, first):
    """How good each item is, in 1 / SD: 1 - z**2, so that nothing is much better than good and some is poor.

    Without that ceiling some items would please everybody, and showing five of them in turn would be the optimum.
    """
    out = np.empty(len(first), np.int64)
    for i in range(len(first)):
        z = normal(seed, first[i], QUALITY, 0)
        out[i] = SD - z * z // SD
    return out


@njit(cache=True)
def styles(seed, first, tastes, dim, taste_weight, own_weight, sequel_weight):
    """Integer item vectors (n, dim), weights in hundredths: what a taste shares, the item's own, its sequel's part."""
    n = len(first)
    out = np.empty((n, dim), np.int64)
    for i in range(n):
        for d in range(dim):
            shared = taste_weight * normal(seed, tastes[i], CENTRE, d)
            own = own_weight * normal(seed, first[i], STYLE, d) + sequel_weight * normal(seed, i, STYLE, d + dim)
            out[i, d] = shared + own
    return out


@njit(cache=True)
def rewards(seed, users, tastes, qualities, weights, ceiling, veto, cuts):
    """Rewards 1..len(cuts)+1, int8 (users, n): how many cuts the sum of four effects passes.

    The effects are the user's mood, the item's quality, the user's liking of the item's taste and a
    whim of this user about this item, with `weights` in that order. Liking
    beyond `ceiling` adds nothing: a taste is minded or not. A whim below -`veto` makes the reward 1, whatever else.
    `weights`, `ceiling`, `veto` and `cuts` are in hundredths of a standard deviation.
    """
    n, groups = len(qualities), tastes.max() + 1
    out = np.empty((users, n), np.int8)
    liking = np.empty(groups, np.int64)
    for u in range(users):
        mood = weights[0] * normal(seed, u, MOOD, 0)
        for t in range(groups):
            liking[t] = weights[2] * min(normal(seed, u, LIKING, t), ceiling * SD // 100)
        for i in range(n):
            whim = normal(seed, u, WHIM, i)
            score = mood + weights[1] * qualities[i] + liking[tastes[i]] + weights[3] * whim
            level = 1
            for cut in cuts:
                level += score >= cut * SD
            out[u, i] = level if 100 * whim >= -veto * SD else 1
    return out


@njit(cache=True)
def watch_ratios(seed, users, indptr, ids, categories, weights, knots):
    """How much of each video each user watches, in hundredths of its length: int16 (users, n).

    The sum of four effects, the user's mood, the video's quality, the user's liking of its categories (the main one
    counted twice) and a whim of this user about this video, with `weights` in that order, is carried through the
    straight lines between `knots` (k, 2), and held at the first and the last of them. Both are in hundredths of a
    standard deviation.
    """
    n, last = len(indptr) - 1, len(knots) - 1
    out = np.empty((users, n), np.int16)
    liking = np.empty(categories, np.int64)
    good = np.array([normal(seed, i, QUALITY, 0) for i in range(n)])
    for u in range(users):
        mood = weights[0] * normal(seed, u, MOOD, 0)
        for c in range(categories):
            liking[c] = normal(seed, u, LIKING, c)
        for i in range(n):
            liked = liking[ids[indptr[i]]]
            for k in range(indptr[i], indptr[i + 1]):
                liked += liking[ids[k]]
            liked = weights[2] * liked // (1 + indptr[i + 1] - indptr[i])
            x = (mood + weights[1] * good[i] + liked + weights[3] * normal(seed, u, WHIM, i)) // SD
            x = min(max(x, knots[0, 0]), knots[last, 0])
            k = 1
            while x > knots[k, 0]:
                k += 1
            run, rise = knots[k, 0] - knots[k - 1, 0], knots[k, 1] - knots[k - 1, 1]
            out[u, i] = knots[k - 1, 1] + (x - knots[k - 1, 0]) * rise // run
    return out


@njit(cache=True)
def logs(seed, table, fame, shortest, longest, watched):
    """What each user watched before, oldest first, no item twice: (indptr, items).

    Items come up by `fame` (running sums of integer weights) and are watched in `watched[reward - 1]` per cent of
    all cases: people mostly choose what they will like. A user has `shortest` to `longest` entries.
    """
    users = table.shape[0]
    indptr, items, end = np.zeros(users + 1, np.int64), np.empty(users * longest, np.int32), 0
    for u in range(users):
        start, step = end, 1
        wanted = shortest + below(longest - shortest + 1, seed, u, LOG, 0)
        while end - start < wanted:
            step += 2
            i = pick(fame, seed, u, LOG, step)
            if below(100, seed, u, LOG, step + 1) < watched[table[u, i] - 1] and not np.any(items[start:end] == i):
                items[end] = i
                end += 1
        indptr[u + 1] = end
    return indptr, items[:end].copy()
