"""Choosing a plan for all agents by rehearsing each candidate, and playing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.markets.base import JointPolicy, Market

REHEARSALS: Final = 32
"""Worlds in which each plan is tried; drawn anew, so a plan knows the model and not the draws to come."""

M = TypeVar("M", bound=Market)
Plan = TypeVar("Plan")


def play(market: Market, policy: JointPolicy) -> NDArray[np.float64]:
    """Play what was begun to its end: each agent's return (B, N)."""
    returns = np.zeros((market.num_lanes, market.spec.num_agents))
    while not market.over.all():
        returns += market.step(policy()).rewards
    return returns


def best_plan(market: M, plans: Iterable[Plan], follow: Callable[[M, Plan], JointPolicy]) -> Plan:
    """The plan under which agents earn most together, the first among equals; `follow` makes its policy."""
    stage = market.resized(REHEARSALS)
    seeds = rng.bits_array(rng.derive_seed("rehearsal", market.spec.name), np.arange(REHEARSALS), rng.POLICY)

    def earned(plan: Plan) -> float:
        stage.begin(np.arange(REHEARSALS), seeds)
        return float(play(stage, follow(stage, plan)).sum())

    return max(plans, key=earned)
