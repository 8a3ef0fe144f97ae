"""The interest-evolution dynamics as compiled code. `tests` hold it against a plain-Python reference.

Arrays of the lanes:
    state: int32 (2, B), the rows STEPS and CAUSE;
    interests: float32 (B, TOPICS), what the user cares for, exactly as observed;
    budgets: float64 (B,), the time that the user has left;
    topics: int32 (B, C), the topic of each candidate; its quality is drawn when it is asked for;
    answers: int32 (2, B, k), the planes CLICKED and TOPIC, and measures: float32 (2, B, k), the planes WATCHED and
        QUALITY, of the last slate.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit

from recsim_envs import rng
from recsim_envs.families.choice import Choice, best_slate, choose, empty_repeats
from recsim_envs.families.drawn_slates import CAUSE, HORIZON, LEFT, RUNNING, STEPS

TOPICS: Final = 20
CLICKED: Final = 0
TOPIC: Final = 1
WATCHED: Final = 0
QUALITY: Final = 1

# What draws are for.
_INTEREST: Final = rng.FAMILY
_CANDIDATE: Final = rng.FAMILY + 1
_QUALITY: Final = rng.FAMILY + 2
_CHOICE: Final = rng.FAMILY + 3
_DRIFT: Final = rng.FAMILY + 4

_HALF = np.uint64(0xFFFFFFFF)
_S32 = np.uint64(32)


class Rules(NamedTuple):
    """Constants of the dynamics; the numbers are RecSim's, `interest_evolution.py`.

    budget, length, step_penalty: units of time; refund: the share of a watched video's time that each unit of its
    quality gives back; drift: the largest step of an interest; quality_sd: spread within a topic; repeats: whether
    a candidate shown twice counts twice; persist: whether candidates stay for the session.
    """

    choice: Choice
    horizon: int
    repeats: bool
    persist: bool
    budget: float = 200.0
    length: float = 4.0
    step_penalty: float = 0.5
    refund: float = 0.9 / 3.4
    drift: float = 0.3
    quality_sd: float = 0.1


@njit(cache=True, inline="always")
def quality_of(rules, means, seed, step, candidate, topic):
    """Quality of a candidate of the slate of `step`: normal around its topic's mean."""
    drawn_at = 0 if rules.persist else step
    return means[topic] + rules.quality_sd * rng.normal(seed, drawn_at, _QUALITY, candidate)


@njit(cache=True)
def draw_candidates(seed, step, topics):
    """Uniform topics, two from each draw of 64 bits; the bias of multiply-and-shift is under 1e-8."""
    count = np.uint64(TOPICS)
    for i in range(0, len(topics), 2):
        word = rng.bits(seed, step, _CANDIDATE, i >> 1)
        topics[i] = np.int32(((word & _HALF) * count) >> _S32)
        if i + 1 < len(topics):
            topics[i + 1] = np.int32(((word >> _S32) * count) >> _S32)


@njit(cache=True)
def begin(lanes, rules, seeds, interests, budgets, topics, answers, measures):
    """Start sessions: draw interests and candidates, fill the time, clear the last slate."""
    for lane in lanes:
        for k in range(TOPICS):
            interests[lane, k] = np.float32(2.0 * rng.uniform(seeds[lane], 0, _INTEREST, k) - 1.0)
        budgets[lane] = rules.budget
        draw_candidates(seeds[lane], 0, topics[lane])
        answers[CLICKED, lane, :] = 0
        answers[TOPIC, lane, :] = -1
        measures[:, lane, :] = 0.0


@njit(cache=True, inline="always")
def shift(rules, interest):
    """How far an interest in [-1, 1] moves at a click: weakly held ones move most, and none leaves its bounds."""
    return rules.drift * (1.0 - abs(interest)) * (1.0 - interest)


@njit(cache=True)
def step(slates, rules, means, state, seeds, interests, budgets, topics, answers, measures, rewards, flags):
    """One step of every running lane; fills `rewards` (float64, B) and `flags` (bool, (2, B))."""
    scores = np.empty(slates.shape[1])
    for b in range(len(slates)):
        if state[CAUSE, b] == RUNNING:
            _serve(b, slates[b], rules, means, state, seeds[b], interests[b], topics[b], answers, measures, scores)
            taken = choose(rules.choice, scores, rng.uniform(seeds[b], state[STEPS, b], _CHOICE, 0))
            if taken < 0:
                budgets[b] -= rules.step_penalty
            else:
                rewards[b] = watch(b, taken, rules, state, seeds[b], interests[b], budgets, answers, measures)
            state[STEPS, b] += 1
            if budgets[b] <= 0.0:
                state[CAUSE, b] = LEFT
            elif state[STEPS, b] >= rules.horizon:
                state[CAUSE, b] = HORIZON
            elif not rules.persist:
                draw_candidates(seeds[b], state[STEPS, b], topics[b])
        flags[0, b] = state[CAUSE, b] == LEFT
        flags[1, b] = state[CAUSE, b] == HORIZON


@njit(cache=True)
def _serve(b, slate, rules, means, state, seed, interests, topics, answers, measures, scores):
    """Note what the slate shows, and score its slots."""
    for i in range(len(slate)):
        topic = topics[slate[i]]
        answers[CLICKED, b, i], answers[TOPIC, b, i] = 0, topic
        quality = quality_of(rules, means, seed, state[STEPS, b], slate[i], topic)
        measures[WATCHED, b, i], measures[QUALITY, b, i] = 0.0, quality
        scores[i] = interests[topic]
    if not rules.repeats:
        empty_repeats(slate, scores)


@njit(cache=True)
def watch(b, slot, rules, state, seed, interests, budgets, answers, measures):
    """The click on a slot: time spent and given back, the interest moved; returns the time watched."""
    topic = answers[TOPIC, b, slot]
    quality = np.float64(measures[QUALITY, b, slot])
    watched = min(budgets[b], rules.length)
    interest = np.float64(interests[topic])
    up = rng.uniform(seed, state[STEPS, b], _DRIFT, 0) < (interest + 1.0) / 2.0
    moved = shift(rules, interest)
    interests[topic] = np.float32(interest + moved if up else interest - moved)
    budgets[b] += rules.refund * watched * quality - watched
    answers[CLICKED, b, slot], measures[WATCHED, b, slot] = 1, watched
    return watched


@njit(cache=True)
def plan(rules, means, rate, slopes, state, seeds, interests, budgets, topics, out):
    """Fill `out` (int64, (B, k)) with each running lane's slate of the highest value.

    The value of a state is the time left times (`rate` + sum over topics of `slopes` (float64, TOPICS) times
    interest). With zeros only the time watched in this step counts.
    """
    scores, values = np.empty(topics.shape[1]), np.empty(topics.shape[1])
    for b in range(len(out)):
        if state[CAUSE, b] == RUNNING:
            now = rate
            for k in range(TOPICS):
                now += slopes[k] * np.float64(interests[b, k])
            for i in range(len(scores)):
                topic = topics[b, i]
                scores[i] = interests[b, topic]
                quality = quality_of(rules, means, seeds[b], state[STEPS, b], i, topic)
                watched = min(budgets[b], rules.length)
                left = max(budgets[b] - watched + rules.refund * watched * quality, 0.0)
                drifts = shift(rules, scores[i]) * scores[i]  # up with probability (u + 1) / 2: u times the shift
                values[i] = watched + left * (now + slopes[topic] * drifts)
            nothing = max(budgets[b] - rules.step_penalty, 0.0) * now
            best_slate(rules.choice, scores, values, nothing, rules.repeats, out[b])
