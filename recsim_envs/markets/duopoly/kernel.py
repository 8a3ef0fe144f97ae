"""The duopoly as compiled code. `tests` hold it against a plain-Python reference.

Arguments (B lanes, 2 platforms, U users, K topics):
    tastes: float64 (B, U, K), drawn at the start; returning: float64 (B, U), the chance that a user comes;
    users: float64 (2, B, U, 2), the planes SATISFACTION and HABIT, each user's for each platform;
    last: int32 (B, 2), the last action (-1: none yet); shares: float64 (B, 3), of all users' time in the last round
    for each platform, and of users who came.
"""

from __future__ import annotations

import math
from typing import Final

from numba import njit

from recsim_envs.markets.base import ACTIVE, HORIZON
from recsim_envs.rng import FAMILY, below, normal, uniform

FAVOURITE: Final = FAMILY + 0  # topic of a user
TASTE: Final = FAMILY + 1  # how a user's taste differs from the topic
FIRST: Final = FAMILY + 2  # first satisfaction with each platform
VISIT: Final = FAMILY + 3  # whether a user comes

SATISFACTION: Final = 0
HABIT: Final = 1

PLATFORMS: Final = 2
TOPICS: Final = 4
FEEDS: Final = TOPICS + 1  # even over topics, or with a focus on one
LEVELS: Final = 3  # of quality and of clickbait: 0, 1/2, 1
SPREAD: Final = 0.3  # standard deviation of a taste's coordinates before normalisation
FOCUS: Final = 0.7  # share of a focused feed that its topic takes
SATISFACTION_PULL: Final = 2.0  # of the logit by which time is split; so are the next five
HABIT_PULL: Final = 1.5
QUALITY_PULL: Final = 0.5
BAIT_PULL: Final = 1.0
OUTSIDE: Final = 2.5  # everything else there is to do
TIME: Final = 10.0  # what all the time of all users is worth to a platform
QUALITY_COST: Final = 0.5
LEARNING: Final = 0.3  # how much of a satisfaction a whole visit replaces; smaller for a share of it
HABIT_LEARNING: Final = 0.1
RETURN_LEARNING: Final = 0.1
STEEPNESS: Final = 3.0
EXPECTED: Final = 0.5  # worth of a feed that satisfies by one half
OTHERWISE: Final = 0.5  # satisfaction with the time spent elsewhere
RECOVERY: Final = 0.01  # by which who stays away comes back to FIRST_RETURN
FIRST_RETURN: Final = 0.7


@njit(cache=True)
def begin(lanes, seeds, tastes, returning, users, last, shares):
    """Draw users, and clear what happened."""
    for lane in lanes:
        seed = seeds[lane]
        for u in range(returning.shape[1]):
            favourite, norm = below(TOPICS, seed, 0, FAVOURITE, u), 0.0
            for k in range(TOPICS):
                x = SPREAD * normal(seed, 0, TASTE, u * TOPICS + k) + (1.0 if k == favourite else 0.0)
                tastes[lane, u, k] = x
                norm += x * x
            for k in range(TOPICS):
                tastes[lane, u, k] /= math.sqrt(norm)
            for p in range(PLATFORMS):
                users[SATISFACTION, lane, u, p] = 0.4 + 0.2 * uniform(seed, 0, FIRST, u * PLATFORMS + p)
                users[HABIT, lane, u, p] = 1.0 / (PLATFORMS + 1)
            returning[lane, u] = FIRST_RETURN
        last[lane], shares[lane] = -1, 0.0


@njit(cache=True, inline="always")
def feed_of(action):
    """0: even; k + 1: with a focus on topic k."""
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
def match_of(action, taste):
    """How well the feed of an action fits a taste (K,)."""
    feed, total = feed_of(action), 0.0
    for k in range(TOPICS):
        total += taste[k]
    if feed == 0:
        return total / TOPICS
    favourite = taste[feed - 1]
    return FOCUS * favourite + (1.0 - FOCUS) * (total - favourite) / (TOPICS - 1)


