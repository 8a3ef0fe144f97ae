"""The response model as compiled code: a gated recurrent unit carried along a session, one user at a time.

Everything is float32 and every sum runs in one fixed order, so a user's bits do not depend on who else is served.
Division by zero cannot happen, and numba is told so (`error_model`): its check would keep loops from the vector unit.

`net` is `response.Arrays`. H is the width of the hidden state, D that of an item's encoding, S = 7 behaviours.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from recsim_envs.families.session.synthetic_log import CLICK, LONG_VIEW
from recsim_envs.numerics import hyperbolic, sigmoid

_ONE = np.float32(1.0)
_EPSILON = np.float32(1e-5)  # of the layer norms, as in torch


@njit(cache=True, error_model="numpy")
def start(net, features, hidden):
    """Hidden state (H,) of a user of whom nothing is known but the features (13,), already as rows of the tables."""
    for j in range(len(hidden)):
        hidden[j] = net.start_bias[j]
    for f in features:
        for j in range(len(hidden)):
            hidden[j] += net.start_users[f, j]
    for j in range(len(hidden)):
        hidden[j] = hyperbolic(hidden[j])


@njit(cache=True, error_model="numpy")
def remember(net, item, responses, hidden, gates):
    """Move the hidden state past one shown item. `gates` (2, 3H) is scratch: inputs and recurrent parts.

    The gates lie in torch's order: reset, update, new.
    """
    width = len(hidden)
    given, carried = gates[0], gates[1]
    for j in range(3 * width):
        given[j] = net.item_gates[item, j]
        carried[j] = net.hidden_bias[j]
    for b in range(len(responses)):
        if responses[b] != 0:
            for j in range(3 * width):
                given[j] += net.response_gates[b, j]
    for k in range(width):
        h = hidden[k]
        for j in range(3 * width):
            carried[j] += net.hidden_gates[k, j] * h
    for j in range(2 * width):
        given[j] = sigmoid(given[j] + carried[j])
    for j in range(width):
        fresh = hyperbolic(given[2 * width + j] + given[j] * carried[2 * width + j])
        hidden[j] = fresh + given[width + j] * (hidden[j] - fresh)


@njit(cache=True, error_model="numpy")
def ask(net, features, hidden, queries):
    """What the user looks for now, as one normalised vector a behaviour: fills `queries` (S, D)."""
    count, width = queries.shape
    flat = queries.reshape(count * width)
    for j in range(len(flat)):
        flat[j] = net.query_bias[j]
    for f in features:
        for j in range(len(flat)):
            flat[j] += net.query_users[f, j]
    for k in range(len(hidden)):
        h = hidden[k]
        for j in range(len(flat)):
            flat[j] += net.query_hidden[k, j] * h
    for b in range(count):
        _normalise(queries[b])


@njit(cache=True, error_model="numpy", inline="always")
def _normalise(vector):
    """Layer norm without weights: mean 0 and variance 1."""
    size = np.float32(len(vector))
    mean = np.float32(0.0)
    for j in range(len(vector)):
        mean += vector[j]
    mean /= size
    variance = np.float32(0.0)
    for j in range(len(vector)):
        vector[j] -= mean
        variance += vector[j] * vector[j]
    scale = _ONE / np.sqrt(variance / size + _EPSILON)
    for j in range(len(vector)):
        vector[j] *= scale


@njit(cache=True, error_model="numpy", inline="always")
def fit(net, queries, behaviour, item):
    """How well an item fits a query: the mean over D of their products, in -1..1."""
    total = np.float32(0.0)
    for j in range(queries.shape[1]):
        total += queries[behaviour, j] * net.items[item, j]
    return total / np.float32(queries.shape[1])


@njit(cache=True, error_model="numpy", inline="always")
def chance(net, queries, behaviour, item):
    """Probability of a behaviour at an item, before fatigue, float32. A long view is a click that lasted."""
    p = sigmoid(net.scale[behaviour] * fit(net, queries, behaviour, item) + net.bias[behaviour])
    if behaviour == LONG_VIEW:
        p *= sigmoid(net.scale[CLICK] * fit(net, queries, CLICK, item) + net.bias[CLICK])
    return p
