"""The departure dynamics as compiled code. `tests` hold it against a plain-Python reference.

Arguments come in few, wide arrays, because a call costs about 0.15 microseconds for each:
    state: int32 (3, B), the rows USER, STEPS and CAUSE of the lanes;
    items: int32 (2, B, n) and earned: float32 (2, B, n), the planes HISTORY and SESSION, right-aligned, padded in
        front with item -1 and reward 0;
    shown: bool (B, n_items) under a protocol that forbids repeats, else (0, 0).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from recsim_envs.rng import USER as USER_DRAW
from recsim_envs.rng import below
from recsim_envs.worlds.rewards.calibration import clip
from recsim_envs.worlds.rewards.factors import reward as factor_reward

USER: Final = 0
STEPS: Final = 1
CAUSE: Final = 2
HISTORY: Final = 0
SESSION: Final = 1

# Why a lane is as it is. Above RUNNING the session is over.
RUNNING: Final = 0
REPEAT: Final = 1  # an item of the window was shown again: left
TOO_ALIKE: Final = 2  # an item nearer than the threshold to one of the window: left
SAME_CATEGORY: Final = 3  # a category of the item occurred too often in the window: left
LOW_REWARD: Final = 4  # left
HORIZON: Final = 5  # the step cap: truncated
IDLE: Final = 6  # no session was ever begun

CAUSES: Final = ("", "repeat", "too-alike", "same-category", "low-reward", "horizon", "")

# What leaving means.
NEVER: Final = 0  # nobody leaves
FORFEITS: Final = 1  # the step at which a user leaves earns nothing
PAYS: Final = 2  # it earns its reward

FINE: Final = -1  # no lane has a wrong action


@njit(cache=True)
def begin(lanes, seeds, candidates, log_indptr, log_items, log_rewards, state, items, earned, shown):
    """Start sessions: draw the user, fill the visible history from the end of the log, clear the rest."""
    size = items.shape[2]
    for i in range(len(lanes)):
        lane = lanes[i]
        user = candidates[below(len(candidates), seeds[i], 0, USER_DRAW, 0)]
        state[USER, lane], state[STEPS, lane], state[CAUSE, lane] = user, 0, RUNNING
        if shown.shape[0]:
            shown[lane, :] = False
        start, first = log_indptr[user], log_indptr[user + 1] - size
        for k in range(size):
            known = first + k >= start
            items[HISTORY, lane, k] = log_items[first + k] if known else -1
            earned[HISTORY, lane, k] = log_rewards[first + k] if known else np.float32(0.0)
            items[SESSION, lane, k] = -1
            earned[SESSION, lane, k] = 0.0


@njit(cache=True, inline="always")
def allowed(action, lane, num_items, shown):
    """Whether the action is an item that may be shown in the lane."""
    return 0 <= action < num_items and not (shown.shape[0] and shown[lane, action])


@njit(cache=True, inline="always")
def alike(vectors, action, j0, j1, j2, j3, squared_threshold):
    """Whether the action is nearer than the threshold to one of four items (below 0: no item).

    Each squared distance is summed in float32 from the first coordinate to the last, so its bits are fixed; the
    four sums side by side keep the processor's vector unit busy, which one after the other does not.
    """
    s0 = s1 = s2 = s3 = np.float32(0.0)
    i0, i1, i2, i3 = max(j0, 0), max(j1, 0), max(j2, 0), max(j3, 0)
    for k in range(vectors.shape[1]):
        x = vectors[action, k]
        d0, d1, d2, d3 = x - vectors[i0, k], x - vectors[i1, k], x - vectors[i2, k], x - vectors[i3, k]
        s0, s1, s2, s3 = s0 + d0 * d0, s1 + d1 * d1, s2 + d2 * d2, s3 + d3 * d3
    t = squared_threshold
    return ((j0 >= 0) & (s0 < t)) | ((j1 >= 0) & (s1 < t)) | ((j2 >= 0) & (s2 < t)) | ((j3 >= 0) & (s3 < t))


@njit(cache=True, inline="always")
def verdict(action, reward, recent, window, vectors, squared_threshold, r_min):
    """Whether and why the user leaves at this item: RUNNING, REPEAT, TOO_ALIKE or LOW_REWARD.

    `recent` are the items shown in the session, right-aligned with -1 before the first. A repeat counts as one
    only where the distance rule is on (threshold above 0), for it is the distance 0.
    """
    last = len(recent) - 1
    near = False
    if squared_threshold > 0:
        for k in range(len(recent) - window, len(recent), 4):
            j0, j1, j2, j3 = recent[k], recent[min(k + 1, last)], recent[min(k + 2, last)], recent[min(k + 3, last)]
            if (j0 == action) | (j1 == action) | (j2 == action) | (j3 == action):
                return REPEAT
            near |= alike(vectors, action, j0, j1, j2, j3, squared_threshold)
    if near:
        return TOO_ALIKE
    return LOW_REWARD if reward < r_min else RUNNING


@njit(cache=True, inline="always")
def category_verdict(action, reward, recent, steps, window, indptr, ids, limit, legacy, r_min):
    """Whether and why the user leaves where categories count: RUNNING, SAME_CATEGORY or LOW_REWARD.

    A legacy window is the reference's `seq[t - N:t]`, a negative slice of min(t, N - t) items as long as t < N.
    """
    size = min(window, steps)
    if legacy and steps < window:
        size = min(steps, window - steps)
    for p in range(indptr[action], indptr[action + 1]):
        count = 0
        for k in range(len(recent) - size, len(recent)):
            if recent[k] >= 0:
                for q in range(indptr[recent[k]], indptr[recent[k] + 1]):
                    count += ids[q] == ids[p]
        if count > limit:
            return SAME_CATEGORY
    return LOW_REWARD if reward < r_min else RUNNING


@njit(cache=True, inline="always")
def settle(b, a, cause, leaving, horizon, state, items, earned, shown, rewards):
    """Book the item `a` of running lane `b` and how it ended; the lane's cause."""
    last = items.shape[2] - 1
    if cause != RUNNING and leaving != PAYS:
        rewards[b] = 0.0
    state[STEPS, b] += 1
    if cause == RUNNING and state[STEPS, b] >= horizon:
        cause = HORIZON
    state[CAUSE, b] = cause
    for k in range(last):
        items[SESSION, b, k] = items[SESSION, b, k + 1]
        earned[SESSION, b, k] = earned[SESSION, b, k + 1]
    items[SESSION, b, last] = a
    earned[SESSION, b, last] = rewards[b]
    if shown.shape[0]:
        shown[b, a] = True
    return cause


