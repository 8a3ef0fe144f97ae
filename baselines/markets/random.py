"""Agents of a market that choose at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines.markets.agents import MarketAgents
from recsim_envs import rng
from recsim_envs.markets.base import MarketSpec


class RandomAgents(MarketAgents):
    """Every action with the same probability."""

    def reset(self, spec: MarketSpec, keys: NDArray[np.uint64]) -> None:
        """Keep the keys."""
        self._spec, self._keys = spec, keys

    def act(self, observations: NDArray[np.float32], number: int) -> NDArray[np.int64]:
        """A uniform draw from the world's key, the round and the agent's number."""
        agents = np.arange(self._spec.num_agents)
        return rng.below_array(self._spec.num_actions, self._keys[:, None], number, rng.AGENT, agents)
