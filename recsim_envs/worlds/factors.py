"""The factor reward model as compiled code: a fixed order of summation, so that every face computes the same bits."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, inline="always")
def factor_reward(user_factors, item_factors, user_bias, item_bias, user, item, low, high):
    """clip(b_u + b_i + <p_u, q_i>) for one pair, float32, summed from the first factor to the last."""
    total = user_bias[user] + item_bias[item]
    for k in range(user_factors.shape[1]):
        total += user_factors[user, k] * item_factors[item, k]
    return np.float32(min(max(total, np.float32(low)), np.float32(high)))


@njit(cache=True)
def factor_rewards(user_factors, item_factors, user_bias, item_bias, users, low, high):
    """`factor_reward` of each user with every item: float32 (len(users), items)."""
    out = np.empty((len(users), item_factors.shape[0]), np.float32)
    for i in range(len(users)):
        for j in range(item_factors.shape[0]):
            out[i, j] = factor_reward(user_factors, item_factors, user_bias, item_bias, users[i], j, low, high)
    return out
