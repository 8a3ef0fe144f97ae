"""How well predictors meet what was held out of a log: errors, calibration and ranking, with intervals over users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.card import resample
from recsim_envs.worlds.card.ranking import ndcg, pair_accuracy, placements

BINS: Final = 10
MODEL: Final = "model"
REWARDS: Final = "rewards"
BASELINES: Final = ("bias_only", "mf")
HIGHER_IS_BETTER: Final = {"rmse": False, "mae": False, "auc": True, "ndcg": True, "pairs": True}
"""The figures that predictors are compared by. Calibration is reported beside them and not compared."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Held-out rows (n,) sorted by cluster, and what each predictor says of them.

    clusters: int64, which of `num_clusters` users a row belongs to. observed: float64. liked: bool.
    predictions: float64 (n,) by name, "model" among them. lowest: the least value there can be, of gain 0.
    """

    clusters: NDArray[np.int64]
    num_clusters: int
    observed: Floats
    liked: NDArray[np.bool_]
    predictions: dict[str, Floats]
    lowest: float

    @classmethod
    def of(
        cls,
        clusters: NDArray[Any],
        num_clusters: int,
        observed: NDArray[Any],
        predictions: Mapping[str, NDArray[Any]],
        *,
        liked_from: float,
        lowest: float,
    ) -> Rows:
        """From rows in any order. Raises `ConfigurationError` for no rows, no model or arrays of other lengths."""
        wrong = [name for name, values in predictions.items() if np.shape(values) != np.shape(observed)]
        if not len(observed) or MODEL not in predictions or wrong:
            raise ConfigurationError(
                f"held-out rows need predictions of {MODEL!r}, one a row; got {len(observed)} rows and "
                f"{ ({name: np.shape(values) for name, values in predictions.items()}) }"
            )
        order = np.argsort(clusters, kind="stable")
        values = np.asarray(observed, np.float64)[order]
        return cls(
            np.asarray(clusters)[order].astype(np.int64),
            num_clusters,
            values,
            values >= liked_from,
            {name: np.asarray(p, np.float64)[order] for name, p in predictions.items()},
            min(lowest, float(values.min())),
        )


def liked_from(values: NDArray[Any], *, implicit: bool, reward_range: tuple[float, float]) -> float:
    """The value from which something counts as liked.

    The middle of the range where values only say that something happened; else the median, or the least value above
    the lowest where the median is the lowest.
    """
    if implicit:
        return (reward_range[0] + reward_range[1]) / 2
    levels = np.asarray(values, np.float64)
    median, lowest = float(np.quantile(levels, 0.5, method="higher")), float(levels.min())
    if median > lowest or levels.max() == lowest:
        return median
    return float(levels[levels > lowest].min())


def held_out_figures(
    users: NDArray[Any],
    observed: NDArray[Any],
    predictions: Mapping[str, NDArray[Any]],
    *,
    liked_from: float,
    lowest: float,
    seed: int,
) -> dict[str, Any]:
    """All figures of predictors on the same held-out rows (n,), each as [estimate, low, high] with a 95 % interval.

    predictors: by name rmse, mae, auc (liked against not, all rows together), ndcg (at 10, within users), pairs (share
        of a user's pairs in the right order), calibration_error (mean distance of predicted and observed means over
        `BINS` bins of equal mass).
    gains: of "model" over each of `BASELINES` that is there, above 0 where the model is better, paired.
    reliability: of "model" and "rewards", bins from low to high: [rows, mean predicted, mean observed, low, high].
    """
    known, clusters = np.unique(users, return_inverse=True)
    rows = Rows.of(clusters, len(known), observed, predictions, liked_from=liked_from, lowest=lowest)
    drawn = replicates(rows, seed)
    return {
        "rows": len(rows.observed),
        "users": len(known),
        "liked_from": float(liked_from),
        "liked_share": float(rows.liked.mean()),
        "resampling": resample.method(len(known)),
        "predictors": {name: _intervals(figures) for name, figures in drawn.items()},
        "gains": {name: _gains(drawn[MODEL], drawn[name]) for name in BASELINES if name in drawn},
        "reliability": {
            name: reliability(rows, rows.predictions[name], seed)
            for name in (MODEL, REWARDS)
            if name in rows.predictions
        },
    }


def replicates(rows: Rows, seed: int) -> dict[str, dict[str, Floats]]:
    """Every figure of every predictor, for the sample and each resample: float64 (1 + replicates,)."""
    shared, own = _sums(rows)
    columns = [shared, *own.values()]
    widths = np.cumsum([part.shape[1] for part in columns])[:-1]
    base, *parts = np.split(resample.totals(np.concatenate(columns, axis=1), seed), widths, axis=1)
    return {name: _figures(base, part) for name, part in zip(own, parts, strict=True)}


def _sums(rows: Rows) -> tuple[Floats, dict[str, Floats]]:
    """Columns (clusters, k): the counts that all predictors share, and each predictor's own."""

    def by_user(values: Floats) -> Floats:
        return np.bincount(rows.clusters, values, rows.num_clusters).astype(np.float64)

    gains = rows.observed - rows.lowest
    shares, paired = pair_accuracy(rows.clusters, rows.observed, rows.predictions, rows.num_clusters)
    own, ranked = {}, np.zeros(rows.num_clusters)
    for name, values in rows.predictions.items():
        error = values - rows.observed
        placed = placements(rows.liked, values)
        scores, ranked = ndcg(rows.clusters, gains, values, rows.num_clusters)
        bins = equal_mass(values)
        own[name] = np.stack(
            [
                by_user(error**2),
                by_user(np.abs(error)),
                by_user(np.where(rows.liked, placed, 0.0)),
                by_user(np.where(rows.liked, 0.0, placed)),
                scores,
                shares[name],
                *(by_user(np.where(bins == k, error, 0.0)) for k in range(BINS)),
            ],
            axis=1,
        )
    liked, others = by_user(rows.liked.astype(np.float64)), by_user((~rows.liked).astype(np.float64))
    return np.stack([liked, others, ranked, paired], axis=1), own


