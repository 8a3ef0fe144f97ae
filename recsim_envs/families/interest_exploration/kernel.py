"""The interest-exploration dynamics as compiled code. `tests` hold it against a plain-Python reference.

Arrays of the lanes:
    state: int32 (2, B), the rows STEPS and CAUSE;
    tastes: float64 (3, B, TOPICS), the planes AFFINITY (what the user likes from the start), ACQUIRED (what full
        familiarity adds) and FAMILIARITY (0 to 1, from what was shown);
    topics: int32 (B, C) and qualities: float32 (B, C), of each candidate, exactly as observed;
    answers: int32 (2, B, k), the planes CLICKED and TOPIC, and shown_qualities: float32 (B, k), of the last slate.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from recsim_envs import rng
from recsim_envs.families.choice import Choice, best_slate, choose, empty_repeats, weigh
from recsim_envs.families.drawn_slates import CAUSE, HORIZON, RUNNING, STEPS

TOPICS: Final = 2
AFFINITY: Final = 0
ACQUIRED: Final = 1
FAMILIARITY: Final = 2
CLICKED: Final = 0
TOPIC: Final = 1

# What draws are for.
_TYPE: Final = rng.FAMILY
_AFFINITY: Final = rng.FAMILY + 1
_CANDIDATE: Final = rng.FAMILY + 2
_QUALITY: Final = rng.FAMILY + 3
_CHOICE: Final = rng.FAMILY + 4
_ACQUIRES: Final = rng.FAMILY + 5

_HALF = np.uint64(0xFFFFFFFF)
_S32 = np.uint64(32)
_STEP32: Final = 2.0**-32

SPLITS: Final = 20  # into how many parts a long slate is divided between the topics when planning


class Rules(NamedTuple):
    """Constants of the dynamics; all but the last three are RecSim's, `interest_exploration.py`.

    repeats: whether a candidate shown twice counts twice; persist: whether candidates stay for the session;
    first_type, first_topic: shares of users of type 0 and of candidates on topic 0; affinities: mean log-affinity by
    [type][topic]; qualities: mean log-quality by topic; spread: sd of both logarithms; acquirers: the share of users
    who can acquire a taste; acquired: what it adds to the score at full familiarity; pace: the share of the way to
    what is shown that familiarity goes in a step.
    """

    choice: Choice
    horizon: int
    repeats: bool
    persist: bool
    acquirers: float
    acquired: float
    pace: float
    first_type: float = 0.3
    first_topic: float = 0.2
    affinities: tuple[tuple[float, float], tuple[float, float]] = ((0.1, 0.7), (0.7, 0.1))
    qualities: tuple[float, float] = (0.8, 0.2)
    spread: float = 0.1


@njit(cache=True)
def draw_candidates(rules, seed, step, topics, qualities):
    """Topics and log-normal qualities, two candidates from two draws (Box & Muller; see `rng.normal`)."""
    edge = np.uint64(rules.first_topic * 2.0**32)
    for i in range(0, len(topics), 2):
        word = rng.bits(seed, step, _CANDIDATE, i >> 1)
        point = rng.bits(seed, step, _QUALITY, i >> 1)
        u = (np.float64(np.int64(point & _HALF)) + 1.0) * _STEP32  # in (0, 1]
        angle = 2.0 * math.pi * np.float64(np.int64(point >> _S32)) * _STEP32
        radius = rules.spread * math.sqrt(-2.0 * math.log(u))
        topics[i] = (word & _HALF) >= edge
        qualities[i] = math.exp(rules.qualities[topics[i]] + radius * math.cos(angle))
        if i + 1 < len(topics):
            topics[i + 1] = (word >> _S32) >= edge
            qualities[i + 1] = math.exp(rules.qualities[topics[i + 1]] + radius * math.sin(angle))


@njit(cache=True)
def begin(lanes, rules, seeds, tastes, topics, qualities, answers, shown_qualities):
    """Start sessions: draw the user's type, affinities and whether a taste can be acquired, and the candidates."""
    for lane in lanes:
        seed = seeds[lane]
        kind = 0 if rng.uniform(seed, 0, _TYPE, 0) < rules.first_type else 1
        for k in range(TOPICS):
            tastes[AFFINITY, lane, k] = math.exp(
                rules.affinities[kind][k] + rules.spread * rng.normal(seed, 0, _AFFINITY, k)
            )
        tastes[ACQUIRED, lane, :], tastes[FAMILIARITY, lane, :] = 0.0, 0.0
        if rng.uniform(seed, 0, _ACQUIRES, 0) < rules.acquirers:
            tastes[ACQUIRED, lane, np.argmin(tastes[AFFINITY, lane])] = rules.acquired
        draw_candidates(rules, seed, 0, topics[lane], qualities[lane])
        answers[CLICKED, lane, :], answers[TOPIC, lane, :] = 0, -1
        shown_qualities[lane, :] = 0.0


