"""The horizon gap of a market: what all agents earn together when they plan, over each maximising its next reward."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.gap import PLANNER, Gap, Progress, interval, session_seeds, share_lost
from recsim_envs.markets import make_market
from recsim_envs.markets.base import JointPolicy, Market
from recsim_envs.markets.planning import play
from recsim_envs.markets.play import random_actions


def market_gap(
    name: str, *, episodes: int = 200, seed: int = 0, progress: Progress | None = None, **options: Any
) -> Gap:
    """Measure a market in `episodes` worlds; scores are returns of all agents of a world together.

    The reference policies are the market's own, beside random actions. Deterministic in its arguments.
    """
    market = make_market(name, episodes, split="test", **options)
    keys = session_seeds(episodes, seed)
    numbers, worlds = count(), np.arange(episodes)
    makers: dict[str, Callable[[], JointPolicy]] = {
        "random": lambda: lambda: random_actions(market, keys, next(numbers)),
        **market.references(),
    }
    totals, lengths = {}, {}
    for label, make in makers.items():
        (progress or (lambda _: None))(label)
        totals[label], rounds = play_market(market, make, keys)
        lengths[label] = float(rounds.mean())
    best = max((label for label in totals if label.startswith("myopic")), key=lambda label: totals[label].mean())
    return Gap(
        env_id=name,
        options=options,
        episodes=episodes,
        seed=seed,
        scores={label: interval(worlds, lambda mean: mean, total) for label, total in totals.items()},
        lengths=lengths,
        cycle=[],
        best_myopic=best,
        gap=interval(worlds, share_lost, totals[PLANNER], totals[best]),
    )


def play_market(
    market: Market, make: Callable[[], JointPolicy], seeds: NDArray[np.uint64]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """What all agents of each world earn together, and its rounds: (B,) each."""
    market.begin(np.arange(market.num_lanes), seeds)
    return play(market, make()).sum(axis=1), market.rounds
