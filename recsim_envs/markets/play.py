"""Random rounds of a market, and what followed as hashes: for checks and fingerprints."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.markets import make_market
from recsim_envs.markets.base import Market


def random_actions(market: Market, keys: NDArray[np.uint64], number: int) -> NDArray[np.int64]:
    """An action of every agent, drawn from the world's key and the number of the round: (B, N)."""
    spec = market.spec
    return rng.below_array(spec.num_actions, keys[:, None], number, rng.POLICY, np.arange(spec.num_agents))


def digests(name: str, keys: NDArray[np.uint64], rounds: int) -> list[str]:
    """A hash a lane over everything that a world of its seed shows in so many random rounds."""
    market = make_market(name, len(keys))
    market.begin(np.arange(len(keys)), keys)
    hashes = [hashlib.sha256() for _ in keys]
    for number in range(rounds):
        step = market.step(random_actions(market, keys, number))
        for lane, digest in enumerate(hashes):
            for array in (market.observe(), *step):
                digest.update(np.ascontiguousarray(array[lane]).tobytes())
    return [digest.hexdigest() for digest in hashes]
