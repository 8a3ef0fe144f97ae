"""The retention dynamics as compiled code. `tests` hold it against a plain-Python reference.

Arrays are lane by lane, so that a user's state lies together:
    clock: int32 (B, 7), the columns DAY .. CAUSE; mind: float64 (B, 5), the columns TRUST .. EFFECT;
    tastes: float64 (B, 3, T), the planes INTEREST (now), NATURE (what it falls back to) and SATIATION of topics;
    history: int32 (B, 3, H), the planes ITEM, CLICK and VIEW, right-aligned, padded in front with -1;
    seeds: uint64 (B,). `topics` int64 (N,) and `facets` float64 (N, 2) are the catalogue.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from recsim_envs.rng import FAMILY, below, bits, normal, uniform

DAY, GAP, VISIT, STEP, STEPS, TODAY, CAUSE = range(7)
TRUST, HABIT, MOOD, VIEWS, EFFECT = range(5)
INTEREST, NATURE, SATIATION = range(3)
ITEM, CLICK, VIEW = range(3)
QUALITY, BAIT = range(2)

# Purposes of draws.
TASTE: Final = FAMILY  # begin, by topic
ORDER: Final = FAMILY + 1  # begin: which topics are favourites
CHARACTER: Final = FAMILY + 2  # begin: the user's own inclination to return
RESPONSE: Final = FAMILY + 3  # by slot: the upper half of the bits decides the click, the lower the long view
LEAVE: Final = FAMILY + 4
RETURN: Final = FAMILY + 5
DRIFT: Final = FAMILY + 6  # by topic

# Why a lane is as it is. Above RUNNING the session is over.
RUNNING: Final = 0
CHURNED: Final = 1
CALENDAR_END: Final = 2
SESSIONS_END: Final = 3  # reference only: the last of a fixed number of visits
HORIZON: Final = 4
IDLE: Final = 5
CAUSES: Final = ("", "churned", "calendar-end", "sessions-end", "horizon", "")

FINE: Final = -1  # no lane has a wrong action
FAVOURITES: Final = 4  # topics that a user likes; SARDINE's users have 3 to 5
LIKED: Final = 0.6  # interests in favourites are uniform from here to 1, others from 0 to INDIFFERENT: ours, so that
INDIFFERENT: Final = 0.2  # showing everything to everybody is no substitute for knowing the user
REMEMBERED: Final = 25  # last items that the user still remembers: five slates, a visit of mean length
VISIT_CAP: Final = 10  # slates a visit at most: KuaiSim's default temper
VISITS_A_DAY: Final = 2

# KuaiSim's cross-session rule.
TEMPER: Final = 5  # requests a session
SESSIONS: Final = 6
INFLUENCE: Final = 0.1
RETURN_BIAS: Final = 0.4
RETURN_DAYS: Final = 10
EFFECT_BOUND: Final = 192.0**-0.5  # nn.Linear(192, 1) draws its bias between minus and plus this


@njit(cache=True, inline="always")
def logistic(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-x))


@njit(cache=True)
def begin(lanes, seeds, reference, c, all_seeds, clock, mind, tastes, history):
    """Start lives: draw tastes and character, clear the rest."""
    num_topics = tastes.shape[2]
    for i in range(len(lanes)):
        b, seed = lanes[i], seeds[i]
        all_seeds[b] = seed
        clock[b, :] = 0
        clock[b, VISIT] = clock[b, TODAY] = 1
        mind[b, TRUST], mind[b, HABIT], mind[b, MOOD], mind[b, VIEWS] = c.trust_start, c.habit_start, c.mood_start, 0.0
        mind[b, EFFECT] = c.pull_spread * normal(seed, 0, CHARACTER, 0)
        if reference:
            mind[b, EFFECT] = EFFECT_BOUND * (2.0 * uniform(seed, 0, CHARACTER, 0) - 1.0)
        for k in range(num_topics):
            tastes[b, INTEREST, k] = INDIFFERENT * uniform(seed, 0, TASTE, k)
            tastes[b, SATIATION, k] = 0.0
        for n in range(min(FAVOURITES, num_topics)):  # the n-th favourite among the topics that are none yet
            left = below(num_topics - n, seed, 0, ORDER, n)
            for k in range(num_topics):
                if tastes[b, SATIATION, k] == 0.0:
                    if left == 0:
                        tastes[b, SATIATION, k] = 1.0  # a mark, cleared below
                        tastes[b, INTEREST, k] = LIKED + (1.0 - LIKED) * uniform(seed, 0, TASTE, k)
                        break
                    left -= 1
        for k in range(num_topics):
            tastes[b, NATURE, k], tastes[b, SATIATION, k] = tastes[b, INTEREST, k], 0.0
        history[b, :, :] = -1


@njit(cache=True, inline="always")
def remembered(history, slate, slot):
    """Whether the item in this slot was shown lately, or stands further up in the slate."""
    found = False
    for h in range(max(history.shape[1] - REMEMBERED, 0), history.shape[1]):
        found |= history[ITEM, h] == slate[slot]
    for j in range(slot):
        found |= slate[j] == slate[slot]
    return found


@njit(cache=True, inline="always")
def click_chance(c, match, trust, bait):
    """Chance that an examined item is clicked."""
    return logistic(c.click_base + c.click_match * match + c.click_bait * trust * bait)


@njit(cache=True, inline="always")
def view_chance(c, match, quality):
    """Chance that a clicked item is watched at length."""
    return logistic(c.view_base + c.view_match * match + c.view_quality * quality)


@njit(cache=True, inline="always")
def respond(slate, seed, step, topics, facets, c, mind, tastes, history, clicks, views):
    """The user goes through the slate from the top; what is clicked and watched changes them at once."""
    examined = 1.0
    for j in range(len(slate)):
        item = slate[j]
        k = topics[item]
        match = tastes[INTEREST, k] - tastes[SATIATION, k]
        if remembered(history, slate, j):
            match -= c.repeat
        draw = bits(seed, step, RESPONSE, j)
        chance = examined * click_chance(c, match, mind[TRUST], facets[item, BAIT])
        clicks[j] = np.float64(draw >> np.uint64(32)) * 2.0**-32 < chance
        chance = view_chance(c, match, facets[item, QUALITY])
        views[j] = clicks[j] and np.float64(draw & np.uint64(0xFFFFFFFF)) * 2.0**-32 < chance
        examined *= c.attention
        if clicks[j]:
            tastes[SATIATION, k] += c.satiation_gain
            if views[j]:
                tastes[INTEREST, k] += c.taste_gain * (1.0 - tastes[INTEREST, k])
                mind[TRUST] += c.trust_gain * (1.0 - mind[TRUST])
            else:
                mind[TRUST] -= c.trust_loss * mind[TRUST]


@njit(cache=True, inline="always")
def remember(slate, clicks, views, history):
    """Append the slate and its answers to the history."""
    width, size = history.shape[1], len(slate)
    for h in range(width - size):
        for plane in range(3):
            history[plane, h] = history[plane, h + size]
    for j in range(size):
        history[ITEM, width - size + j] = slate[j]
        history[CLICK, width - size + j] = clicks[j]
        history[VIEW, width - size + j] = views[j]


@njit(cache=True, inline="always")
def leave_chance(c, enjoyment, step):
    """Chance that the visit ends after slate `step` (0 the first)."""
    return logistic(c.leave_base - c.leave_enjoyment * enjoyment + c.leave_tired * step)


@njit(cache=True, inline="always")
def pull(c, mind):
    """What draws the user back: 0 for the user whom the calibration started from."""
    return (
        mind[EFFECT]
        + c.pull_mood * (mind[MOOD] - c.mood_start)
        + c.pull_trust * (mind[TRUST] - c.trust_start)
        + c.pull_habit * (mind[HABIT] - c.habit_start)
    )


@njit(cache=True)
def chances_away(c, logits, mind, out):
    """Chance of every user (B,) that, leaving now, they would not be back the next day."""
    for b in range(len(out)):
        out[b] = 1.0 - logistic(logits[1] + pull(c, mind[b]))


@njit(cache=True, inline="always")
def days_away(inclination, first, logits, u):
    """Days until the return, `first` at least; len(logits) if the user never comes. `u` is uniform in [0, 1)."""
    staying_away = 1.0
    for d in range(first, len(logits)):
        staying_away *= 1.0 - logistic(logits[d] + inclination)
        if u >= staying_away:
            return d
    return len(logits)


@njit(cache=True, inline="always")
def reference_days_away(effect, response, u):
    """KuaiSim: day d + 1 with weight exp(log P + d log(1 - P)), d = 0..9, P = clamp(effect + .1 response + .4)."""
    p = min(max(effect + INFLUENCE * response + RETURN_BIAS, 0.001), 0.999)
    target, weight = u * (1.0 - (1.0 - p) ** RETURN_DAYS) / p, 1.0
    for d in range(1, RETURN_DAYS):
        if target < weight:
            return d
        target -= weight
        weight *= 1.0 - p
    return RETURN_DAYS


@njit(cache=True, inline="always")
def absence(seed, step, gap, c, mind, tastes):
    """What days away do: satiation fades, habit decays, trust and interests return to their nature and wander."""
    mind[HABIT] *= math.exp(-gap / c.habit_days)
    mind[TRUST] = c.trust_start + (mind[TRUST] - c.trust_start) * math.exp(-gap / c.trust_days)
    rested, faded, spread = math.exp(-gap / c.satiation_days), math.exp(-gap / c.taste_days), math.sqrt(gap)
    for k in range(tastes.shape[1]):
        tastes[SATIATION, k] *= rested
        drifted = tastes[NATURE, k] + c.taste_noise * spread * normal(seed, step, DRIFT, k)
        tastes[INTEREST, k] = min(max(drifted + (tastes[INTEREST, k] - tastes[NATURE, k]) * faded, 0.0), 1.0)
        tastes[NATURE, k] = min(max(drifted, 0.0), 1.0)


@njit(cache=True, inline="always")
def end_visit(seed, response, reference, days, c, logits, clock, mind, tastes):
    """The user has left: when they come back, and who they are then. Returns the days away (0: same day)."""
    step, u = clock[STEPS], uniform(seed, clock[STEPS], RETURN, 0)
    if reference:
        gap = reference_days_away(mind[EFFECT], response, u)
        clock[CAUSE] = SESSIONS_END if clock[VISIT] >= SESSIONS else RUNNING
    else:
        mind[HABIT] += c.habit_gain * min(mind[VIEWS] / c.habit_views, 1.0) * (1.0 - mind[HABIT])
        gap = days_away(pull(c, mind), 1 if clock[TODAY] >= VISITS_A_DAY else 0, logits, u)
        if gap == len(logits):
            clock[CAUSE] = CHURNED
        elif clock[DAY] + gap >= days:
            clock[CAUSE] = CALENDAR_END
        elif gap > 0:
            absence(seed, step, gap, c, mind, tastes)
    if clock[CAUSE] == RUNNING:
        clock[DAY] += gap
        clock[GAP], clock[STEP] = gap, 0
        clock[TODAY] = clock[TODAY] + 1 if gap == 0 else 1
        clock[VISIT] += 1
        mind[MOOD], mind[VIEWS] = c.mood_start, 0.0
    return gap


@njit(cache=True, inline="always")
def live(slate, seed, topics, facets, reference, days, c, logits, clock, mind, tastes, history, clicks, views):
    """One slate for one user. Returns the days away if the visit ended with it, else -1."""
    size = len(slate)
    respond(slate, seed, clock[STEPS], topics, facets, c, mind, tastes, history, clicks, views)
    remember(slate, clicks, views, history)
    clicked = viewed = 0
    for j in range(size):
        clicked, viewed = clicked + clicks[j], viewed + views[j]
    enjoyment = (viewed - c.disappointment * (clicked - viewed)) / size
    mind[MOOD] += c.mood_rate * (enjoyment - mind[MOOD])
    mind[VIEWS] += viewed
    leaves = clock[STEP] + 1 >= (TEMPER if reference else VISIT_CAP)
    if not (leaves or reference):
        leaves = uniform(seed, clock[STEPS], LEAVE, 0) < leave_chance(c, enjoyment, clock[STEP])
    clock[STEP] += 1
    gap = -1
    if leaves:
        gap = end_visit(seed, (clicked + viewed) / size, reference, days, c, logits, clock, mind, tastes)
    clock[STEPS] += 1
    return gap


@njit(cache=True)
def step(
    actions, topics, facets, reference, days, horizon, per_visit, per_day, c, logits, seeds, clock, mind, tastes,
    history, rewards, flags,
):  # fmt: skip
    """A step of every lane. Returns FINE, or the first lane with a wrong action and moves nothing.

    `rewards` (float64, B, zeros) and `flags` (bool, (2, B): terminated and truncated) are filled.
    """
    lanes, size = actions.shape
    for b in range(lanes):
        if clock[b, CAUSE] == RUNNING:
            for j in range(size):
                if not 0 <= actions[b, j] < len(topics):
                    return b
    clicks, views = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    for b in range(lanes):
        if clock[b, CAUSE] == RUNNING:
            if clock[b, STEP] == 0 and not reference:
                rewards[b] = per_visit + (per_day if clock[b, TODAY] == 1 else 0.0)
            gap = live(
                actions[b], seeds[b], topics, facets, reference, days, c, logits, clock[b], mind[b], tastes[b],
                history[b], clicks, views,
            )  # fmt: skip
            if reference and gap > 0:
                rewards[b] = -gap / 10.0
            if clock[b, CAUSE] == RUNNING and clock[b, STEPS] >= horizon:
                clock[b, CAUSE] = HORIZON
        flags[0, b] = clock[b, CAUSE] == CHURNED
        flags[1, b] = CALENDAR_END <= clock[b, CAUSE] <= HORIZON
    return FINE
