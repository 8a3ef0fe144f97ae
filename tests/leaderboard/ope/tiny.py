"""A Markov decision process of two states and two actions whose every session can be written down."""

from __future__ import annotations

import itertools

import numpy as np

from leaderboard.ope.estimators import Sessions

HORIZON = 3
BEHAVIOUR = np.array([[0.5, 0.5], [0.25, 0.75]])  # state, action
TARGET = np.array([[0.9, 0.1], [0.4, 0.6]])
REWARD = np.array([[1.0, 3.0], [-2.0, 0.5]])
NEXT = np.array([[0, 1], [1, 0]])  # where an action leads; deterministic
LEAVES = np.array([[False, False], [True, False]])  # action 0 in state 1 ends the session


def values(policy=TARGET):
    """q (steps to go, state, action) and v (steps to go, state), by backward induction."""
    q, v = np.zeros((HORIZON + 1, 2, 2)), np.zeros((HORIZON + 1, 2))
    for left in range(1, HORIZON + 1):
        q[left] = REWARD + np.where(LEAVES, 0.0, v[left - 1][NEXT])
        v[left] = (policy * q[left]).sum(axis=1)
    return q, v


def every_session(q=None, v=None):
    """Each session that can happen: (its probability under the behaviour policy, its states and actions)."""
    found = []
    for actions in itertools.product((0, 1), repeat=HORIZON):
        state, steps, probability = 0, [], 1.0
        for action in actions:
            steps.append((state, action))
            probability *= BEHAVIOUR[state, action]
            if LEAVES[state, action]:
                break
            state = NEXT[state, action]
        found.append((probability, tuple(steps)))
    return list(dict.fromkeys(found))


def sessions(sampled, target=TARGET, model=None):
    """What estimators need of sessions given as states and actions; `model` is (q, v) as `values` gives them."""
    shape = (len(sampled), HORIZON)
    rewards, ratios = np.zeros(shape), np.ones(shape)
    q, v = np.zeros(shape), np.zeros(shape)
    for i, steps in enumerate(sampled):
        for t, (state, action) in enumerate(steps):
            rewards[i, t] = REWARD[state, action]
            ratios[i, t] = target[state, action] / BEHAVIOUR[state, action]
            if model is not None:
                q[i, t], v[i, t] = model[0][HORIZON - t][state, action], model[1][HORIZON - t][state]
    return Sessions(rewards, np.cumprod(ratios, axis=1), q, v)
