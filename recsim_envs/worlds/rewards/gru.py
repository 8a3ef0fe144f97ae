"""The sequential reward model: a gated recurrent unit (Cho et al., EMNLP 2014) carries what a user was shown.

    raw(u, i, h) = b_u + b_i + <p_u + h @ query_weights, q_i>

After item i and reward r, with s the logistic function, * by element, and the parts of the gates in torch's order
(reset, update, new; the equations are those of torch.nn.GRU):

    x = item_gates[i] + r * value_gates             y = hidden_bias + h @ hidden_gates
    reset = s(x_0 + y_0)    update = s(x_1 + y_1)   new = tanh(x_2 + reset * y_2)
    h = (1 - update) * new + update * h
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs.numerics import hyperbolic, sigmoid
from recsim_envs.worlds.layout import Layout, floats
from recsim_envs.worlds.rewards import factors
from recsim_envs.worlds.rewards.base import Floats, RewardModel
from recsim_envs.worlds.rewards.calibration import feel, felt
from recsim_envs.worlds.storage import Arrays


@njit(cache=True, inline="always")
def ask(user_factors, weights, memory, b, user, queries, row):
    """What a user who remembers row `b` looks for: p_u + h @ query_weights, from the first unit of h to the last."""
    for k in range(queries.shape[1]):
        queries[row, k] = user_factors[user, k]
    for j in range(weights.shape[0]):
        h = memory[b, j]
        for k in range(queries.shape[1]):
            queries[row, k] += h * weights[j, k]


@njit(cache=True)
def rate(model, weights, scale, users, items, memory, wanted, out):
    """`RewardModel.rate` of the sequential model; `model` are the arrays of the factor model."""
    user_factors, item_factors, user_bias, item_bias = model
    query = np.empty((1, user_factors.shape[1]), np.float32)
    for b in range(len(users)):
        if wanted[b]:
            ask(user_factors, weights, memory, b, users[b], query, 0)
            out[b] = felt(factors.reward(query, item_factors, user_bias, item_bias, 0, users[b], items[b]), scale)


@njit(cache=True)
def ask_all(user_factors, weights, users, memory):
    """What each user looks for: float32 (len(users), rank)."""
    queries = np.empty((len(users), user_factors.shape[1]), np.float32)
    for i in range(len(users)):
        ask(user_factors, weights, memory, i, users[i], queries, i)
    return queries


@njit(cache=True, error_model="numpy")
def remember(gates, items, rewards, shown, memory):
    """`RewardModel.remember`.

    `gates` are item_gates (items, 3H), value_gates (3H,), hidden_gates (H, 3H) and hidden_bias (3H,).
    """
    item_gates, value_gates, hidden_gates, hidden_bias = gates
    width = memory.shape[1]
    given, carried = np.empty(3 * width, np.float32), np.empty(3 * width, np.float32)
    for b in range(len(items)):
        if shown[b]:
            value = np.float32(rewards[b])
            for j in range(3 * width):
                given[j] = item_gates[items[b], j] + value * value_gates[j]
                carried[j] = hidden_bias[j]
            for k in range(width):
                h = memory[b, k]
                for j in range(3 * width):
                    carried[j] += h * hidden_gates[k, j]
            for j in range(2 * width):
                given[j] = sigmoid(given[j] + carried[j])
            for j in range(width):
                new = hyperbolic(given[2 * width + j] + given[j] * carried[2 * width + j])
                memory[b, j] = new + given[width + j] * (memory[b, j] - new)


class GRURewards(RewardModel):
    """Factors whose user side moves with the session."""

    LAYOUT: ClassVar[Layout] = {
        **factors.FACTORS,
        "user_states": floats("users", "width"),
        "query_weights": floats("width", "rank"),
        "item_gates": floats("items", "3", "width"),
        "value_gates": floats("3", "width"),
        "hidden_gates": floats("width", "3", "width"),
        "hidden_bias": floats("3", "width"),
    }
    sequential: ClassVar[bool] = True

    def __init__(self, arrays: Arrays, reward_range: tuple[float, float]) -> None:
        super().__init__(arrays, reward_range)
        self._factors = self._arrays[:4]
        self._states, self._weights, items, values, hidden, bias = self._arrays[4:]
        flat = values.size  # the three gates side by side, as the loops run
        self._gates = (
            items.reshape(len(items), flat), values.reshape(flat), hidden.reshape(len(hidden), flat), bias.reshape(flat)
        )  # fmt: skip

    @property
    def width(self) -> int:
        """Units of the hidden state."""
        return self._states.shape[1]

    def rate(
        self,
        users: NDArray[Any],
        items: NDArray[np.int64],
        memory: Floats,
        wanted: NDArray[np.bool_],
        out: NDArray[np.float64],
    ) -> None:
        """See `RewardModel.rate`."""
        rate(self._factors, self._weights, self._scale, users, items, memory, wanted, out)

    def catalogue(self, users: NDArray[np.int64], memory: Floats) -> Floats:
        """See `RewardModel.catalogue`."""
        user_factors, *others = self._factors
        queries = ask_all(user_factors, self._weights, users, memory)
        found: Floats = factors.every_reward(queries, *others, users)
        feel(found, self._scale)
        return found

    def fresh(self, users: NDArray[Any]) -> Floats:
        """The state after each user's whole log."""
        return self._states[users]

    def remember(
        self, memory: Floats, items: NDArray[np.int64], rewards: NDArray[np.float64], shown: NDArray[np.bool_]
    ) -> None:
        """See `RewardModel.remember`."""
        remember(self._gates, items, rewards, shown, memory)
