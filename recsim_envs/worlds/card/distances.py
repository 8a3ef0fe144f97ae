"""How far simulated behaviour lies from the log's: ratings, popularity, categories, lengths, return gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.rng import WORLD, below_array, bits_array

MANY_LEVELS: Final = 10
LENGTH_BINS: Final = 20
SHOWN_CATEGORIES: Final = 12
SHARES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Parts of the catalogue, most liked items first, of which the share curve tells how many likes they hold."""
_THIN: Final = WORLD + 69
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)

Floats = NDArray[np.float64]
UNKNOWN: Final = "the log has no times, so neither visits nor the gaps between them are known"


def total_variation(first: Floats, other: Floats) -> float:
    """Half the L1 distance of two sets of shares (k,): 0 equal, 1 disjoint."""
    return float(np.abs(first - other).sum() / 2)


def random_pairs(vectors: NDArray[np.float32], count: int, seed: int, purpose: int) -> tuple[NDArray[np.int64], Floats]:
    """Random pairs of different items: the first of each, int64 (count,), and how far apart both lie, float64."""
    draw, items = np.arange(count), len(vectors)
    first = below_array(items, seed, draw, purpose, 0)
    other = (first + 1 + below_array(max(items - 1, 1), seed, draw, purpose, 1)) % items
    return first, np.sqrt(((vectors[first].astype(np.float64) - vectors[other]) ** 2).sum(1))


def sample_distances(observed: NDArray[Any], simulated: NDArray[Any]) -> dict[str, float]:
    """Kolmogorov-Smirnov and Wasserstein-1 distance of two samples (n,) and (m,).

    Both are read off the empirical distribution functions F and G: the largest |F - G|, and the integral of |F - G|
    (in the unit of the values).
    """
    first, other = np.sort(np.asarray(observed, np.float64)), np.sort(np.asarray(simulated, np.float64))
    points = np.unique(np.concatenate([first, other]))
    gaps = np.abs(
        np.searchsorted(first, points, side="right") / len(first)
        - np.searchsorted(other, points, side="right") / len(other)
    )
    return {"ks": float(gaps.max()), "wasserstein": float((gaps[:-1] * np.diff(points)).sum())}


