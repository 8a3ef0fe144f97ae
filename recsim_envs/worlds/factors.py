"""Whole tables from factors, for the builder of worlds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds.rewards.factors import FACTORS, FactorRewards


def factor_rewards(
    user_factors: NDArray[Any],
    item_factors: NDArray[Any],
    user_bias: NDArray[Any],
    item_bias: NDArray[Any],
    users: NDArray[Any],
    low: float,
    high: float,
) -> NDArray[np.float32]:
    """Rewards of each user with every item: float32 (len(users), items)."""
    arrays = dict(zip(FACTORS, (user_factors, item_factors, user_bias, item_bias), strict=True))
    model, ids = FactorRewards(arrays, (low, high)), np.asarray(users, np.int64)
    return model.catalogue(ids, model.fresh(ids))
