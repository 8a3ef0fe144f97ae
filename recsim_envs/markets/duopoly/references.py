"""Platforms that know the users: each for this round, or both for the whole market."""

from __future__ import annotations

from itertools import count, product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs.markets.base import JointPolicy
from recsim_envs.markets.duopoly import kernel
from recsim_envs.markets.duopoly.simulator import Duopoly
from recsim_envs.markets.planning import best_plan


def make_myopic(market: Duopoly) -> JointPolicy:
    """The platforms take turns to answer the other's last action with what earns most in this round."""
    plan = np.zeros((market.num_lanes, kernel.PLATFORMS), np.int64)
    rounds = count()

    def act() -> NDArray[np.int64]:
        number = next(rounds)
        for player in range(kernel.PLATFORMS) if number == 0 else (number % kernel.PLATFORMS,):
            market.respond(player, plan)
        return plan.copy()

    return act


def make_honest(market: Duopoly) -> JointPolicy:
    """Each platform keeps to a topic of its own, full quality and no clickbait: good manners, and no plan."""
    kept = np.arange(1, kernel.PLATFORMS + 1) * kernel.LEVELS**2 + 2 * kernel.LEVELS
    return lambda: np.tile(kept, (market.num_lanes, 1))


class Plan(NamedTuple):
    """Levels of quality and clickbait, whether platforms specialise, and for how many last rounds they harvest."""

    quality: int
    bait: int
    focused: bool
    harvest: int


PLANS: Final = tuple(Plan(*plan) for plan in product(range(kernel.LEVELS), (0, 1), (False, True), (0, 3, 6)))


def make_planner(market: Duopoly) -> JointPolicy:
    """Both platforms follow the plan of `PLANS` that earns most; with a focus, each takes one of the two top topics."""
    return _follow(market, best_plan(market, PLANS, _follow))


def _follow(market: Duopoly, plan: Plan) -> JointPolicy:
    popular = market.hidden()["tastes"].sum(axis=1).argsort(axis=1, kind="stable")[:, ::-1][:, : kernel.PLATFORMS]
    feeds = (popular + 1 if plan.focused else np.zeros_like(popular)) * kernel.LEVELS**2
    steady, harvest = plan.quality * kernel.LEVELS + plan.bait, kernel.LEVELS - 1

    def act() -> NDArray[np.int64]:
        last = market.rounds >= market.spec.horizon - plan.harvest
        return feeds + np.where(last, harvest, steady)[:, None]

    return act
