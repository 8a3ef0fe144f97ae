"""The departure dynamics as compiled code. `tests` hold it against a plain-Python reference."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from recsim_envs.rng import USER, below
from recsim_envs.worlds.factors import factor_reward

# Why a lane is as it is. Above RUNNING the session is over.
RUNNING: Final = 0
REPEAT: Final = 1  # an item of the window was shown again: left
TOO_ALIKE: Final = 2  # an item nearer than the threshold to one of the window: left
LOW_REWARD: Final = 3  # left
HORIZON: Final = 4  # the step cap: truncated
IDLE: Final = 5  # no session was ever begun

CAUSES: Final = ("", "repeat", "too-alike", "low-reward", "horizon", "")

# What is wrong with an action.
FINE: Final = -1


@njit(cache=True)
def begin(lanes, seeds, candidates, log_indptr, log_items, log_rewards, user, steps, cause, shown, history, session):
    """Start sessions: draw the user, fill the visible history from the end of the log, clear the rest.

    `history` and `session` are pairs (items, rewards) of int32 and float32 (B, n); both are right-aligned.
    """
    for i in range(len(lanes)):
        lane = lanes[i]
        user[lane] = candidates[below(len(candidates), seeds[i], 0, USER, 0)]
        steps[lane] = 0
        cause[lane] = RUNNING
        if shown.shape[0]:
            shown[lane, :] = False
        session[0][lane, :] = -1
        session[1][lane, :] = 0.0
        size = history[0].shape[1]
        start, end = log_indptr[user[lane]], log_indptr[user[lane] + 1]
        for k in range(size):
            source = end - size + k
            known = source >= start
            history[0][lane, k] = log_items[source] if known else -1
            history[1][lane, k] = log_rewards[source] if known else np.float32(0.0)


@njit(cache=True)
def look_up(actions, cause, shown, num_items, user, table, out):
    """Rewards of the actions from a table. Returns the first lane whose action is not allowed, or FINE."""
    for b in range(len(actions)):
        if cause[b] == RUNNING:
            a = actions[b]
            if a < 0 or a >= num_items or (shown.shape[0] and shown[b, a]):
                return b
            out[b] = table[user[b], a]
    return FINE


@njit(cache=True)
def predict(actions, cause, shown, num_items, user, factors, low, high, out):
    """The same from factors: `factors` is (user_factors, item_factors, user_bias, item_bias)."""
    for b in range(len(actions)):
        if cause[b] == RUNNING:
            a = actions[b]
            if a < 0 or a >= num_items or (shown.shape[0] and shown[b, a]):
                return b
            out[b] = factor_reward(factors[0], factors[1], factors[2], factors[3], user[b], a, low, high)
    return FINE


@njit(cache=True, inline="always")
def squared_distance(vectors, i, j):
    """Squared Euclidean distance of two items: float32, four partial sums in a fixed order."""
    s0 = s1 = s2 = s3 = np.float32(0.0)
    whole = vectors.shape[1] // 4 * 4
    for k in range(0, whole, 4):
        d0 = vectors[i, k] - vectors[j, k]
        d1 = vectors[i, k + 1] - vectors[j, k + 1]
        d2 = vectors[i, k + 2] - vectors[j, k + 2]
        d3 = vectors[i, k + 3] - vectors[j, k + 3]
        s0 += d0 * d0
        s1 += d1 * d1
        s2 += d2 * d2
        s3 += d3 * d3
    for k in range(whole, vectors.shape[1]):
        d0 = vectors[i, k] - vectors[j, k]
        s0 += d0 * d0
    return (s0 + s1) + (s2 + s3)


@njit(cache=True, inline="always")
def verdict(action, reward, recent, window, vectors, squared_threshold, r_min):
    """Whether and why the user leaves at this item: RUNNING, REPEAT, TOO_ALIKE or LOW_REWARD.

    `recent` are the items shown in the session, right-aligned with -1 before the first. A repeat counts as one
    only where the distance rule is on (threshold above 0), for it is the distance 0.
    """
    width = len(recent)
    cause = RUNNING
    if squared_threshold > 0:
        for k in range(width - window, width):
            item = recent[k]
            if item == action:
                return REPEAT
            if item >= 0 and cause == RUNNING and squared_distance(vectors, action, item) < squared_threshold:
                cause = TOO_ALIKE
    if cause == RUNNING and reward < r_min:
        cause = LOW_REWARD
    return cause


@njit(cache=True)
def advance(
    actions, found, vectors, squared_threshold, r_min, window, horizon, leaves, steps, cause, shown, session,
    rewards, terminated, truncated,
):  # fmt: skip
    """One step of every running lane. `found` are the rewards of the actions; the leaving step earns nothing."""
    items, earned = session
    width = items.shape[1]
    for b in range(len(actions)):
        reward = np.float32(0.0)
        if cause[b] == RUNNING:
            a, reward = np.int32(actions[b]), found[b]
            if leaves and steps[b] > 0:
                cause[b] = verdict(a, reward, items[b], window, vectors, squared_threshold, r_min)
            if cause[b] != RUNNING:
                reward = np.float32(0.0)
            steps[b] += 1
            if cause[b] == RUNNING and steps[b] >= horizon:
                cause[b] = HORIZON
            for k in range(width - 1):
                items[b, k] = items[b, k + 1]
                earned[b, k] = earned[b, k + 1]
            items[b, width - 1] = a
            earned[b, width - 1] = reward
            if shown.shape[0]:
                shown[b, a] = True
        rewards[b] = reward
        terminated[b] = REPEAT <= cause[b] <= LOW_REWARD
        truncated[b] = cause[b] == HORIZON
