"""Slots that know the user: for this slate, or for the whole session."""

from __future__ import annotations

from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs.markets.base import JointPolicy
from recsim_envs.markets.planning import best_plan
from recsim_envs.markets.slate_team.simulator import SlateTeam


class Plan(NamedTuple):
    """What redundancy is charged with, and for how many last rounds it is not charged."""

    value: float
    free_rounds: int


ROTATED: Final = 9
"""Topics in the rotation; of 5 to 12, the number that returns most."""
PLANS: Final = tuple(Plan(*plan) for plan in product((0.25, 0.5, 1.0, 2.0, 4.0, 8.0), (0, 3, 6, 12)))


def make_myopic(market: SlateTeam, distinct: bool = False) -> JointPolicy:
    """Each slot, from the top down, shows the topic most likely to be clicked under the slots above it.

    With `distinct`, no topic stands twice in a slate: the user's favourite topics, every time.
    """
    return lambda: market.greedy(np.zeros(market.num_lanes), distinct)


def make_rotation(market: SlateTeam) -> JointPolicy:
    """The user's nine favourite topics in turn, whatever happens, the most liked on top: a habit, and no plan."""
    order = np.argsort(-market.hidden()["tastes"], axis=1, kind="stable")[:, :ROTATED]
    slots = np.arange(market.spec.num_agents)

    def act() -> NDArray[np.int64]:
        places = (market.rounds[:, None] * market.spec.num_agents + slots) % ROTATED
        return np.take_along_axis(order, np.sort(places, axis=1), axis=1)

    return act


def make_planner(market: SlateTeam) -> JointPolicy:
    """The same with a charge on redundancy, by the plan of `PLANS` that earns most."""
    return _follow(market, best_plan(market, PLANS, _follow))


def _follow(market: SlateTeam, plan: Plan) -> JointPolicy:
    def act() -> NDArray[np.int64]:
        charged = market.rounds < market.spec.horizon - plan.free_rounds
        return market.greedy(np.where(charged, plan.value, 0.0))

    return act
