"""Markets: environments of several agents, each with one kernel over many worlds, behind PettingZoo."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from recsim_envs.errors import ConfigurationError
from recsim_envs.families import _check_options

if TYPE_CHECKING:
    from recsim_envs.markets.base import Market

MARKETS: Final = {
    "creator_market_v0": "recsim_envs.markets.creator.simulator:CreatorMarket",
    "duopoly_v0": "recsim_envs.markets.duopoly.simulator:Duopoly",
    "slate_team_v0": "recsim_envs.markets.slate_team.simulator:SlateTeam",
}


def registered_markets() -> list[str]:
    """Names of all markets, sorted; each is also a module of `recsim_envs`."""
    return sorted(MARKETS)


def make_market(name: str, num_lanes: int, **options: Any) -> Market:
    """`num_lanes` worlds of a market, advanced together.

    Raises `ConfigurationError` naming the market or the option that does not exist.
    """
    if not isinstance(name, str) or name not in MARKETS:
        raise ConfigurationError(f"market {name!r} does not exist; use one of {', '.join(registered_markets())}")
    module, _, attribute = MARKETS[name].partition(":")
    market: type[Market] = getattr(importlib.import_module(module), attribute)
    _check_options(market, name, options)  # type: ignore[arg-type]  # it reads the signature only
    return market(num_lanes, **options)  # type: ignore[arg-type]
