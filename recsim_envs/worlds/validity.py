"""How well a world from a log fits what was held out of it: the figures of its simulator card."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.rng import WORLD, below_array

_BOOTSTRAP: Final = WORLD + 67
_RESAMPLES: Final = 1000
_MANY_LEVELS = 10


def held_out_errors(
    users: NDArray[np.int64], observed: NDArray[Any], predicted: dict[str, NDArray[Any]], seed: int
) -> dict[str, Any]:
    """RMSE and MAE of several predictors on the same ratings, with 95 % bootstrap intervals over users.

    `predicted` holds one array (n,) a predictor. Under each name: `rmse` and `mae` as [estimate, low, high]. Under
    "rmse_gain": bias_only minus model, paired within resamples (above zero: the model is better).
    """
    _, owner = np.unique(users, return_inverse=True)
    counts = np.bincount(owner)
    draws = below_array(len(counts), seed, np.arange(_RESAMPLES)[:, None], _BOOTSTRAP, np.arange(len(counts)))
    sizes = counts[draws].sum(1)

    def spread(loss: NDArray[np.float64], root: bool) -> tuple[float, NDArray[np.float64]]:
        each = np.bincount(owner, loss)
        means = each[draws].sum(1) / sizes
        return (float(np.sqrt(loss.mean())), np.sqrt(means)) if root else (float(loss.mean()), means)

    out: dict[str, Any] = {"ratings": len(observed), "users": len(counts)}
    resampled = {}
    for name, values in predicted.items():
        error = np.asarray(values, np.float64) - observed
        rmse, rmses = spread(error**2, root=True)
        mae, maes = spread(np.abs(error), root=False)
        resampled[name] = (rmse, rmses)
        out[name] = {"rmse": _interval(rmse, rmses), "mae": _interval(mae, maes)}
    (model, models), (bias, biases) = resampled["model"], resampled["bias_only"]
    out["rmse_gain"] = _interval(bias - model, biases - models)
    return out


def _interval(estimate: float, resampled: NDArray[np.float64]) -> list[float]:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return [round(float(x), 4) for x in (estimate, low, high)]


def rating_distribution(observed: NDArray[Any], **simulated: NDArray[Any]) -> dict[str, Any]:
    """Shares of the rating levels: as observed, and as each simulated set has them after rounding to a level.

    Levels are the distinct observed ratings, or ten equal steps where there are more than ten. "distance" holds
    the total variation distance of each simulated set from the observed one (0 equal, 1 disjoint).
    """
    levels = np.unique(observed)
    if len(levels) > _MANY_LEVELS:
        levels = np.linspace(levels[0], levels[-1], _MANY_LEVELS)
    cuts = (levels[1:] + levels[:-1]) / 2

    def shares(values: NDArray[Any]) -> NDArray[np.float64]:
        counts = np.bincount(np.searchsorted(cuts, values, side="right"), minlength=len(levels))
        out: NDArray[np.float64] = counts / len(values)
        return out

    real = shares(observed)
    found = {name: shares(values) for name, values in simulated.items()}
    return {
        "levels": [round(float(x), 4) for x in levels],
        "observed": real.round(4).tolist(),
        **{name: values.round(4).tolist() for name, values in found.items()},
        "distance": {name: round(float(np.abs(values - real).sum() / 2), 4) for name, values in found.items()},
    }