@njit(cache=True, inline="always")
def liking(tastes, b, topic):
    """What a user adds to the quality of a candidate on the topic."""
    return tastes[AFFINITY, b, topic] + tastes[ACQUIRED, b, topic] * tastes[FAMILIARITY, b, topic]


@njit(cache=True)
def step(slates, rules, state, seeds, tastes, topics, qualities, answers, shown_qualities, rewards, flags):
    """One step of every running lane; fills `rewards` (float64, B) and `flags` (bool, (2, B))."""
    scores = np.empty(slates.shape[1])
    for b in range(len(slates)):
        if state[CAUSE, b] == RUNNING:
            t = state[STEPS, b]
            for i in range(len(scores)):
                candidate = slates[b, i]
                topic = topics[b, candidate]
                answers[CLICKED, b, i], answers[TOPIC, b, i] = 0, topic
                shown_qualities[b, i] = qualities[b, candidate]
                scores[i] = liking(tastes, b, topic) + qualities[b, candidate]
            if not rules.repeats:
                empty_repeats(slates[b], scores)
            grow(rules, answers[TOPIC, b], scores, tastes[FAMILIARITY, b])
            slot = choose(rules.choice, scores, rng.uniform(seeds[b], t, _CHOICE, 0))
            if slot >= 0:
                answers[CLICKED, b, slot], rewards[b] = 1, 1.0
            state[STEPS, b] = t + 1
            if t + 1 >= rules.horizon:
                state[CAUSE, b] = HORIZON
            elif not rules.persist:
                draw_candidates(rules, seeds[b], t + 1, topics[b], qualities[b])
        flags[0, b] = False
        flags[1, b] = state[CAUSE, b] == HORIZON


@njit(cache=True)
def grow(rules, topics, scores, familiarity):
    """Move familiarity towards the shares of the topics among the filled slots: what is not shown fades."""
    filled, first = 0, 0
    for i in range(len(topics)):
        if scores[i] > -np.inf:
            filled += 1
            first += topics[i] == 0
    share = first / filled
    familiarity[0] += rules.pace * (share - familiarity[0])
    familiarity[1] += rules.pace * (1.0 - share - familiarity[1])


@njit(cache=True)
def myopic(rules, state, tastes, topics, qualities, out):
    """Fill `out` (int64, (B, k)) with each running lane's slate of the highest probability of a click."""
    scores, values = np.empty(topics.shape[1]), np.ones(topics.shape[1])
    for b in range(len(out)):
        if state[CAUSE, b] == RUNNING:
            for i in range(len(scores)):
                scores[i] = liking(tastes, b, topics[b, i]) + qualities[b, i]
            best_slate(rules.choice, scores, values, 0.0, rules.repeats, out[b])


