"""The slate team as compiled code. `tests` hold it against a plain-Python reference.

Arguments (B lanes, N slots, K topics):
    tastes: float64 (B, K), drawn at the start; exposure: float64 (B, K), the share of each topic in recent slates;
    mood: float64 (2, B), the rows WEARINESS and PATIENCE;
    last: int32 (2, B, N), the topics SHOWN in the last slate (-1: none yet) and what was CLICKED (0 or 1);
    counts: int32 (2, B, K), how often a topic was SHOWN and CLICKED in the session.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from recsim_envs.markets.base import ACTIVE, HORIZON, LEFT
from recsim_envs.rng import FAMILY, normal, uniform

TASTE: Final = FAMILY + 0  # of the user for a topic
CLICK: Final = FAMILY + 1  # on a slot

WEARINESS: Final = 0
PATIENCE: Final = 1
SHOWN: Final = 0
CLICKED: Final = 1

TOPICS: Final = 12
MEAN: Final = -0.5  # of a user's tastes, in logits of a click
SPREAD: Final = 1.5  # their standard deviation
EXPOSURE_KEPT: Final = 0.8
WEARINESS_KEPT: Final = 0.95
EXAMINED: Final = 0.9  # chance that a user who looked at a slot looks at the next
DOUBLE: Final = 0.3  # logit lost for each slot above with the same topic
FREE: Final = 1.0 / TOPICS  # redundancy of an even rotation: it tires nobody
FIRST_PATIENCE: Final = 10.0
EXPECTED: Final = 0.3  # share of the slate that a user wants to click; what falls short uses patience


@njit(cache=True)
def begin(lanes, seeds, tastes, exposure, mood, last, counts):
    """Draw users, and clear what happened."""
    for lane in lanes:
        for k in range(TOPICS):
            tastes[lane, k] = MEAN + SPREAD * normal(seeds[lane], 0, TASTE, k)
            exposure[lane, k] = 0.0
            counts[SHOWN, lane, k] = counts[CLICKED, lane, k] = 0
        mood[WEARINESS, lane], mood[PATIENCE, lane] = 0.0, FIRST_PATIENCE
        last[SHOWN, lane], last[CLICKED, lane] = -1, 0


@njit(cache=True, inline="always")
def click_chance(taste, weariness, above, slot):
    """Chance of a click on a slot (0: the top) under `above` slots of the same topic."""
    return EXAMINED**slot / (1.0 + math.exp(-(taste - weariness - DOUBLE * above)))


@njit(cache=True)
def step(actions, tiring, horizon, seeds, rounds, status, tastes, exposure, mood, last, counts, rewards):
    """One slate of every lane whose user is there. Each slot earns the clicks of the whole slate."""
    lanes, slots = status.shape
    shown = np.empty(TOPICS)
    for b in range(lanes):
        if status[b, 0] != ACTIVE:
            continue
        shown[:], clicks, redundancy = 0.0, 0.0, 0.0
        for n in range(slots):
            k = actions[b, n]
            chance = click_chance(tastes[b, k], mood[WEARINESS, b], shown[k], n)
            clicked = uniform(seeds[b], rounds[b], CLICK, n) < chance
            last[SHOWN, b, n], last[CLICKED, b, n] = k, clicked
            counts[SHOWN, b, k] += 1
            counts[CLICKED, b, k] += clicked
            shown[k] += 1.0
            clicks += clicked
        for k in range(TOPICS):
            share = shown[k] / slots
            redundancy += share * exposure[b, k]
            exposure[b, k] = EXPOSURE_KEPT * exposure[b, k] + (1.0 - EXPOSURE_KEPT) * share
        mood[WEARINESS, b] = WEARINESS_KEPT * mood[WEARINESS, b] + tiring * max(0.0, redundancy - FREE)
        mood[PATIENCE, b] = min(FIRST_PATIENCE, mood[PATIENCE, b] + clicks - EXPECTED * slots)
        rounds[b] += 1
        rewards[b] = clicks
        if mood[PATIENCE, b] < 0.0:
            status[b] = LEFT
        elif rounds[b] >= horizon:
            status[b] = HORIZON


@njit(cache=True)
def greedy(value, distinct, tastes, exposure, mood, out):
    """Fill `out` (int64 (B, N)) slot by slot from the top with the topic of the largest
    chance of a click - value * (exposure of the topic + its share of the slate so far);
    with `distinct`, no topic comes again before all have come.
    """
    shown = np.empty(TOPICS)
    lanes, slots = out.shape
    for b in range(lanes):
        shown[:] = 0.0
        for n in range(slots):
            best, chosen = -math.inf, 0
            for k in range(TOPICS):
                if distinct and shown[k] > n // TOPICS:
                    continue
                score = click_chance(tastes[b, k], mood[WEARINESS, b], shown[k], n)
                score -= value[b] * (exposure[b, k] + shown[k] / slots)
                if score > best:
                    best, chosen = score, k
            out[b, n] = chosen
            shown[chosen] += 1.0


@njit(cache=True)
def observe(horizon, rounds, exposure, last, counts, out):
    """Fill `out`, float32 (B, N, 2 + N + 3 K): rounds left, exposures and click rates, then what is the slot's own."""
    _, lanes, slots = last.shape
    for b in range(lanes):
        for n in range(slots):
            row = out[b, n]
            row[:] = 0.0
            row[0] = 1.0 - rounds[b] / horizon
            for k in range(TOPICS):
                row[1 + k] = min(1.0, exposure[b, k])
                row[1 + TOPICS + k] = (counts[CLICKED, b, k] + 1.0) / (counts[SHOWN, b, k] + 2.0)
            if last[SHOWN, b, n] >= 0:
                row[1 + 2 * TOPICS + last[SHOWN, b, n]] = 1.0
                row[1 + 3 * TOPICS] = last[CLICKED, b, n]
            row[2 + 3 * TOPICS + n] = 1.0
