"""The loops behind metrics of items, compiled: linear in what was shown, with one scratch array for the catalogue."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit


@njit(cache=True)  # type: ignore[untyped-decorator]
def count_distinct(offsets: Any, items: Any, num_items: int) -> Any:
    """Different items in each episode: int64, one an episode."""
    seen = np.full(num_items, -1, np.int64)
    found = np.zeros(len(offsets) - 1, np.int64)
    for e in range(len(found)):
        for k in range(offsets[e], offsets[e + 1]):
            if seen[items[k]] != e:
                seen[items[k]] = e
                found[e] += 1
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def category_entropies(offsets: Any, items: Any, indptr: Any, categories: Any, num_categories: int) -> Any:
    """Shannon entropy, in bits, of the categories shown in each episode: float64. An item is shared by its own."""
    weight = np.zeros(num_categories)
    found = np.zeros(len(offsets) - 1)
    for e in range(len(found)):
        for k in range(offsets[e], offsets[e + 1]):
            start, stop = indptr[items[k]], indptr[items[k] + 1]
            for c in range(start, stop):
                weight[categories[c]] += 1.0 / (stop - start)
        shown = float(offsets[e + 1] - offsets[e])
        for k in range(offsets[e], offsets[e + 1]):
            for c in range(indptr[items[k]], indptr[items[k] + 1]):
                share = weight[categories[c]] / shown
                if share > 0.0:
                    found[e] -= share * math.log2(share)
                weight[categories[c]] = 0.0  # each category counts once, and the next episode starts from nothing
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def jaccard(first: Any, second: Any, offsets: Any, items: Any, num_items: int) -> Any:
    """Items that two episodes share, over those that either shows, in the steps that both reached: float64 (pairs,).

    NaN where one of them has no steps. Source: Jaccard, "The distribution of the flora in the alpine zone", New
    Phytologist 11, 1912.
    """
    of_first = np.full(num_items, -1, np.int32)
    of_second = np.full(num_items, -1, np.int32)
    found = np.full(len(first), np.nan)
    for p in range(len(first)):
        a, b = offsets[first[p]], offsets[second[p]]
        reached = min(offsets[first[p] + 1] - a, offsets[second[p] + 1] - b)
        either = shared = 0
        for k in range(reached):
            if of_first[items[a + k]] != p:
                of_first[items[a + k]] = p
                either += 1
        for k in range(reached):
            item = items[b + k]
            if of_second[item] != p:
                of_second[item] = p
                if of_first[item] == p:
                    shared += 1
                else:
                    either += 1
        if either > 0:
            found[p] = shared / either
    return found
