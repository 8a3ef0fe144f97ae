"""The creator market as compiled code. `tests` hold it against a plain-Python reference.

Arguments come in few, wide arrays (B lanes, N creators, U users, K topics):
    tastes: float64 (B, U, K) and clusters: int64 (B, U), drawn at the start of a world;
    users: float64 (2, B, U), the rows FATIGUE and HABIT;
    audience: float64 (B, N), discounted clicks;
    last: int32 (B, N, 3), the last ACTION of a creator (-1: none yet), how often it was SHOWN and its CLICKS.
    visitors: int32 (B,), users who came in the last round.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from recsim_envs.markets.base import ACTIVE, HORIZON, LEFT
from recsim_envs.rng import FAMILY, bits, normal, uniform

# Purposes of draws.
CROWD: Final = FAMILY + 0  # weight of a cluster in this world
CLUSTER: Final = FAMILY + 1  # cluster of a user
TASTE: Final = FAMILY + 2  # how a user differs from the cluster
VISIT: Final = FAMILY + 3  # whether a user comes
NOISE: Final = FAMILY + 4  # the ranking's exploration
CLICK: Final = FAMILY + 5  # what is clicked

FATIGUE: Final = 0
HABIT: Final = 1
ACTION: Final = 0
SHOWN: Final = 1
CLICKS: Final = 2

TOPICS: Final = 5
LEVELS: Final = 3  # of quality and of clickbait: 0, 1/2, 1
SLATE: Final = 5
PUBLIC: Final = 5 + 2 * TOPICS  # components of an observation that all creators share
FIELDS: Final = PUBLIC + TOPICS + 5
SPREAD: Final = 0.3  # standard deviation of tastes in a cluster, each coordinate, before normalisation
QUALITY_PULL: Final = 0.3  # of the click logit, as in recsim-arena; so are the next four
BAIT_PULL: Final = 0.5
FATIGUE_PULL: Final = 0.5
FATIGUE_KEPT: Final = 0.95
QUALITY_COST: Final = 0.5
AUDIENCE_KEPT: Final = 0.96  # RecSim NG's discount of clicks in the creators' viability
FIRST_AUDIENCE: Final = 25.0  # that of a creator with one click a round for ever
OUTSIDE: Final = 1.0  # logit of clicking nothing
FIRST_HABIT: Final = 0.8
LEARNING: Final = 0.1  # how much of the habit a click replaces
STEEPNESS: Final = 3.0
HARM: Final = 1.5  # what a user regrets a click on full clickbait by
EXPECTED: Final = 0.5  # value at which a click leaves a habit of one half
RECOVERY: Final = 0.01  # by which the habit of who stays away comes back to one half
EXPLORATION: Final = 0.5  # width of the uniform noise on ranking scores
LIFT: Final = 1.0  # of a creator without audience under the mechanism "viability"

ENGAGEMENT: Final = 0
QUALITY: Final = 1
VIABILITY: Final = 2


@njit(cache=True)
def begin(lanes, seeds, tastes, clusters, users, audience, last, visitors):
    """Draw cluster sizes and users, and clear what happened."""
    weights = np.empty(TOPICS)
    for lane in lanes:
        seed, total = seeds[lane], 0.0
        for k in range(TOPICS):
            weights[k] = 0.2 + uniform(seed, 0, CROWD, k)
            total += weights[k]
        for u in range(clusters.shape[1]):
            left, k = uniform(seed, 0, CLUSTER, u) * total - weights[0], 0
            while left >= 0.0 and k < TOPICS - 1:
                k += 1
                left -= weights[k]
            clusters[lane, u] = k
            norm = 0.0
            for j in range(TOPICS):
                x = SPREAD * normal(seed, 0, TASTE, u * TOPICS + j) + (1.0 if j == k else 0.0)
                tastes[lane, u, j] = x
                norm += x * x
            for j in range(TOPICS):
                tastes[lane, u, j] /= math.sqrt(norm)
        users[FATIGUE, lane], users[HABIT, lane] = 0.0, FIRST_HABIT
        audience[lane], visitors[lane] = FIRST_AUDIENCE, 0
        last[lane, :, ACTION], last[lane, :, SHOWN], last[lane, :, CLICKS] = -1, 0, 0


@njit(cache=True, inline="always")
def topic_of(action):
    """0..TOPICS-1."""
    return action // (LEVELS * LEVELS)


@njit(cache=True, inline="always")
def quality_of(action):
    """0, 0.5 or 1."""
    return (action // LEVELS % LEVELS) / (LEVELS - 1)


@njit(cache=True, inline="always")
def bait_of(action):
    """0, 0.5 or 1."""
    return (action % LEVELS) / (LEVELS - 1)


@njit(cache=True, inline="always")
def click_logit(taste, quality, bait, fatigue):
    """How an item tempts: recsim-arena's u.c + .3q + .5b - .5b * fatigue."""
    return taste + QUALITY_PULL * quality + BAIT_PULL * bait - FATIGUE_PULL * bait * fatigue


