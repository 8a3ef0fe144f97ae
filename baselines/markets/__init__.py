"""Baselines for markets: all agents of a world at once. One file each."""

from __future__ import annotations

from typing import Any, Final

from baselines.markets.agents import MarketAgents, play
from baselines.markets.greedy import GreedyAgents
from baselines.markets.independent import IndependentAgents
from baselines.markets.random import RandomAgents
from recsim_envs.errors import AgentError

AGENTS: Final[dict[str, type[MarketAgents]]] = {
    "random": RandomAgents,
    "greedy": GreedyAgents,
    "independent": IndependentAgents,
}

__all__ = ["AGENTS", "MarketAgents", "make_agents", "play"]


def make_agents(name: str, **parameters: Any) -> MarketAgents:
    """Agents by name, with their parameters. Raises `AgentError` for a name that does not exist."""
    if name not in AGENTS:
        raise AgentError(f"market agents {name!r} do not exist; use {', '.join(AGENTS)}")
    return AGENTS[name](**parameters)