@njit(cache=True, inline="always")
def appeal(action, taste, satisfaction, habit):
    """The logit of spending time on a platform."""
    pull = SATISFACTION_PULL * satisfaction + HABIT_PULL * habit
    return pull + match_of(action, taste) + QUALITY_PULL * quality_of(action) + BAIT_PULL * bait_of(action)


@njit(cache=True, inline="always")
def spend(b, u, mine, tastes, returning, users, harm, shares):
    """The time of a user who came, and what it leaves behind; `mine` are the two platforms' actions."""
    taste, satisfaction, habit = tastes[b, u], users[SATISFACTION, b, u], users[HABIT, b, u]
    first = math.exp(appeal(mine[0], taste, satisfaction[0], habit[0]))
    second = math.exp(appeal(mine[1], taste, satisfaction[1], habit[1]))
    total = first + second + math.exp(OUTSIDE)
    content = OTHERWISE * math.exp(OUTSIDE) / total
    for p in range(PLATFORMS):
        share = (first if p == 0 else second) / total
        worth = match_of(mine[p], taste) + quality_of(mine[p]) - harm * bait_of(mine[p])
        felt = 1.0 / (1.0 + math.exp(-STEEPNESS * (worth - EXPECTED)))
        shares[b, p] += share
        content += share * felt
        satisfaction[p] += LEARNING * share * (felt - satisfaction[p])
        habit[p] += HABIT_LEARNING * (share - habit[p])
    returning[b, u] += RETURN_LEARNING * (content - returning[b, u])


@njit(cache=True)
def step(actions, harm, horizon, seeds, rounds, status, tastes, returning, users, last, shares, rewards):
    """One round of every running lane."""
    for b in range(status.shape[0]):
        if status[b, 0] != ACTIVE:
            continue
        shares[b] = 0.0
        people = returning.shape[1]
        for u in range(people):
            if uniform(seeds[b], rounds[b], VISIT, u) < returning[b, u]:
                shares[b, PLATFORMS] += 1.0
                spend(b, u, actions[b], tastes, returning, users, harm, shares)
            else:
                returning[b, u] += RECOVERY * (FIRST_RETURN - returning[b, u])
        rounds[b] += 1
        for p in range(PLATFORMS):
            last[b, p] = actions[b, p]
            quality = quality_of(actions[b, p])
            shares[b, p] /= people
            rewards[b, p] = TIME * shares[b, p] - QUALITY_COST * quality * quality
        shares[b, PLATFORMS] /= people
        if rounds[b] >= horizon:
            status[b] = HORIZON


@njit(cache=True)
def respond(player, plan, num_actions, tastes, returning, users):
    """Let one platform of every lane answer the plan (int64 (B, 2)) of the other with what earns most now."""
    for b in range(len(plan)):
        best = -math.inf
        for a in range(num_actions):
            quality, time = quality_of(a), 0.0
            for u in range(returning.shape[1]):
                satisfaction, habit = users[SATISFACTION, b, u], users[HABIT, b, u]
                mine = math.exp(appeal(a, tastes[b, u], satisfaction[player], habit[player]))
                rival = 1 - player
                other = math.exp(appeal(plan[b, rival], tastes[b, u], satisfaction[rival], habit[rival]))
                time += returning[b, u] * mine / (mine + other + math.exp(OUTSIDE))
            worth = TIME * time / returning.shape[1] - QUALITY_COST * quality * quality
            if worth > best:
                best, plan[b, player] = worth, a


@njit(cache=True)
def observe(horizon, rounds, last, shares, out):
    """Fill `out`, float32 (B, 2, FIELDS): rounds left, users who came, then a platform's own and its rival's."""
    for b in range(len(rounds)):
        for p in range(PLATFORMS):
            row = out[b, p]
            row[:] = 0.0
            row[0], row[1] = 1.0 - rounds[b] / horizon, shares[b, PLATFORMS]
            for side in range(PLATFORMS):
                who, start = (p + side) % PLATFORMS, 2 + side * (FEEDS + 3)
                a = last[b, who]
                if a >= 0:
                    row[start + feed_of(a)] = 1.0
                    row[start + FEEDS], row[start + FEEDS + 1] = quality_of(a), bait_of(a)
                row[start + FEEDS + 2] = min(1.0, shares[b, who])
