"""The session dynamics as compiled code. `tests` hold it against a plain-Python reference.

Arguments come in few, wide arrays, gathered in `State`; `net` is `response.Arrays`, `rules` is `rules.Rules`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit

from recsim_envs.families.session.network import ask, chance, fit, remember, start
from recsim_envs.families.session.rules import REFERENCE_WIDTH
from recsim_envs.families.session.synthetic_log import CLICK, LONG_VIEW
from recsim_envs.numerics import sigmoid
from recsim_envs.rng import FAMILY, below, uniform

HISTORY: Final = 60  # videos that an observation shows and within which a repeat is noticed: ten requests
PAST: Final = 30  # of them, how many lie before the session
SLATE: Final = 6
BEHAVIOURS: Final = 7
HATE: Final = 6

# Purposes of draws.
PROFILE: Final = FAMILY + 0  # the user's public features
PAST_ITEM: Final = FAMILY + 1  # what the logging policy showed before the session; step = request
PAST_RESPONSE: Final = FAMILY + 2
RESPONSE: Final = FAMILY + 3  # index = slot * 7 + behaviour

# Rows of `State.counts`.
STEPS: Final = 0
CAUSE: Final = 1
USER: Final = 2  # row of the profiles

# Why a lane is as it is. Above RUNNING the session is over.
RUNNING: Final = 0
TEMPER: Final = 1  # left
STEP_CAP: Final = 2  # truncated
IDLE: Final = 3  # no session was ever begun
CAUSES: Final = ("", "temper", "horizon", "")

FINE: Final = -1  # no lane has a wrong action


class State(NamedTuple):
    """All lanes, B of them. `items` and `responses` are right-aligned and padded in front with -1 and 0."""

    counts: np.ndarray  # int32 (3, B)
    seeds: np.ndarray  # uint64 (B,)
    temper: np.ndarray  # float64 (B,)
    hidden: np.ndarray  # float32 (B, H): the response model's memory
    satiety: np.ndarray  # float32 (B, D): mean encoding of what was shown, recent slates counting more
    items: np.ndarray  # int32 (B, HISTORY)
    responses: np.ndarray  # float32 (B, HISTORY, S)


@njit(cache=True)
def begin(lanes, seeds, profile_rows, fame_edges, net, rules, state):
    """Start sessions: draw the user's features, then let the logging policy show PAST videos to a rested user."""
    queries = np.empty((BEHAVIOURS, net.items.shape[1]), np.float32)
    gates = np.empty((2, net.item_gates.shape[1]), np.float32)
    slate = np.empty(SLATE, np.int64)
    chances = np.empty((SLATE, BEHAVIOURS))
    for i in range(len(lanes)):
        lane, seed = lanes[i], seeds[i]
        user = below(len(profile_rows), seed, 0, PROFILE, 0)
        state.counts[STEPS, lane], state.counts[CAUSE, lane], state.counts[USER, lane] = 0, RUNNING, user
        state.seeds[lane], state.temper[lane] = seed, rules.initial_temper
        state.satiety[lane, :] = 0.0
        state.items[lane, :] = -1
        state.responses[lane, :, :] = 0.0
        start(net, profile_rows[user], state.hidden[lane])
        for request in range(PAST // SLATE):
            ask(net, profile_rows[user], state.hidden[lane], queries)
            for k in range(SLATE):
                place = below(fame_edges[-1], seed, request, PAST_ITEM, k)
                slate[k] = np.searchsorted(fame_edges, place, side="right")
                for b in range(BEHAVIOURS):
                    chances[k, b] = base_chance(net, rules, queries, b, slate[k])
            respond(seed, request, PAST_RESPONSE, slate, chances, rules, lane, state)
            keep(net, lane, state, gates)


@njit(cache=True, inline="always")
def base_chance(net, rules, queries, behaviour, item):
    """Probability of a behaviour before fatigue. The reference passes a sigmoid through a sigmoid again."""
    if rules.reference:
        return np.float64(sigmoid(sigmoid(fit(net, queries, behaviour, item))))
    return np.float64(chance(net, queries, behaviour, item))


@njit(cache=True, inline="always")
def alike(net, rules, item, other):
    """Similarity of two videos: the cosine of their encodings, at least 0 (reference: the cosine / 64)."""
    total = np.float32(0.0)
    for j in range(net.items.shape[1]):
        total += net.items[item, j] * net.items[other, j]
    cosine = np.float64(total) / net.items.shape[1]  # encodings have mean 0 and variance 1
    return cosine / REFERENCE_WIDTH if rules.reference else min(max(cosine, 0.0), 1.0)


@njit(cache=True, inline="always")
def sated(net, item, satiety):
    """Similarity of a video to what was shown of late, 0..1."""
    total = np.float32(0.0)
    for j in range(len(satiety)):
        total += net.items[item, j] * satiety[j]
    return min(max(np.float64(total) / len(satiety), 0.0), 1.0)


@njit(cache=True, inline="always")
def seen(items, item):
    """Whether a video is among the last HISTORY shown."""
    found = False
    for k in range(len(items)):
        found |= items[k] == item
    return found


@njit(cache=True)
def chances_of(net, rules, rows, slate, lane, state, queries, chances, sameness):
    """Probabilities (6, S) of all responses to a slate, and sameness (6,): how like each video is to the slate and to
    what was shown before it.
    """
    ask(net, rows, state.hidden[lane], queries)
    for k in range(SLATE):
        item, similar = slate[k], 0.0
        for other in slate:
            similar += alike(net, rules, item, other) / SLATE
        again = sated(net, item, state.satiety[lane])
        sameness[k] = similar + again
        appeal = 1.0 - rules.rho * similar - rules.satiety * again
        if not rules.reference and seen(state.items[lane], item):
            appeal -= rules.repeat
        appeal = max(appeal, 0.0)
        for b in range(BEHAVIOURS):
            p = base_chance(net, rules, queries, b, item)
            if rules.reference:
                p -= rules.rho * similar
            elif b == HATE:
                p *= 2.0 - appeal
            else:
                p *= appeal
            chances[k, b] = min(max(p, 0.0), 1.0)


@njit(cache=True)
def respond(seed, step, purpose, slate, chances, rules, lane, state):
    """Draw what the user does with each video, and append slate and responses to the history.

    Click and long view share a draw, so that a long view is a click that lasted (reference: drawn apart).
    """
    items, responses = state.items[lane], state.responses[lane]
    for k in range(HISTORY - SLATE):
        items[k] = items[k + SLATE]
        for b in range(BEHAVIOURS):
            responses[k, b] = responses[k + SLATE, b]
    for k in range(SLATE):
        at = HISTORY - SLATE + k
        items[at] = slate[k]
        for b in range(BEHAVIOURS):
            draw = CLICK if b == LONG_VIEW and not rules.reference else b
            u = uniform(seed, step, purpose, k * BEHAVIOURS + draw)
            responses[at, b] = 1.0 if u < chances[k, b] else 0.0


@njit(cache=True)
def keep(net, lane, state, gates):
    """Move the response model past the slate that was just appended."""
    for k in range(HISTORY - SLATE, HISTORY):
        remember(net, state.items[lane, k], state.responses[lane, k], state.hidden[lane], gates)


@njit(cache=True, inline="always")
def earned(responses, weights):
    """Mean over the slate of the weighted responses."""
    total = 0.0
    for k in range(HISTORY - SLATE, HISTORY):
        for b in range(BEHAVIOURS):
            total += weights[b] * responses[k, b]
    return total / SLATE


@njit(cache=True, inline="always")
def temper_lost(responses, sameness, rules):
    """By how much the temper falls after a request."""
    if rules.by_request:
        return 1.0
    disappointed, same = 0.0, 0.0
    for k in range(SLATE):
        at = HISTORY - SLATE + k
        disappointed += 1.0 if responses[at, CLICK] > responses[at, LONG_VIEW] else 0.0
        same += sameness[k]
    lost = rules.patience - earned(responses, rules.temper_weights)
    lost += (rules.regret * disappointed + rules.tedium * same) / SLATE
    return min(max(lost, 0.0), rules.worst)


@njit(cache=True, inline="always")
def tire(net, rules, slate, satiety):
    """Older slates fade, the new one enters."""
    memory = np.float32(rules.memory)
    fresh = (np.float32(1.0) - memory) / np.float32(SLATE)
    for j in range(len(satiety)):
        satiety[j] *= memory
    for item in slate:
        for j in range(len(satiety)):
            satiety[j] += fresh * net.items[item, j]


@njit(cache=True)
def step(actions, profile_rows, net, rules, state, rewards, flags):
    """One request of every lane. Returns FINE, or the first lane with a wrong action and moves nothing.

    `rewards` (float64, B) and `flags` (bool, (2, B): terminated and truncated) are filled.
    """
    for lane in range(len(actions)):
        if state.counts[CAUSE, lane] == RUNNING:
            for k in range(SLATE):
                if not 0 <= actions[lane, k] < len(net.items):
                    return lane
    queries = np.empty((BEHAVIOURS, net.items.shape[1]), np.float32)
    gates = np.empty((2, net.item_gates.shape[1]), np.float32)
    chances, sameness = np.empty((SLATE, BEHAVIOURS)), np.empty(SLATE)
    for lane in range(len(actions)):
        rewards[lane] = 0.0
        if state.counts[CAUSE, lane] == RUNNING:
            slate, rows = actions[lane], profile_rows[state.counts[USER, lane]]
            chances_of(net, rules, rows, slate, lane, state, queries, chances, sameness)
            respond(state.seeds[lane], state.counts[STEPS, lane], RESPONSE, slate, chances, rules, lane, state)
            keep(net, lane, state, gates)
            tire(net, rules, slate, state.satiety[lane])
            rewards[lane] = earned(state.responses[lane], rules.weights)
            state.temper[lane] -= temper_lost(state.responses[lane], sameness, rules)
            state.counts[STEPS, lane] += 1
            if state.temper[lane] < 1.0:
                state.counts[CAUSE, lane] = TEMPER
            elif state.counts[STEPS, lane] >= rules.horizon:
                state.counts[CAUSE, lane] = STEP_CAP
        flags[0, lane] = state.counts[CAUSE, lane] == TEMPER
        flags[1, lane] = state.counts[CAUSE, lane] == STEP_CAP
    return FINE


@njit(cache=True)
def expected(slates, profile_rows, net, rules, state, out):
    """Probabilities (B, 6, S) of all responses to the slates, now, in every lane that has a session."""
    queries = np.empty((BEHAVIOURS, net.items.shape[1]), np.float32)
    sameness = np.empty(SLATE)
    for lane in range(len(slates)):
        if state.counts[CAUSE, lane] != IDLE:
            rows = profile_rows[state.counts[USER, lane]]
            chances_of(net, rules, rows, slates[lane], lane, state, queries, out[lane], sameness)