@njit(cache=True)
def advance(
    actions, vectors, squared_threshold, r_min, window, horizon, leaving, state, items, earned, shown, rewards, flags
):
    """One step of every lane by the distance rule. `rewards` (float64, B) holds the rewards of the actions and is
    left holding what was earned. `flags` (bool, (2, B)) become terminated and truncated.
    """
    for b in range(len(actions)):
        cause = state[CAUSE, b]
        if cause != RUNNING:
            rewards[b] = 0.0
        else:
            a = np.int32(actions[b])
            if leaving and state[STEPS, b] > 0:
                cause = verdict(a, np.float32(rewards[b]), items[SESSION, b], window, vectors, squared_threshold, r_min)
            cause = settle(b, a, cause, leaving, horizon, state, items, earned, shown, rewards)
        flags[0, b] = REPEAT <= cause <= LOW_REWARD
        flags[1, b] = cause == HORIZON


@njit(cache=True)
def advance_by_category(
    actions, indptr, ids, limit, legacy, r_min, window, horizon, leaving, state, items, earned, shown, rewards, flags
):
    """The same by the category rule."""
    for b in range(len(actions)):
        cause = state[CAUSE, b]
        if cause != RUNNING:
            rewards[b] = 0.0
        else:
            a, steps = np.int32(actions[b]), state[STEPS, b]
            if leaving and steps > 0:
                cause = category_verdict(
                    a, np.float32(rewards[b]), items[SESSION, b], steps, window, indptr, ids, limit, legacy, r_min
                )
            cause = settle(b, a, cause, leaving, horizon, state, items, earned, shown, rewards)
        flags[0, b] = REPEAT <= cause <= LOW_REWARD
        flags[1, b] = cause == HORIZON


@njit(cache=True, inline="always")
def look_up(actions, table, state, shown, rewards):
    """Rewards of the actions from the table reward model; FINE, or the first lane with a wrong action."""
    for b in range(len(actions)):
        if state[CAUSE, b] == RUNNING:
            if not allowed(actions[b], b, table.shape[1], shown):
                return b
            rewards[b] = table[state[USER, b], actions[b]]
    return FINE


@njit(cache=True, inline="always")
def multiply_out(actions, factors, low, high, state, shown, rewards):
    """The same from the factor model: `factors` is (user_factors, item_factors, user_bias, item_bias)."""
    user_factors, item_factors, user_bias, item_bias = factors
    for b in range(len(actions)):
        if state[CAUSE, b] == RUNNING:
            if not allowed(actions[b], b, len(item_bias), shown):
                return b
            user = state[USER, b]
            raw = factor_reward(user_factors, item_factors, user_bias, item_bias, user, user, actions[b])
            rewards[b] = clip(raw, np.float32(low), np.float32(high))
    return FINE


@njit(cache=True)
def first_wrong(actions, num_items, state, shown):
    """FINE, or the first running lane whose action is no item that may be shown."""
    for b in range(len(actions)):
        if state[CAUSE, b] == RUNNING and not allowed(actions[b], b, num_items, shown):
            return b
    return FINE


@njit(cache=True)
def step_table(
    actions, table, vectors, theta, r_min, window, horizon, leaving, state, items, earned, shown, rewards, flags
):
    """A step on the table model, distance rule. Returns FINE, or the first wrong lane and moves nothing."""
    wrong = look_up(actions, table, state, shown, rewards)
    if wrong == FINE:
        advance(
            actions, vectors, np.float32(theta) * np.float32(theta), np.float32(r_min), window, horizon, leaving, state,
            items, earned, shown, rewards, flags,
        )  # fmt: skip
    return wrong


