"""How near the planner comes to what no policy can exceed: `python -m recsim_envs.bounds [ID ...]`.

A family proves such a bound, or none (`Simulator.bound`). Planner and bound are compared on the sessions of test users
that the horizon gap is measured on, with a percentile interval over resampled users.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsim_envs.gap import PLANNER, Interval, interval, session_seeds
from recsim_envs.ids import builtin_ids
from recsim_envs.policies import play
from recsim_envs.registration import make_simulator


@dataclass(frozen=True)
class Share:
    """Mean return of the planner, mean of the bound, and their ratio with its 95 % interval."""

    env_id: str
    planner: float
    bound: float
    share: Interval


def share_of_bound(env_id: str, *, episodes: int = 200, seed: int = 0, **options: Any) -> Share | None:
    """The planner's share of the bound on `episodes` sessions of test users; None where no bound is known.

    Options are those of `gymnasium.make`. Raises `ConfigurationError` for an id or option that does not exist.
    """
    simulator = make_simulator(env_id, episodes, split="test", **options)
    seeds = session_seeds(episodes, seed)
    returns, _ = play(simulator, simulator.references()[PLANNER], seeds)
    simulator = make_simulator(env_id, episodes, split="test", **options)
    simulator.begin(np.arange(episodes), seeds)
    bounds = simulator.bound()
    if bounds is None:
        return None
    share = interval(simulator.user_ids(), lambda plan, most: plan / most, returns, bounds)
    return Share(env_id, float(returns.mean()), float(bounds.mean()), share)


def main() -> None:
    """Print the shares of the ids that are given, or of all that have a bound."""
    parser = argparse.ArgumentParser(prog="python -m recsim_envs.bounds", description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="default: every single-user id of the package")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for env_id in chosen.ids or builtin_ids():
        found = share_of_bound(env_id, episodes=chosen.episodes, seed=chosen.seed)
        if found is None:
            print(f"{env_id}: no bound", flush=True)
        else:
            low, high = found.share.low, found.share.high
            figures = f"planner {found.planner:.2f}, bound {found.bound:.2f}"
            print(f"{env_id}: {figures}, share {found.share.value:.3f} [{low:.3f}, {high:.3f}]", flush=True)


if __name__ == "__main__":
    main()