@njit(cache=True, inline="always")
def ranking_score(mechanism, taste, quality, bait, fatigue, audience):
    """What the platform ranks by, before its exploration noise."""
    if mechanism == QUALITY:
        return taste + quality - bait
    score = click_logit(taste, quality, bait, fatigue)
    if mechanism == VIABILITY:
        score += LIFT * (1.0 - min(1.0, audience / FIRST_AUDIENCE))
    return score


@njit(cache=True, inline="always")
def draw_noise(seed, step, purpose, user, count, noise):
    """`count` numbers of 0..EXPLORATION for one user, four of 16 bits from each draw."""
    for j in range(0, count, 4):
        word = bits(seed, step, purpose, user * ((count + 3) // 4) + j // 4)
        for k in range(j, min(j + 4, count)):
            noise[k] = EXPLORATION * (np.float64(word & np.uint64(0xFFFF)) * 2.0**-16)
            word >>= np.uint64(16)


@njit(cache=True, inline="always")
def insert(slate, best, size, creator, score):
    """Keep the SLATE best scores in order, earlier creators first among equals. Returns the new size."""
    if size == SLATE and score <= best[SLATE - 1]:
        return size
    place = min(size, SLATE - 1)
    while place > 0 and best[place - 1] < score:
        best[place], slate[place] = best[place - 1], slate[place - 1]
        place -= 1
    best[place], slate[place] = score, creator
    return min(size + 1, SLATE)


@njit(cache=True, inline="always")
def choose(slate, size, logits, draw):
    """The place in the slate that is clicked by multinomial logit, or -1 for none."""
    total = math.exp(OUTSIDE)
    for s in range(size):
        total += math.exp(logits[slate[s]])
    left = draw * total
    for s in range(size):
        left -= math.exp(logits[slate[s]])
        if left < 0.0:
            return s
    return -1


@njit(cache=True)
def settle(b, rounds, horizon, status, audience, viability, last, rewards):
    """Pay the creators of a lane, and say who stays."""
    rounds[b] += 1
    for i in range(status.shape[1]):
        if status[b, i] != ACTIVE:
            continue
        quality = quality_of(last[b, i, ACTION])
        rewards[b, i] = last[b, i, CLICKS] - QUALITY_COST * quality * quality
        audience[b, i] = AUDIENCE_KEPT * audience[b, i] + last[b, i, CLICKS]
        if audience[b, i] < viability:
            status[b, i] = LEFT
        elif rounds[b] >= horizon:
            status[b, i] = HORIZON


@njit(cache=True, inline="always")
def serve(b, u, mechanism, seed, now, status, tastes, fatigue, audience, last, noise, logits, slate, best):
    """Show a slate to a user who came; the creator who is clicked, or -1."""
    draw_noise(seed, now, NOISE, u, status.shape[1], noise)
    size = 0
    for i in range(status.shape[1]):
        if status[b, i] == ACTIVE:
            a = last[b, i, ACTION]
            taste, quality, bait = tastes[b, u, topic_of(a)], quality_of(a), bait_of(a)
            logits[i] = click_logit(taste, quality, bait, fatigue)
            score = ranking_score(mechanism, taste, quality, bait, fatigue, audience[b, i])
            size = insert(slate, best, size, i, score + noise[i])
    for s in range(size):
        last[b, slate[s], SHOWN] += 1
    place = choose(slate, size, logits, uniform(seed, now, CLICK, u))
    return slate[place] if place >= 0 else -1


@njit(cache=True, inline="always")
def feel(habit, taste, quality, bait):
    """The habit after a click: it moves towards what the item was worth, not what it promised."""
    value = taste + quality - HARM * bait
    return habit + LEARNING * (1.0 / (1.0 + math.exp(-STEEPNESS * (value - EXPECTED))) - habit)


@njit(cache=True)
def step(actions, mechanism, viability, fatigue_gain, horizon, seeds, rounds, status, tastes, users, audience, last,
         visitors, rewards):  # fmt: skip
    """One round of every lane with an active creator."""
    lanes, creators = status.shape
    noise, logits = np.empty(creators), np.empty(creators)
    slate, best = np.empty(SLATE, np.int64), np.empty(SLATE)
    for b in range(lanes):
        if status[b].min() > ACTIVE:
            continue
        for i in range(creators):
            last[b, i, SHOWN] = last[b, i, CLICKS] = 0
            if status[b, i] == ACTIVE:
                last[b, i, ACTION] = actions[b, i]
        seed, now, came = seeds[b], rounds[b], 0
        for u in range(tastes.shape[1]):
            fatigue, habit = users[FATIGUE, b, u], users[HABIT, b, u]
            users[FATIGUE, b, u] = FATIGUE_KEPT * fatigue
            if uniform(seed, now, VISIT, u) >= habit:
                users[HABIT, b, u] = habit + RECOVERY * (0.5 - habit)
                continue
            came += 1
            clicked = serve(
                b, u, mechanism, seed, now, status, tastes, fatigue, audience, last, noise, logits, slate, best
            )
            if clicked >= 0:
                last[b, clicked, CLICKS] += 1
                a = last[b, clicked, ACTION]
                users[FATIGUE, b, u] += fatigue_gain * bait_of(a)
                users[HABIT, b, u] = feel(habit, tastes[b, u, topic_of(a)], quality_of(a), bait_of(a))
        visitors[b] = came
        settle(b, rounds, horizon, status, audience, viability, last, rewards)


@njit(cache=True, inline="always")
def summarise(b, horizon, people, rounds, status, last, visitors, public):
    """The public figures of a lane, all 0..1: what the creators who remain offered last, and what was clicked."""
    creators, staying, offers = status.shape[1], 0, 0
    public[:] = 0.0
    for i in range(creators):
        staying += status[b, i] == ACTIVE
        a = last[b, i, ACTION]
        if a < 0:
            continue
        public[5 + TOPICS + topic_of(a)] += last[b, i, CLICKS]
        if status[b, i] != LEFT:
            offers += 1
            public[3] += quality_of(a)
            public[4] += bait_of(a)
            public[5 + topic_of(a)] += 1.0
    for k in range(3, 5 + TOPICS):
        public[k] /= max(offers, 1)
    for k in range(5 + TOPICS, PUBLIC):
        public[k] /= people
    public[0], public[1], public[2] = 1.0 - rounds[b] / horizon, staying / creators, visitors[b] / people


@njit(cache=True)
def observe(horizon, viability, rounds, status, users, audience, last, visitors, out):
    """Fill `out`, float32 (B, N, FIELDS): the round's public figures, then a creator's own."""
    lanes, creators = status.shape
    people = users.shape[2]
    public = np.empty(PUBLIC, np.float32)
    for b in range(lanes):
        summarise(b, horizon, people, rounds, status, last, visitors, public)
        for i in range(creators):
            row = out[b, i]
            row[:PUBLIC] = public
            row[PUBLIC:] = 0.0
            a = last[b, i, ACTION]
            if a >= 0:
                row[PUBLIC + topic_of(a)] = 1.0
                row[PUBLIC + TOPICS], row[PUBLIC + TOPICS + 1] = quality_of(a), bait_of(a)
            row[PUBLIC + TOPICS + 2] = last[b, i, SHOWN] / people
            row[PUBLIC + TOPICS + 3] = last[b, i, CLICKS] / people
            row[PUBLIC + TOPICS + 4] = audience[b, i] / (audience[b, i] + 1.0 + viability)
