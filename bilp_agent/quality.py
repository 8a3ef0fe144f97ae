"""How well the Critic's values tell leaving from staying."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 5


def auc(values: NDArray[np.float64], left: NDArray[np.bool_]) -> float | None:
    """Chance that a step before which the user stays is valued above one at which the user leaves; ties count half.

    values: float64 (n,); left: bool (n,). The Mann-Whitney statistic (Hanley and McNeil, "The meaning and use of the
    area under a receiver operating characteristic (ROC) curve", Radiology 143, 1982). None without both kinds of steps.
    0.5 is guessing.
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
    brier = math.fsum(np.square(p - leave).tolist()) / len(p)
    return {"steps": len(p), "auc": auc(-p, leave), "brier": brier, "calibration": _calibration(p, leave, "told")}


def critic_quality(values: Sequence[float], left: Sequence[bool]) -> dict[str, Any]:
    """AUC, and in bins of equal size from the lowest values up: mean value and share of steps that ended in leaving."""
    v, leave = np.array(values, np.float64), np.array(left, np.bool_)
    return {"steps": len(v), "auc": auc(v, leave), "calibration": _calibration(v, leave, "value")}


def _calibration(told: NDArray[np.float64], left: NDArray[np.bool_], name: str) -> list[dict[str, Any]]:
    """Bins of equal size from the lowest up.

    Steps that were told the same share what came of them, so that bins which part them do not depend on their order.
    """
    values, group, sizes = np.unique(told, return_inverse=True, return_counts=True)
    shares = np.bincount(group, weights=left, minlength=len(values)) / sizes
    parts = np.array_split(np.repeat(np.arange(len(values)), sizes), BINS)
    return [
        {name: float(values[rows].mean()), "left": float(shares[rows].mean()), "steps": len(rows)}
        for rows in parts
        if len(rows)
    ]
