"""`MarketAgents`: all agents of a market, each acting on what it sees itself; and playing them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from recsim_envs.markets.base import Market, MarketSpec


class MarketAgents:
    """N agents in each of B worlds. Subclass it, override `act`, and whatever else they need.

    Nothing passes between agents or worlds while they play: what agent i does in a world is a function of the world's
    key and of what agent i has seen there, whatever the lane order and the number of worlds. Constructors take
    keyword arguments with defaults.
    """

    trains: ClassVar[bool] = False
    """True if `train` or `load` must run before `reset`."""

    def train(self, market: Market, episodes: int, seed: int) -> None:
        """Learn from at most `episodes` worlds, played in the lanes of `market`; deterministic in its arguments."""

    def reset(self, spec: MarketSpec, keys: NDArray[np.uint64]) -> None:
        """Get ready for a world in each of B lanes; `keys` (B,) are the agents' own randomness, drawn from by `rng`."""

    def act(self, observations: NDArray[np.float32], number: int) -> NDArray[np.int64]:
        """Actions (B, N) for round `number`, from observations (B, N, d); those of agents who left are not used."""
        raise NotImplementedError

    def observe(self, actions: NDArray[np.int64], rewards: NDArray[np.float64], played: NDArray[np.bool_]) -> None:
        """See what each agent did and earned, (B, N) each, and which of them played."""

    def save(self, path: Path) -> None:
        """Write what was learned into the folder `path`."""

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""


def play(
    market: Market, agents: MarketAgents, seeds: NDArray[np.uint64], keys: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """Play one world a lane to its end; returns of all agents, (B, N).

    `seeds` (B,) are those of the worlds, `keys` (B,) those of the agents.
    """
    market.begin(np.arange(market.num_lanes), seeds)
    agents.reset(market.spec, keys)
    returns, number = np.zeros((market.num_lanes, market.spec.num_agents)), 0
    while not market.over.all():
        actions, played = agents.act(market.observe(), number), market.active
        rewards = market.step(actions).rewards
        agents.observe(actions, rewards, played)
        returns += rewards
        number += 1
    return returns
