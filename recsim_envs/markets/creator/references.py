"""Creators who know the users: each for this round, or all together for the whole market."""

from __future__ import annotations

from itertools import count, product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs.markets.base import JointPolicy
from recsim_envs.markets.creator import kernel
from recsim_envs.markets.creator.simulator import CreatorMarket
from recsim_envs.markets.planning import best_plan

TURNS: Final = 5
"""A creator reconsiders every fifth round, a fifth of them at a time: best responses of all at once would chase."""


def make_myopic(market: CreatorMarket) -> JointPolicy:
    """Each creator in turn answers the others' last actions with what it expects to earn most from in this round.

    Expectations are taken over visits and clicks with the users' true state, and over one imagined draw of the
    ranking's noise for each user.
    """
    plan = np.zeros((market.num_lanes, market.spec.num_agents), np.int64)
    plan += np.arange(market.spec.num_agents) % kernel.TOPICS * kernel.LEVELS**2
    rounds = count()

    def act() -> NDArray[np.int64]:
        market.respond(plan, next(rounds) % TURNS, TURNS)
        return plan.copy()

    return act


def make_honest(market: CreatorMarket) -> JointPolicy:
    """Creators share topics out evenly and keep to half quality and no clickbait: good manners, and no plan."""
    kept = np.arange(market.spec.num_agents) % kernel.TOPICS * kernel.LEVELS**2 + kernel.LEVELS
    return lambda: np.tile(kept, (market.num_lanes, 1))


class Plan(NamedTuple):
    """Levels of quality and clickbait for all, for how many last rounds all turn to clickbait without quality, and
    whether topics are shared out anew each round by the sizes of the clusters, or once and evenly.
    """

    quality: int
    bait: int
    harvest: int
    by_size: bool


PLANS: Final = tuple(Plan(*levels) for levels in product(range(kernel.LEVELS), (0, 1), (0, 1, 3), (True, False)))


def make_planner(market: CreatorMarket) -> JointPolicy:
    """All creators share topics out and follow the best plan of `PLANS`."""
    return _follow(market, best_plan(market, PLANS, _follow))


def _follow(market: CreatorMarket, plan: Plan) -> JointPolicy:
    steady, harvest = plan.quality * kernel.LEVELS + plan.bait, kernel.LEVELS - 1
    sizes = (market.hidden()["clusters"][:, :, None] == np.arange(kernel.TOPICS)).sum(axis=1)
    evenly = np.arange(market.spec.num_agents) % kernel.TOPICS

    def act() -> NDArray[np.int64]:
        last = market.rounds >= market.spec.horizon - plan.harvest
        topics = _share(sizes, market.active) if plan.by_size else evenly
        return topics * kernel.LEVELS**2 + np.where(last, harvest, steady)[:, None]

    return act


def _share(sizes: NDArray[np.int64], active: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Topics (B, N) for the creators who are left, in proportion to cluster sizes (B, K) (D'Hondt's method)."""
    lanes, given = np.arange(len(sizes)), np.ones_like(sizes)
    topics = np.zeros(active.shape, np.int64)
    for i in range(active.shape[1]):
        topics[:, i] = (sizes / given).argmax(axis=1)
        given[lanes, topics[:, i]] += active[:, i]
    return topics
