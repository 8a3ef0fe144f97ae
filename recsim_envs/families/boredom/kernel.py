"""The boredom dynamics as compiled code. `tests` hold it against a plain-Python reference.

A session's clock counts slates: slate 0 is the one of `begin`, the n-th action of the session is slate n. The log
of clicks is a ring of the last `memory` clicks: the topic of a click and the slate that it belongs to.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs.rng import FAMILY, below, uniform

INTEREST: Final = FAMILY + 0  # how much a user likes each topic
TOPICS: Final = FAMILY + 1  # which topics a user likes at all
FIRST: Final = FAMILY + 2  # the slate that a session starts with
CLICK: Final = FAMILY + 3

# Why a lane is as it is. Above RUNNING the session is over.
RUNNING: Final = 0
HORIZON: Final = 1
IDLE: Final = 2

NO_INFLUENCE: Final = 0
SCALAR_MEAN: Final = 1  # the reference: one number, the mean over clicked items and topics, is added to every topic
VECTOR_MEAN: Final = 2  # the mean vector of the clicked items

FINE: Final = -1  # no lane has a wrong action
LONG_AGO: Final = -(2**30)  # the slate of a click that never was


class Rules(NamedTuple):
    """The constants of the dynamics. `position` float64 (k,): chance that a slot's item can be clicked at all."""

    position: NDArray[np.float64]
    offset: float
    slope: float
    omega: float
    influence: int
    topic_only: bool
    threshold: int
    window: int
    timeout: int
    copies_count: bool
    horizon: int


class State(NamedTuple):
    """The lanes. `seed`, `steps`, `cause`, `total` (clicks so far) are (B,); `user`, `left` (steps that a topic stays
    boring) and `recent` (clicks in the window over the threshold) are (B, T); the log is (B, memory), `slate` and
    `clicks` are (B, k).
    """

    seed: NDArray[np.uint64]
    steps: NDArray[np.int32]
    cause: NDArray[np.int32]
    total: NDArray[np.int64]
    user: NDArray[np.float64]
    left: NDArray[np.int32]
    recent: NDArray[np.float32]
    log_topic: NDArray[np.int32]
    log_slate: NDArray[np.int32]
    slate: NDArray[np.int32]
    clicks: NDArray[np.int32]

    @classmethod
    def empty(cls, lanes: int, topics: int, slots: int, memory: int) -> State:
        """Lanes in which no session was ever begun."""

        def zeros(dtype: Any, *width: int) -> NDArray[Any]:
            return np.zeros((lanes, *width), dtype)

        per_topic = zeros(np.float64, topics), zeros(np.int32, topics), zeros(np.float32, topics)
        log = zeros(np.int32, memory), np.full((lanes, memory), LONG_AGO, np.int32)
        head = zeros(np.uint64), zeros(np.int32), np.full(lanes, IDLE, np.int32), zeros(np.int64)
        return cls(*head, *per_topic, *log, zeros(np.int32, slots), zeros(np.int32, slots))


@njit(cache=True)
def draw_user(seed, user):
    """Fill in a user: 3 to 5 topics (each is in with chance 4 in `topics`, redrawn until it fits), unit length."""
    topics = len(user)
    attempt, liked = 0, 0
    while not 3 <= liked <= 5:
        liked = 0
        for j in range(topics):
            inside = uniform(seed, attempt, TOPICS, j) > 1.0 - 4.0 / topics
            user[j] = 1.0 - uniform(seed, 0, INTEREST, j) if inside else 0.0
            liked += inside
        attempt += 1
    normalise(user)


@njit(cache=True, inline="always")
def normalise(vector):
    """Scale to unit length, summing from the first coordinate to the last."""
    squares = 0.0
    for j in range(len(vector)):
        squares += vector[j] * vector[j]
    length = math.sqrt(squares)
    for j in range(len(vector)):
        vector[j] /= length


@njit(cache=True, inline="always")
def relevance(user, left, dulled, item, rules):
    """Chance that the user clicks an item in a slot that is surely looked at. `dulled`: bored altogether."""
    score = 0.0
    if not dulled:
        for j in range(len(user)):
            if left[j] == 0:
                score += user[j] * item[j]
    return 1.0 / (1.0 + math.exp(-(score - rules.offset) * rules.slope))


@njit(cache=True, inline="always")
def is_dulled(left, rules):
    """Whether boredom with any topic has put the user off everything."""
    return not rules.topic_only and left.max() > 0


@njit(cache=True, inline="always")
def remember(topic, slate, log_topic, log_slate, total):
    """Write a click over the oldest one of the ring; the new number of clicks."""
    log_topic[total % len(log_topic)] = topic
    log_slate[total % len(log_topic)] = slate
    return total + 1