@njit(cache=True)
def split_slate(topics, order, first, repeats, slate):
    """Fill `slate` with the best `first` candidates on topic 0 and the best others on topic 1, best quality first.

    `order` ranks the candidates by falling quality. With `repeats` the best of a topic fills all slots of the topic.
    Returns whether there are enough of both.
    """
    other, filled = len(slate) - first, 0
    for candidate in order:
        wanted = first if topics[candidate] == 0 else other
        used = wanted if repeats else min(wanted, 1)
        slate[filled : filled + used] = candidate
        filled += used
        if topics[candidate] == 0:
            first -= used
        else:
            other -= used
        if filled == len(slate):
            break
    return filled == len(slate)


@njit(cache=True)
def click_probability(rules, slate, likings, topics, qualities, scores):
    """Probability of a click on a slate without empty slots, for a user with these likings of the two topics."""
    for i in range(len(slate)):
        scores[i] = likings[topics[slate[i]]] + qualities[slate[i]]
    nothing = weigh(rules.choice, scores)
    clicks = 0.0
    for i in range(len(scores)):
        clicks += scores[i]
    return clicks / (clicks + nothing)


@njit(cache=True)
def decide(rules, left, tastes, b, first_familiarity, topics, qualities, order, later, slate, best):
    """Fill `best` with the slate of the highest click probability now plus value after it; returns that value.

    `later` tables the value with `left` - 1 steps to go over familiarity 0..1 with topic 0. The two familiarities
    always add up to what the number of steps says, so that one of them is enough.
    """
    steps, last, value = rules.horizon - left, len(later) - 1, -np.inf
    whole = 1.0 - (1.0 - rules.pace) ** steps
    likings = (
        tastes[AFFINITY, b, 0] + tastes[ACQUIRED, b, 0] * first_familiarity,
        tastes[AFFINITY, b, 1] + tastes[ACQUIRED, b, 1] * max(whole - first_familiarity, 0.0),
    )
    scores = np.empty(len(slate))
    parts = min(len(slate), SPLITS)
    for part in range(parts + 1):
        first = len(slate) * part // parts
        if split_slate(topics, order, first, rules.repeats, slate):
            place = (first_familiarity + rules.pace * (first / len(slate) - first_familiarity)) * last
            low = min(int(place), last - 1)
            then = later[low] + (place - low) * (later[low + 1] - later[low])
            found = click_probability(rules, slate, likings, topics, qualities, scores) + then
            if found > value:
                value = found
                best[:] = slate
    return value


@njit(cache=True)
def solve(rules, b, tastes, sample_topics, sample_qualities, orders, slots, values):
    """Fill `values` (float64, (horizon + 1, g)) for the user in lane `b`, over sampled candidate sets (m, C)."""
    slate, best = np.zeros(slots, np.int64), np.zeros(slots, np.int64)
    values[0, :] = 0.0
    last = values.shape[1] - 1
    for left in range(1, len(values)):
        reached = 1.0 - (1.0 - rules.pace) ** (rules.horizon - left)
        for g in range(last + 1):
            if g - 1 > reached * last:  # more familiarity than can have grown
                values[left, g] = values[left, g - 1]
                continue
            total = 0.0
            for m in range(len(orders)):
                total += decide(
                    rules, left, tastes, b, g / last, sample_topics[m], sample_qualities[m], orders[m],
                    values[left - 1], slate, best,
                )  # fmt: skip
            values[left, g] = total / len(orders)


@njit(cache=True)
def plan(rules, state, tastes, topics, qualities, values, out):
    """Fill `out` (int64, (B, k)) with each running lane's slate of the highest value by its own table of `values`."""
    slate = np.zeros(out.shape[1], np.int64)
    for b in range(len(out)):
        if state[CAUSE, b] == RUNNING:
            left = rules.horizon - state[STEPS, b]
            order = np.argsort(-qualities[b], kind="mergesort")
            decide(
                rules, left, tastes, b, tastes[FAMILIARITY, b, 0], topics[b], qualities[b], order,
                values[b, left - 1], slate, out[b],
            )  # fmt: skip
