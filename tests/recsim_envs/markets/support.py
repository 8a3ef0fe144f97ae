"""What tests of markets share."""

from __future__ import annotations

import numpy as np

from recsim_envs import rng
from recsim_envs.families.actions import split_seeds
from recsim_envs.markets import make_market, play


def begun(name, lanes, seed=0, **options):
    """A market with a world begun in every lane, and the worlds' own seeds as the dynamics see them."""
    market = make_market(name, lanes, **options)
    seeds = rng.bits_array(seed, np.arange(lanes), rng.POLICY)
    market.begin(np.arange(lanes), seeds)
    return market, split_seeds(seeds, options.get("split", "train"))


def random_actions(market, seed, number):
    """Actions of all agents (B, N), the same for the same seed and number."""
    return play.random_actions(market, rng.bits_array(seed, np.arange(market.num_lanes), rng.POLICY), number)
