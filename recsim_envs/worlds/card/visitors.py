"""Simulated visitors who are shown what is popular: the recommender whose traces a log holds, as far as one can tell.

What a log says of likes, categories and lengths depends on what people were shown. So the log is compared with
sessions of a policy that draws items by their popularity in the log, not with those of a policy that nobody ran.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families import make_family
from recsim_envs.families.base import Reference, Simulator
from recsim_envs.gap import session_seeds
from recsim_envs.worlds.world import World


@dataclass(frozen=True, eq=False)
class Played:
    """What visitors were shown: items int64 (s,) and rewards float64 (s,) of all steps, lengths int64 (B,)."""

    items: NDArray[np.int64]
    rewards: NDArray[np.float64]
    lengths: NDArray[np.int64]


def popularity_driven(simulator: Simulator, keys: NDArray[np.uint64]) -> Reference:
    """Draws each item with a probability in proportion to its popularity, from one key a lane, uint64 (B,).

    For sessions that are begun together. Where nothing is known of popularity every item is as likely.
    """
    popularity = simulator.task.catalogue.popularity.astype(np.float64)
    shares = np.cumsum(popularity if popularity.any() else np.ones_like(popularity))
    steps = itertools.count()

    def act() -> NDArray[np.int64]:
        drawn = rng.uniform_array(keys, next(steps), rng.POLICY) * shares[-1]
        return np.minimum(np.searchsorted(shares, drawn, side="right"), len(shares) - 1)

    return act


def visitors(world: World, sessions: int, seed: int, *, split: str = "all", **rules: Any) -> Played:
    """Play that policy to so many users of a split, under the world's rules or those given.

    The step of leaving tells its reward too: the user felt it, whether or not it is paid.
    """
    simulator = make_family("departure", sessions, world=world, split=split, leaving_pays=True, **rules)
    seeds = session_seeds(sessions, rng.derive_seed("visitors", seed))
    simulator.begin(np.arange(sessions), seeds)
    policy, lengths = popularity_driven(simulator, seeds), np.zeros(sessions, np.int64)
    items, rewards = [], []
    while (running := ~simulator.over).any():
        actions = policy()
        earned = simulator.step(actions).rewards
        items.append(actions[running])
        rewards.append(earned[running])
        lengths += running
    return Played(np.concatenate(items), np.concatenate(rewards), lengths)
