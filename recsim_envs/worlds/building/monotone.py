"""Rising maps from what a user model predicts to what a world pays.

Predictions are drawn towards the mean: a model that says 4.1 means "between 3 and 5". Who is to leave after a reward
of 2 needs rewards that reach 2 as often as ratings do. Both maps keep the order of predictions, so that no ranking of
items changes, and are piecewise linear with few knots, so that a kernel can apply them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
KNOTS: Final = 64
LEVELS: Final = 10
"""Up to this many different values are levels (stars), more are a continuous signal."""


def fit_map(kind: str, predicted: Floats, observed: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Knots float32 (2, k) of the map, rising x over non-decreasing y; None for "none" or where all predictions agree.

    "mean": the mean of what is observed at a prediction, by isotonic regression (Barlow et al., "Statistical Inference
    under Order Restrictions", 1972). "distribution": the quantile of the prediction among predictions becomes the same
    quantile of what is observed, each level of few spread half-way to its neighbours, so that order is kept.
    """
    if kind == "none" or predicted.min() == predicted.max():
        return None
    seen = observed.astype(np.float64)
    x, y = (_means if kind == "mean" else _quantiles)(predicted, seen)
    points, place = np.unique(x.astype(np.float32), return_inverse=True)
    if len(points) == 1:
        return None
    means = np.bincount(place, y) / np.bincount(place)  # where many predictions agree: what they get on average
    return np.stack([points, means.astype(np.float32)])


def apply_map(knots: NDArray[np.float32] | None, raw: Floats, span: tuple[float, float]) -> Floats:
    """What the world pays for raw predictions of any shape, clipped to `span`."""
    mapped = raw if knots is None else np.interp(raw, knots[0].astype(np.float64), knots[1].astype(np.float64))
    return np.clip(mapped, *span)


def _means(predicted: Floats, observed: Floats) -> tuple[Floats, Floats]:
    from scipy.optimize import isotonic_regression

    order = np.argsort(predicted, kind="stable")
    blocks = np.array_split(order, min(KNOTS, len(order)))
    x, y = (np.array([values[block].mean() for block in blocks]) for values in (predicted, observed))
    fitted: Floats = isotonic_regression(y, weights=[len(block) for block in blocks]).x
    return x, fitted


def _quantiles(predicted: Floats, observed: Floats) -> tuple[Floats, Floats]:
    share = np.linspace(0, 1, KNOTS)
    levels, counts = np.unique(observed, return_counts=True)
    if len(levels) > LEVELS:
        return np.quantile(predicted, share), np.quantile(observed, share)
    below = np.concatenate([[0], np.cumsum(counts) / counts.sum()])
    borders = np.concatenate([levels[:1], (levels[1:] + levels[:-1]) / 2, levels[-1:]])
    share = np.union1d(share, below)
    return np.quantile(predicted, share), np.interp(share, below, borders)
