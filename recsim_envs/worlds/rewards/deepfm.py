"""The DeepFM reward model (Guo et al., "DeepFM: a factorization-machine based neural network", IJCAI 2017).

    raw(u, i) = b_u + b_i + <p_u, q_i> + deep_out . relu(deep_bias + relu(user_hidden_u + item_hidden_i) @ deep_weights)

Two hidden layers. Everything that depends on one side only is computed when the world is built: the factorisation
machine folds into biases and factors, the first layer of the deep part into one vector a user and one an item.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs.worlds.layout import Layout, floats
from recsim_envs.worlds.rewards import factors
from recsim_envs.worlds.rewards.base import Floats, RewardModel
from recsim_envs.worlds.rewards.calibration import feel, felt
from recsim_envs.worlds.rewards.factors import BLOCK


@njit(cache=True, inline="always")
def relu(x):
    """The positive part of a float32."""
    return x if x > 0 else np.float32(0.0)


@njit(cache=True)
def reward(model, user, item, inner):
    """The raw reward of one pair, float32. `model` are the arrays of the layout; `inner` (h2,) is scratch.

    Each unit of the second layer sums from the first unit of the first layer to the last, the output likewise.
    """
    user_factors, item_factors, user_bias, item_bias, user_hidden, item_hidden, weights, bias, output = model
    for j in range(len(inner)):
        inner[j] = bias[j]
    for k in range(weights.shape[0]):
        x = user_hidden[user, k] + item_hidden[item, k]
        if x > 0:
            for j in range(len(inner)):
                inner[j] += x * weights[k, j]
    deep = np.float32(0.0)
    for j in range(len(inner)):
        if inner[j] > 0:
            deep += output[j] * inner[j]
    return factors.reward(user_factors, item_factors, user_bias, item_bias, user, user, item) + deep


@njit(cache=True)
def rate(model, scale, users, items, wanted, out):
    """`RewardModel.rate` of DeepFM."""
    inner = np.empty(len(model[7]), np.float32)
    for b in range(len(users)):
        if wanted[b]:
            out[b] = felt(reward(model, users[b], items[b], inner), scale)


@njit(cache=True)
def add_deep(model, users, out):
    """Add the deep part of each user and every item to `out` (len(users), items), bit for bit as `reward` does.

    A block of items goes through the layers side by side. What `reward` skips adds nothing here.
    """
    _, _, _, _, user_hidden, item_hidden, weights, bias, output = model
    h1, h2 = weights.shape
    turned, first_layer = np.empty((h1, BLOCK), np.float32), np.empty((h1, BLOCK), np.float32)
    inner, deep = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for first in range(0, out.shape[1], BLOCK):
        size = min(BLOCK, out.shape[1] - first)
        for j in range(size):
            for k in range(h1):
                turned[k, j] = item_hidden[first + j, k]
        for i in range(len(users)):
            for k in range(h1):
                h = user_hidden[users[i], k]
                for j in range(size):
                    first_layer[k, j] = relu(h + turned[k, j])
            deep[:] = np.float32(0.0)
            for unit in range(h2):
                inner[:] = bias[unit]
                for k in range(h1):
                    w = weights[k, unit]
                    for j in range(size):
                        inner[j] += first_layer[k, j] * w
                for j in range(size):
                    deep[j] += output[unit] * relu(inner[j])
            for j in range(size):
                out[i, first + j] += deep[j]


class DeepFMRewards(RewardModel):
    """A factorisation machine and a small network."""

    LAYOUT: ClassVar[Layout] = {
        **factors.FACTORS,
        "user_hidden": floats("users", "h1"),
        "item_hidden": floats("items", "h1"),
        "deep_weights": floats("h1", "h2"),
        "deep_bias": floats("h2"),
        "deep_out": floats("h2"),
    }

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
        user_factors, *others = self._arrays[:4]
        found: Floats = factors.every_reward(user_factors[users], *others, users)
        add_deep(self._arrays, users, found)
        feel(found, self._scale)
        return found