def rating_distances(observed: NDArray[Any], simulated: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Shares of rating levels as observed and in each simulated set (n,), and their distances from the observed.

    Levels are the distinct observed ratings, or ten equal steps where there are more than ten; simulated ratings are
    rounded to the nearest level for shares and total variation, and taken as they are for the other two distances.
    """
    levels = np.unique(np.asarray(observed, np.float64))
    if len(levels) > MANY_LEVELS:
        levels = np.linspace(levels[0], levels[-1], MANY_LEVELS)
    cuts = (levels[1:] + levels[:-1]) / 2

    def shares(values: NDArray[Any]) -> Floats:
        counts = np.bincount(np.searchsorted(cuts, values, side="right"), minlength=len(levels))
        part: Floats = counts / len(values)
        return part

    real = shares(observed)
    found = {name: shares(values) for name, values in simulated.items()}
    return {
        "levels": levels.tolist(),
        "shares": {"observed": real.tolist(), **{name: s.tolist() for name, s in found.items()}},
        "distance": {
            name: {"tv": total_variation(real, found[name]), **sample_distances(observed, values)}
            for name, values in simulated.items()
        },
    }


def gini(counts: NDArray[Any]) -> float:
    """Gini coefficient of counts (n,): 0 all equal, near 1 where one item holds all; NaN where all are 0."""
    ordered = np.sort(np.asarray(counts, np.float64))
    ranks, total, size = np.arange(1, len(ordered) + 1), ordered.sum(), len(ordered)
    return float(2 * (ranks * ordered).sum() / (size * total) - (size + 1) / size) if total else float("nan")


def share_curve(counts: NDArray[Any]) -> list[float]:
    """The share of all counts (n,) that the most counted `SHARES` of the items hold."""
    held = np.concatenate([[0], np.cumsum(np.sort(np.asarray(counts, np.float64))[::-1])])
    places = np.array(SHARES) * len(counts)
    return (np.interp(places, np.arange(len(held)), held) / max(held[-1], 1.0)).tolist()


def thinned(items: NDArray[Any], count: int, seed: int) -> NDArray[Any]:
    """`count` of these likes at random, all where there are fewer: concentration depends on how many are counted."""
    if len(items) <= count:
        return items
    return items[np.argsort(bits_array(seed, np.arange(len(items)), _THIN), kind="stable")[:count]]


def popularity_distance(logged: NDArray[Any], simulated: NDArray[Any], num_items: int, seed: int) -> dict[str, Any]:
    """Concentration of likes, given as the items that were liked: in the log (n,) and in simulated sessions (m,).

    The larger set is thinned to the size of the smaller. distance is the largest difference of the share curves.
    """
    size = min(len(logged), len(simulated))
    if not size:
        return {"known": False, "why": "nothing is liked in the log, or nothing in simulated sessions"}
    counts = [np.bincount(thinned(items, size, seed), minlength=num_items) for items in (logged, simulated)]
    real, found = (share_curve(c) for c in counts)
    return {
        "known": True,
        "likes": size,
        "shares": list(SHARES),
        "log": {"gini": gini(counts[0]), "curve": real},
        "simulated": {"gini": gini(counts[1]), "curve": found},
        "distance": float(np.abs(np.subtract(real, found)).max()),
    }


def category_mix(
    logged: NDArray[Any], simulated: NDArray[Any], indptr: NDArray[np.int64], ids: NDArray[Any], names: Sequence[str]
) -> dict[str, Any]:
    """Shares of categories among likes in the log (n,) and in simulated sessions (m,), and their total variation.

    `indptr` (items + 1,) and `ids` are the categories of items; a like counts in equal parts for those of its item.
    The largest `SHOWN_CATEGORIES` of the log are listed.
    """
    if len(names) < 2:
        return {"known": False, "why": "there is only one category, or none"}
    if not len(logged) or not len(simulated):
        return {"known": False, "why": "nothing is liked in the log, or nothing in simulated sessions"}
    owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))

    def mix(items: NDArray[Any]) -> Floats:
        each = np.bincount(items, minlength=len(indptr) - 1) / np.diff(indptr)
        part: Floats = np.bincount(ids, each[owner], len(names)) / len(items)
        return part

    real, found = mix(logged), mix(simulated)
    largest = np.argsort(-real, kind="stable")[:SHOWN_CATEGORIES]
    return {
        "known": True,
        "categories": [names[k] for k in largest.tolist()],
        "log": real[largest].tolist(),
        "simulated": found[largest].tolist(),
        "distance": total_variation(real, found),
    }


def length_distances(logged: NDArray[Any] | None, simulated: NDArray[Any], horizon: int) -> dict[str, Any]:
    """Session lengths in the log, None where it has no visits, and simulated; both cut at the horizon."""
    if logged is None or not len(logged):
        why = UNKNOWN if logged is None else "no test user has visits"
        return {"known": False, "why": why, "simulated": _lengths(simulated, np.minimum(simulated, horizon))}
    real, found = np.minimum(logged, horizon), np.minimum(simulated, horizon)
    edges = np.unique(np.linspace(1, horizon + 1, min(horizon, LENGTH_BINS) + 1).astype(np.int64))
    both = [np.histogram(values, edges)[0] / len(values) for values in (real, found)]
    return {
        "known": True,
        "horizon": horizon,
        "beyond_horizon": float((logged > horizon).mean()),
        "edges": edges.tolist(),
        "log": _lengths(logged, real) | {"shares": both[0].tolist()},
        "simulated": _lengths(simulated, found) | {"shares": both[1].tolist()},
        "distance": {"tv": total_variation(*both), **sample_distances(real, found)},
    }


def _lengths(values: NDArray[Any], cut: NDArray[Any]) -> dict[str, Any]:
    """Of sessions: how many, their mean length cut at the horizon, and their median."""
    return {"sessions": len(values), "mean": float(cut.mean()), "median": float(np.median(values))}


def return_gaps(days: NDArray[Any] | None) -> dict[str, Any]:
    """The log's gaps between a user's visits (n,), in days; users of the departure family come only once."""
    if days is None or not len(days):
        return {"known": False, "modelled": False, "why": UNKNOWN if days is None else "nobody came back"}
    return {
        "known": True,
        "modelled": False,
        "gaps": len(days),
        "mean": float(np.mean(days)),
        "quantiles": dict(zip(map(str, _QUANTILES), np.quantile(days, _QUANTILES).tolist(), strict=True)),
    }
