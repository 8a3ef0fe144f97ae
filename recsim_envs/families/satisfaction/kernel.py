"""The long-term-satisfaction dynamics as compiled code. `tests` hold it against a plain-Python reference.

Arrays of the lanes:
    state: int32 (2, B), the rows STEPS and CAUSE;
    exposures: float64 (B,), net positive exposure: what is left of the good and the bad that was consumed;
    clickbait: float32 (B, C), of each candidate, exactly as observed;
    clicks: int32 (B, k) and engagements: float32 (B, k), of the last slate.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from recsim_envs import rng
from recsim_envs.families.choice import Choice, best_slate, choose, empty_repeats
from recsim_envs.families.drawn_slates import CAUSE, HORIZON, LEFT, RUNNING, STEPS

CEILING: Final = 100.0
"""The most engagement that is observed, and, unless the reference is asked for, earned."""

# What draws are for.
_EXPOSURE: Final = rng.FAMILY
_CANDIDATE: Final = rng.FAMILY + 1
_CHOICE: Final = rng.FAMILY + 2
_ENGAGEMENT: Final = rng.FAMILY + 3
_NOISE: Final = rng.FAMILY + 4

_U24 = np.uint64(0xFFFFFF)
_S24 = np.uint64(24)
_STEP24 = np.float32(2.0**-24)
_GRID: Final = 5.0  # the value function is tabled for exposures from -5 to 5; bounded play stays within 3.4 and noise


class Rules(NamedTuple):
    """Constants of the dynamics; the numbers are RecSim's, `long_term_satisfaction.py`.

    clipped: whether engagement above CEILING earns no more; repeats: whether a candidate shown twice counts twice;
    persist: whether candidates stay for the session; memory: the share of exposure that is left after a step; weight:
    exposure from an item of clickbait 0, or lost to one of 1; kale, choc: log-engagement of a fully satisfied user
    with the one and the other; spread: its sd.
    """

    choice: Choice
    horizon: int
    clipped: bool
    repeats: bool
    persist: bool
    sensitivity: float
    time_budget: int = 60
    memory: float = 0.7
    weight: float = 1.0
    noise: float = 0.05
    kale: float = 4.0
    choc: float = 5.0
    spread: float = 1.0


@njit(cache=True, inline="always")
def satisfaction(rules, exposure):
    """Satisfaction in (0, 1)."""
    return 1.0 / (1.0 + math.exp(-rules.sensitivity * exposure))


@njit(cache=True)
def draw_candidates(seed, step, clickbait):
    """Uniform numbers of 24 bits, all that float32 holds, two from each draw."""
    for i in range(0, len(clickbait), 2):
        word = rng.bits(seed, step, _CANDIDATE, i >> 1)
        clickbait[i] = np.float32(np.int32(word & _U24)) * _STEP24
        if i + 1 < len(clickbait):
            clickbait[i + 1] = np.float32(np.int32((word >> _S24) & _U24)) * _STEP24


@njit(cache=True)
def begin(lanes, rules, seeds, exposures, clickbait, clicks, engagements):
    """Start sessions: draw the exposure that the user brings and the candidates, clear the last slate."""
    for lane in lanes:
        exposures[lane] = (rng.uniform(seeds[lane], 0, _EXPOSURE, 0) - 0.5) / (1.0 - rules.memory)
        draw_candidates(seeds[lane], 0, clickbait[lane])
        clicks[lane, :], engagements[lane, :] = 0, 0.0


@njit(cache=True)
def step(slates, rules, state, seeds, exposures, clickbait, clicks, engagements, rewards, flags):
    """One step of every running lane; fills `rewards` (float64, B) and `flags` (bool, (2, B))."""
    scores = np.empty(slates.shape[1])
    for b in range(len(slates)):
        if state[CAUSE, b] == RUNNING:
            t = state[STEPS, b]
            for i in range(len(scores)):
                scores[i], clicks[b, i], engagements[b, i] = clickbait[b, slates[b, i]], 0, 0.0
            if not rules.repeats:
                empty_repeats(slates[b], scores)
            slot = choose(rules.choice, scores, rng.uniform(seeds[b], t, _CHOICE, 0))
            gained = 0.0
            if slot >= 0:
                x = np.float64(clickbait[b, slates[b, slot]])
                mean = appeal(rules, x) * satisfaction(rules, exposures[b])
                engagement = math.exp(mean + rules.spread * rng.normal(seeds[b], t, _ENGAGEMENT, 0))
                clicks[b, slot], engagements[b, slot] = 1, min(engagement, CEILING)
                rewards[b] = min(engagement, CEILING) if rules.clipped else engagement
                gained = exposure_of(rules, x)
            exposures[b] = rules.memory * exposures[b] + gained + rules.noise * rng.normal(seeds[b], t, _NOISE, 0)
            state[STEPS, b] = t + 1
            if t + 1 >= rules.time_budget:
                state[CAUSE, b] = LEFT
            elif t + 1 >= rules.horizon:
                state[CAUSE, b] = HORIZON
            elif not rules.persist:
                draw_candidates(seeds[b], t + 1, clickbait[b])
        flags[0, b] = state[CAUSE, b] == LEFT
        flags[1, b] = state[CAUSE, b] == HORIZON


@njit(cache=True, inline="always")
def appeal(rules, x):
    """Mean log-engagement of a fully satisfied user with an item of clickbait `x`."""
    return rules.kale + (rules.choc - rules.kale) * x


@njit(cache=True, inline="always")
def exposure_of(rules, x):
    """What an item of clickbait `x` adds to the exposure: below a half it does good, above it harm."""
    return -2.0 * rules.weight * (x - 0.5)


@njit(cache=True)
def expected(rules, x, satisfied):
    """Expected reward of an item of clickbait `x`: the mean of a log-normal, clipped at CEILING or not."""
    mean, sd = appeal(rules, x) * satisfied, rules.spread
    whole = math.exp(mean + 0.5 * sd * sd)
    if not rules.clipped:
        return whole
    cut = (math.log(CEILING) - mean) / sd
    return whole * _normal_below(cut - sd) + CEILING * (1.0 - _normal_below(cut))


@njit(cache=True, inline="always")
def _normal_below(z):
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@njit(cache=True)
def value_at(values, exposure):
    """A table of values over exposures -_GRID.._GRID, read between its points by a straight line."""
    last = len(values) - 1
    place = min(max((exposure + _GRID) / (2.0 * _GRID), 0.0), 1.0) * last
    low = min(int(place), last - 1)
    return values[low] + (place - low) * (values[low + 1] - values[low])


@njit(cache=True)
def decide(rules, clickbait, exposure, later, scores, worth, slate):
    """The best slate of candidates `clickbait` where `later` tables the value of what follows; returns its value."""
    satisfied, kept = satisfaction(rules, exposure), rules.memory * exposure
    for i in range(len(clickbait)):
        x = np.float64(clickbait[i])
        scores[i] = x
        worth[i] = expected(rules, x, satisfied) + value_at(later, kept + exposure_of(rules, x))
    return best_slate(rules.choice, scores, worth, value_at(later, kept), rules.repeats, slate)


@njit(cache=True)
def solve(rules, samples, slots, values):
    """Fill `values` (float64, (steps + 1, g)): the value of an exposure with so many steps left.

    Backward induction over the sampled candidate sets `samples` (float32, (m, C)); the exposure's small noise, over
    which the value is all but straight, is left out.
    """
    scores, worth = np.empty(samples.shape[1]), np.empty(samples.shape[1])
    slate = np.zeros(slots, np.int64)
    values[0, :] = 0.0
    last = values.shape[1] - 1
    for left in range(1, len(values)):
        for g in range(last + 1):
            total = 0.0
            for m in range(len(samples)):
                exposure = _GRID * (2.0 * g / last - 1.0)
                total += decide(rules, samples[m], exposure, values[left - 1], scores, worth, slate)
            values[left, g] = total / len(samples)


@njit(cache=True)
def plan(rules, values, myopic, state, exposures, clickbait, out):
    """Fill `out` (int64, (B, k)) with each running lane's best slate; myopic: what follows counts nothing."""
    scores, worth = np.empty(clickbait.shape[1]), np.empty(clickbait.shape[1])
    steps = min(rules.horizon, rules.time_budget)
    for b in range(len(out)):
        if state[CAUSE, b] == RUNNING:
            later = values[0 if myopic else steps - 1 - state[STEPS, b]]
            decide(rules, clickbait[b], exposures[b], later, scores, worth, out[b])
