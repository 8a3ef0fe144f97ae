"""Agents of a market that each chase what has paid best so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines.markets.agents import MarketAgents
from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.markets.base import MarketSpec


class GreedyAgents(MarketAgents):
    """Each agent tries every action once, in an order of its own, and then takes the one that pays best.

    What an action pays is a running mean of the rewards of the rounds in which it was taken, `memory` of the old mean
    kept each time (Sutton & Barto, "Reinforcement Learning", 2018, section 2.5, with step size 1 - memory). So the
    agents are myopic: what follows from an action later is credited to whatever they do then.
    """

    def __init__(self, *, memory: float = 0.8) -> None:
        if not 0 <= memory < 1:
            raise ConfigurationError(f"memory must be at least 0 and below 1, got {memory}")
        self.memory = memory

    def reset(self, spec: MarketSpec, keys: NDArray[np.uint64]) -> None:
        """Forget everything, and draw the order of trial."""
        agents, actions = np.arange(spec.num_agents)[:, None], np.arange(spec.num_actions)
        order = rng.bits_array(keys[:, None, None], 0, rng.AGENT, agents * spec.num_actions + actions)
        self._order = order.argsort(axis=2, kind="stable")
        self._worth = np.zeros(order.shape)
        self._tried = np.zeros(order.shape, np.bool_)

    def act(self, observations: NDArray[np.float32], number: int) -> NDArray[np.int64]:
        """The next action to try, or the best one; the lowest number among equals."""
        if number < self._order.shape[2]:
            return self._order[:, :, number]
        return self._worth.argmax(axis=2)

    def observe(self, actions: NDArray[np.int64], rewards: NDArray[np.float64], played: NDArray[np.bool_]) -> None:
        """Update the mean of the action taken."""
        cells = (*np.indices(actions.shape), actions)
        kept = np.where(self._tried[cells], self.memory, 0.0)
        updated = kept * self._worth[cells] + (1.0 - kept) * rewards
        self._worth[cells] = np.where(played, updated, self._worth[cells])
        self._tried[cells] |= played
