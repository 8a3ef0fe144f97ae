"""The factor reward model (Koren, Bell & Volinsky, "Matrix factorization techniques", IEEE Computer 42(8), 2009).

raw(u, i) = b_u + b_i + <p_u, q_i>
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs.worlds.layout import Layout, floats
from recsim_envs.worlds.rewards.base import Floats, RewardModel
from recsim_envs.worlds.rewards.calibration import feel, felt

FACTORS: Final[Layout] = {
    "user_factors": floats("users", "rank"),
    "item_factors": floats("items", "rank"),
    "user_bias": floats("users"),
    "item_bias": floats("items"),
}
BLOCK: Final = 128
"""Items whose sums run side by side: each in its own order, all in the vector unit."""


@njit(cache=True, inline="always")
def reward(queries, item_factors, user_bias, item_bias, row, user, item):
    """b_u + b_i + <query, q_i> for one pair, float32, summed from the first factor to the last.

    The query is row `row` of `queries`: the user's factors, unless the model has a better idea.
    """
    total = user_bias[user] + item_bias[item]
    for k in range(item_factors.shape[1]):
        total += queries[row, k] * item_factors[item, k]
    return total


@njit(cache=True)
def rate(factors, scale, users, items, wanted, out):
    """`RewardModel.rate` of the factor model; `factors` are the arrays of `FACTORS`."""
    user_factors, item_factors, user_bias, item_bias = factors
    for b in range(len(users)):
        if wanted[b]:
            raw = reward(user_factors, item_factors, user_bias, item_bias, users[b], users[b], items[b])
            out[b] = felt(raw, scale)


@njit(cache=True)
def every_reward(queries, item_factors, user_bias, item_bias, users):
    """`reward` of query i and user i with every item: float32 (len(users), items)."""
    count, rank = item_factors.shape
    out, turned = np.empty((len(users), count), np.float32), np.empty((rank, BLOCK), np.float32)
    for first in range(0, count, BLOCK):
        size = min(BLOCK, count - first)
        for j in range(size):
            for k in range(rank):
                turned[k, j] = item_factors[first + j, k]
        for i in range(len(users)):
            sums, bias = out[i, first : first + size], user_bias[users[i]]
            for j in range(size):
                sums[j] = bias + item_bias[first + j]
            for k in range(rank):
                q = queries[i, k]
                for j in range(size):
                    sums[j] += q * turned[k, j]
    return out


class FactorRewards(RewardModel):
    """Biases and an inner product."""

    LAYOUT: ClassVar[Layout] = FACTORS

    def rate(
        self,
        users: NDArray[Any],
        items: NDArray[np.int64],
        memory: Floats,
        wanted: NDArray[np.bool_],
        out: NDArray[np.float64],
    ) -> None:
        """See `RewardModel.rate`."""
        rate(self._arrays, self._scale, users, items, wanted, out)

    def catalogue(self, users: NDArray[np.int64], memory: Floats) -> Floats:
        """See `RewardModel.catalogue`."""
        user_factors, *others = self._arrays
        found: Floats = every_reward(user_factors[users], *others, users)
        feel(found, self._scale)
        return found
