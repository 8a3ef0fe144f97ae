"""Markets: environments of several agents, each with one kernel over many worlds, behind PettingZoo.

One world at a time by PettingZoo's API, or many at once:

    from recsim_envs import creator_market_v0
    env = creator_market_v0.parallel_env(mechanism="quality")
    observations, infos = env.reset(seed=0)
    observations, rewards, terminated, truncated, infos = env.step(dict.fromkeys(env.agents, 0))

    from recsim_envs.markets import make_market
    market = make_market("creator_market_v0", num_lanes=1024)
    market.begin(lanes=np.arange(1024), seeds=np.arange(1024, dtype=np.uint64))
    rewards, terminated, truncated = market.step(np.zeros((1024, 20), np.int64))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from recsim_envs.errors import ConfigurationError
from recsim_envs.families.options import check_names

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
    check_names(market, f"market {name!r}", options)
    return market(num_lanes, **options)  # type: ignore[arg-type]
