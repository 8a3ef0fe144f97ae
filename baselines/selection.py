"""Choosing items where a protocol may forbid some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.spec import Batch


def allowed_items(infos: Batch) -> NDArray[np.bool_] | None:
    """Which items may be shown, bool (b, n), or None where all may."""
    mask = infos.get("action_mask")
    return None if mask is None else np.asarray(mask) != 0


def ranking(scores: NDArray[Any]) -> NDArray[np.int64]:
    """Items by descending score, int64 (n,); equal scores in the order of their ids."""
    return np.argsort(-scores.astype(np.float64), kind="stable").astype(np.int64)


def best_allowed(scores: NDArray[Any], allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The allowed item of the highest score in each row; the lowest id among equals.

    `scores` is (b, n), or (n,) for the same scores in every row of `allowed`; `allowed` is (b, n) or None.
    """
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    return scores.argmax(axis=1).astype(np.int64)


def replace_forbidden(
    wanted: NDArray[np.int64], scores: NDArray[Any], allowed: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """`wanted` (b,), with forbidden items replaced by the allowed one of the highest score (n,)."""
    if allowed is None:
        return wanted
    blocked = ~allowed[np.arange(len(wanted)), wanted]
    out = wanted.copy()
    if blocked.any():
        out[blocked] = best_allowed(scores, allowed[blocked])
    return out
