"""The reward formulas in plain numpy, float64, one pair at a time."""

from __future__ import annotations

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def factors(a, u, i):
    inner = sum(float(x) * float(y) for x, y in zip(a["user_factors"][u], a["item_factors"][i], strict=True))
    return float(a["user_bias"][u]) + float(a["item_bias"][i]) + inner


def deepfm(a, u, i):
    a = {name: value.astype(np.float64) for name, value in a.items()}
    first = np.maximum(a["user_hidden"][u] + a["item_hidden"][i], 0)
    second = np.maximum(a["deep_bias"] + first @ a["deep_weights"], 0)
    return factors(a, u, i) + a["deep_out"] @ second


def gru(a, u, i, state):
    query = a["user_factors"][u].astype(np.float64) + state @ a["query_weights"].astype(np.float64)
    return float(a["user_bias"][u]) + float(a["item_bias"][i]) + query @ a["item_factors"][i].astype(np.float64)


def moved(a, i, value, state):
    """The state after an item that was given a value: torch.nn.GRU's equations, gate by gate."""
    given = a["item_gates"][i].astype(np.float64) + float(value) * a["value_gates"].astype(np.float64)
    carried = a["hidden_bias"] + np.einsum("k,kgj->gj", state, a["hidden_gates"].astype(np.float64))
    reset, update = sigmoid(given[0] + carried[0]), sigmoid(given[1] + carried[1])
    new = np.tanh(given[2] + reset * carried[2])
    return (1 - update) * new + update * state


def state_after(a, log, rows):
    """The state after these rows of one user."""
    state = np.zeros(a["hidden_bias"].shape[1])
    for row in rows:
        state = moved(a, log.items[row], log.values[row], state)
    return state
