"""What a creator expects to earn now from each action, as compiled code for the myopic reference."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from recsim_envs.markets.base import ACTIVE
from recsim_envs.markets.creator.kernel import (
    FATIGUE,
    HABIT,
    OUTSIDE,
    QUALITY_COST,
    SLATE,
    bait_of,
    click_logit,
    draw_noise,
    insert,
    quality_of,
    ranking_score,
    topic_of,
)  # fmt: skip
from recsim_envs.rng import FAMILY

IMAGINED: Final = FAMILY + 16  # the ranking's noise as a reference policy imagines it: never the noise that comes


@njit(cache=True)
def respond(first, stride, plan, num_actions, mechanism, seeds, rounds, status, tastes, users, audience):
    """Let creators first, first + stride, ... of every lane answer in turn to the others' plan, int64 (B, N)."""
    lanes, creators = status.shape
    worth = np.empty(num_actions)
    for b in range(lanes):
        for i in range(first, creators, stride):
            if status[b, i] == ACTIVE:
                expect(b, i, plan[b], mechanism, seeds[b], rounds[b], status, tastes, users, audience,
                       worth)  # fmt: skip
                plan[b, i] = np.argmax(worth)


@njit(cache=True)
def expect(b, i, plan, mechanism, seed, now, status, tastes, users, audience, worth):
    """Expected reward of each action of creator i in this round, for one draw of the ranking's noise a user."""
    creators = status.shape[1]
    noise, slate, best = np.empty(creators), np.empty(SLATE, np.int64), np.empty(SLATE)
    logits = np.empty(creators)
    for a in range(len(worth)):
        worth[a] = -QUALITY_COST * quality_of(a) * quality_of(a)
    for u in range(tastes.shape[1]):
        fatigue = users[FATIGUE, b, u]
        draw_noise(seed, now, IMAGINED, u, creators, noise)
        size = 0
        for j in range(creators):
            if status[b, j] == ACTIVE and j != i:
                taste, quality, bait = tastes[b, u, topic_of(plan[j])], quality_of(plan[j]), bait_of(plan[j])
                logits[j] = click_logit(taste, quality, bait, fatigue)
                score = ranking_score(mechanism, taste, quality, bait, fatigue, audience[b, j])
                size = insert(slate, best, size, j, score + noise[j])
        rivals = math.exp(OUTSIDE)  # with the creator in the slate, all but the last of a full one stay
        for s in range(min(size, SLATE - 1)):
            rivals += math.exp(logits[slate[s]])
        for a in range(len(worth)):
            taste, quality, bait = tastes[b, u, topic_of(a)], quality_of(a), bait_of(a)
            score = ranking_score(mechanism, taste, quality, bait, fatigue, audience[b, i]) + noise[i]
            if size < SLATE or score > best[SLATE - 1]:
                pull = math.exp(click_logit(taste, quality, bait, fatigue))
                worth[a] += users[HABIT, b, u] * pull / (pull + rivals)
