"""How well the Critic's values tell leaving from staying."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 5


def auc(values: NDArray[np.float64], left: NDArray[np.bool_]) -> float | None:
    """Chance that a step before which the user stays is valued above one at which the user leaves; ties count half.

    The Mann-Whitney statistic. None without both kinds of steps. 0.5 is guessing.
    """
    stays, leaves = np.sort(values[~left]), values[left]
    if not len(stays) or not len(leaves):
        return None
    below, upto = np.searchsorted(stays, leaves, "left"), np.searchsorted(stays, leaves, "right")
    above = len(stays) - upto + 0.5 * (upto - below)
    return float(above.sum() / (len(stays) * len(leaves)))


def risk_quality(risks: Sequence[float], left: Sequence[bool]) -> dict[str, Any]:
    """How chances of leaving compare with what happened: AUC, mean squared error (Brier), and bins of equal size."""
    p, leave = np.array(risks, np.float64), np.array(left, np.bool_)
    order = np.argsort(p, kind="stable")
    bins = [
        {"told": float(p[rows].mean()), "left": float(leave[rows].mean()), "steps": len(rows)}
        for rows in np.array_split(order, BINS)
        if len(rows)
    ]
    return {"steps": len(p), "auc": auc(-p, leave), "brier": float(np.square(p - leave).mean()), "calibration": bins}


def critic_quality(values: Sequence[float], left: Sequence[bool]) -> dict[str, Any]:
    """AUC, and in bins of equal size from the lowest values up: mean value and share of steps that ended in leaving."""
    v, leave = np.array(values, np.float64), np.array(left, np.bool_)
    order = np.argsort(v, kind="stable")
    bins = [
        {"value": float(v[rows].mean()), "left": float(leave[rows].mean()), "steps": len(rows)}
        for rows in np.array_split(order, BINS)
        if len(rows)
    ]
    return {"steps": len(v), "auc": auc(v, leave), "calibration": bins}