@njit(cache=True)
def step_factors(
    actions, factors, low, high, vectors, theta, r_min, window, horizon, leaving, state, items, earned, shown, rewards,
    flags,
):  # fmt: skip
    """The same on the factor model."""
    wrong = multiply_out(actions, factors, low, high, state, shown, rewards)
    if wrong == FINE:
        advance(
            actions, vectors, np.float32(theta) * np.float32(theta), np.float32(r_min), window, horizon, leaving, state,
            items, earned, shown, rewards, flags,
        )  # fmt: skip
    return wrong


@njit(cache=True)
def step_table_by_category(
    actions, table, indptr, ids, limit, legacy, r_min, window, horizon, leaving, state, items, earned, shown, rewards,
    flags,
):  # fmt: skip
    """A step on the table model, category rule."""
    wrong = look_up(actions, table, state, shown, rewards)
    if wrong == FINE:
        advance_by_category(
            actions, indptr, ids, limit, legacy, np.float32(r_min), window, horizon, leaving, state, items, earned,
            shown, rewards, flags,
        )  # fmt: skip
    return wrong


@njit(cache=True)
def step_factors_by_category(
    actions, factors, low, high, indptr, ids, limit, legacy, r_min, window, horizon, leaving, state, items, earned,
    shown, rewards, flags,
):  # fmt: skip
    """The same on the factor model."""
    wrong = multiply_out(actions, factors, low, high, state, shown, rewards)
    if wrong == FINE:
        advance_by_category(
            actions, indptr, ids, limit, legacy, np.float32(r_min), window, horizon, leaving, state, items, earned,
            shown, rewards, flags,
        )  # fmt: skip
    return wrong


@njit(cache=True)
def pass_by(missed, horizon, state, items, earned, flags):
    """A step of the lanes in `missed` (bool, B) at which nothing was shown: no item, no reward, nobody leaves."""
    last = items.shape[2] - 1
    for b in range(len(missed)):
        if missed[b]:
            state[STEPS, b] += 1
            state[CAUSE, b] = HORIZON if state[STEPS, b] >= horizon else RUNNING
            for k in range(last):
                items[SESSION, b, k] = items[SESSION, b, k + 1]
                earned[SESSION, b, k] = earned[SESSION, b, k + 1]
            items[SESSION, b, last], earned[SESSION, b, last] = -1, 0.0
            flags[0, b], flags[1, b] = False, state[CAUSE, b] == HORIZON


@njit(cache=True)
def stays_by_distance(actions, rewards, vectors, theta, r_min, window, horizon, leaving, state, items):
    """Whether each running lane would stay at its action (bool, B); `rewards` (B,) are theirs."""
    out = np.ones(len(actions), np.bool_)
    squared = np.float32(theta) * np.float32(theta)
    for b in range(len(actions)):
        if leaving and state[CAUSE, b] == RUNNING and state[STEPS, b] > 0:
            a, recent = np.int32(actions[b]), items[SESSION, b]
            out[b] = verdict(a, np.float32(rewards[b]), recent, window, vectors, squared, np.float32(r_min)) == RUNNING
    return out


@njit(cache=True)
def stays_by_category(actions, rewards, indptr, ids, limit, legacy, r_min, window, horizon, leaving, state, items):
    """The same by the category rule."""
    out = np.ones(len(actions), np.bool_)
    for b in range(len(actions)):
        steps = state[STEPS, b]
        if leaving and state[CAUSE, b] == RUNNING and steps > 0:
            a, reward, lowest = np.int32(actions[b]), np.float32(rewards[b]), np.float32(r_min)
            cause = category_verdict(a, reward, items[SESSION, b], steps, window, indptr, ids, limit, legacy, lowest)
            out[b] = cause == RUNNING
    return out


@njit(cache=True)
def dearest_by_distance(lanes, values, vectors, theta, r_min, window, horizon, leaving, state, items):
    """For lanes in which users may leave, the item of the highest of `values` (len(lanes), n_items) that keeps them.

    The first of equal ones; -1 if none.
    """
    out, squared, lowest = np.full(len(lanes), -1), np.float32(theta) * np.float32(theta), np.float32(r_min)
    for i in range(len(lanes)):
        recent, best = items[SESSION, lanes[i]], np.float32(-np.inf)
        for a in range(values.shape[1]):
            reward = values[i, a]  # only what is dearer than the best so far is held against the rule
            if reward > best and verdict(a, reward, recent, window, vectors, squared, lowest) == RUNNING:
                out[i], best = a, reward
    return out


@njit(cache=True)
def dearest_by_category(lanes, values, indptr, ids, limit, legacy, r_min, window, horizon, leaving, state, items):
    """The same by the category rule."""
    out, lowest = np.full(len(lanes), -1), np.float32(r_min)
    for i in range(len(lanes)):
        recent, steps, best = items[SESSION, lanes[i]], state[STEPS, lanes[i]], np.float32(-np.inf)
        for a in range(values.shape[1]):
            reward = values[i, a]
            if reward <= best:
                continue
            if category_verdict(a, reward, recent, steps, window, indptr, ids, limit, legacy, lowest) == RUNNING:
                out[i], best = a, reward
    return out