@njit(cache=True, inline="always")
def tire(now, log_topic, log_slate, left, counts, rules):
    """After slate `now`: boredom wears off by a step, and starts in topics with too many recent clicks.

    `counts` (T,) is left holding the clicks of the last `window` slates, as far as the log remembers them.
    """
    counts[:] = 0
    for k in range(len(log_topic)):
        if log_slate[k] > now - rules.window:
            counts[log_topic[k]] += 1
    for j in range(len(left)):
        if left[j] > 0:
            left[j] -= 1
        if left[j] == 0 and counts[j] >= rules.threshold:
            left[j] = rules.timeout


@njit(cache=True, inline="always")
def influence(user, slate, clicks, items, rules):
    """Move the user towards what was clicked."""
    clicked = clicks.sum()
    if clicked == 0 or rules.influence == NO_INFLUENCE:
        return
    pull = np.zeros(len(user))
    for k in range(len(slate)):
        if clicks[k]:
            for j in range(len(user)):
                pull[j] += items[slate[k], j]
    if rules.influence == SCALAR_MEAN:
        pull[:] = pull.sum() / len(user)
    for j in range(len(user)):
        user[j] = rules.omega * user[j] + (1.0 - rules.omega) * pull[j] / clicked
    normalise(user)


@njit(cache=True, inline="always")
def is_copy(slate, k):
    """Whether slot k repeats an item of an earlier slot."""
    found = False
    for i in range(k):
        found |= slate[i] == slate[k]
    return found


@njit(cache=True, inline="always")
def show(b, now, items, item_topic, rules, state, counts):
    """The user of lane b looks at `state.slate[b]`, slate `now` of the session; the number of clicks."""
    slate, clicks, left = state.slate[b], state.clicks[b], state.left[b]
    dulled = is_dulled(left, rules)
    earned = 0
    for k in range(len(slate)):
        clicks[k] = 0
        if rules.copies_count or not is_copy(slate, k):
            chance = rules.position[k] * relevance(state.user[b], left, dulled, items[slate[k]], rules)
            if uniform(state.seed[b], now, CLICK, k) < chance:
                clicks[k] = 1
                earned += 1
                topic = item_topic[slate[k]]
                state.total[b] = remember(topic, now, state.log_topic[b], state.log_slate[b], state.total[b])
    tire(now, state.log_topic[b], state.log_slate[b], left, counts, rules)
    influence(state.user[b], slate, clicks, items, rules)
    for j in range(len(counts)):
        state.recent[b, j] = min(counts[j] / rules.threshold, 1.0)
    return earned


@njit(cache=True)
def begin(lanes, seeds, items, item_topic, rules, state):
    """Start sessions: draw the user and show a first slate of random items."""
    counts = np.zeros(items.shape[1], np.int64)
    for i in range(len(lanes)):
        b = lanes[i]
        state.seed[b], state.steps[b], state.cause[b], state.total[b] = seeds[i], 0, RUNNING, 0
        draw_user(seeds[i], state.user[b])
        state.left[b, :] = 0
        state.log_slate[b, :] = LONG_AGO
        for k in range(state.slate.shape[1]):
            state.slate[b, k] = below(len(items), seeds[i], 0, FIRST, k)
        show(b, 0, items, item_topic, rules, state, counts)


@njit(cache=True)
def step(actions, items, item_topic, rules, state, rewards, truncated):
    """One slate a lane: `actions` int64 (B, k). Returns FINE, or the first lane with a wrong one and moves nothing."""
    lanes, slots = actions.shape
    for b in range(lanes):
        for k in range(slots):
            if state.cause[b] == RUNNING and not 0 <= actions[b, k] < len(items):
                return b
    counts = np.zeros(items.shape[1], np.int64)
    for b in range(lanes):
        if state.cause[b] == RUNNING:
            for k in range(slots):
                state.slate[b, k] = actions[b, k]
            state.steps[b] += 1
            rewards[b] = show(b, state.steps[b], items, item_topic, rules, state, counts)
            if state.steps[b] >= rules.horizon:
                state.cause[b] = HORIZON
        truncated[b] = state.cause[b] == HORIZON
    return FINE


@njit(cache=True)
def relevances(items, rules, state, out):
    """`out` (B, n): the chance of a click on every item in every lane now, in a slot that is surely looked at."""
    for b in range(len(out)):
        dulled = is_dulled(state.left[b], rules)
        for i in range(len(items)):
            out[b, i] = relevance(state.user[b], state.left[b], dulled, items[i], rules)


@njit(cache=True, inline="always")
def enlist(item, score, items, scores):
    """Put an item into the list of the best, best first; the first come stays ahead of its equals."""
    k = len(scores)
    while k > 0 and score > scores[k - 1]:
        k -= 1
        if k + 1 < len(scores):
            items[k + 1], scores[k + 1] = items[k], scores[k]
    if k < len(scores):
        items[k], scores[k] = item, score


@njit(cache=True)
def best_items(scores, count):
    """The `count` items of highest score in each lane, best first: int64 (B, count) of float64 (B, n)."""
    found, best = np.zeros((len(scores), count), np.int64), np.empty(count)
    for b in range(len(scores)):
        best[:] = -np.inf
        for i in range(scores.shape[1]):
            enlist(i, scores[b, i], found[b], best)
    return found