def _figures(shared: Floats, own: Floats) -> dict[str, Floats]:
    """Figures from totals (1 + replicates, k); NaN where a resample has nothing to take them from.

    The AUC of a resample is that of its first-order expansion in users, which is a sum over them (Obuchowski,
    "Nonparametric analysis of clustered ROC curve data", Biometrics 53, 1997): no sorting a resample.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        liked, others, ranked, paired = shared.T
        rows = liked + others
        above, below = own[:, 2] / liked, own[:, 3] / others
        return {
            "rmse": np.sqrt(own[:, 0] / rows),
            "mae": own[:, 1] / rows,
            "auc": np.clip(above + below - above[0], 0.0, 1.0),
            "ndcg": own[:, 4] / ranked,
            "pairs": own[:, 5] / paired,
            "calibration_error": np.abs(own[:, 6:]).sum(axis=1) / rows,
        }


def equal_mass(predicted: Floats) -> NDArray[np.int64]:
    """The bin of each row (n,), 0..BINS-1 from low to high, by ranks; equal predictions share a bin."""
    _, level, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    found: NDArray[np.int64] = np.minimum(middle * BINS / len(predicted), BINS - 1).astype(np.int64)[level]
    return found


def reliability(rows: Rows, predicted: Floats, seed: int) -> list[list[float]]:
    """Bins of equal mass that hold rows: [rows, mean predicted, mean observed, low, high of the mean observed]."""
    bins = equal_mass(predicted)
    used, place = np.unique(bins, return_inverse=True)
    cell = rows.clusters * len(used) + place
    size = rows.num_clusters * len(used)
    sums = [np.bincount(cell, w, size).reshape(-1, len(used)) for w in (None, predicted, rows.observed)]
    drawn = resample.totals(np.concatenate(sums, axis=1).astype(np.float64), seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        counts, means, seen = np.split(drawn, 3, axis=1)
        return [
            [float(counts[0, k]), float(means[0, k] / counts[0, k]), *resample.interval(seen[:, k] / counts[:, k])]
            for k in range(len(used))
        ]


def _intervals(figures: dict[str, Floats]) -> dict[str, list[float]]:
    lifted = {"calibration_error"}
    return {n: resample.centred(v) if n in lifted else resample.interval(v) for n, v in figures.items()}


def _gains(model: dict[str, Floats], other: dict[str, Floats]) -> dict[str, list[float]]:
    return {
        name: resample.interval(model[name] - other[name] if higher else other[name] - model[name])
        for name, higher in HIGHER_IS_BETTER.items()
    }
