"""Speed of the multi-agent environments at 1,024 lanes on one core; a round is one action of all agents of a world."""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs.markets import make_market, registered_markets
from recsim_envs.markets.play import random_actions
from tests.benchmarks.family_speeds import LANES, STEPS


@pytest.mark.parametrize("name", registered_markets())
def test_market(benchmark, name):
    market, keys = make_market(name, LANES, horizon=100_000), np.arange(LANES, dtype=np.uint64)
    market.begin(np.arange(LANES), keys)
    actions = [random_actions(market, keys, t) for t in range(STEPS)]
    market.step(actions[0])
    benchmark.extra_info["steps"] = STEPS * LANES

    @benchmark
    def run():
        for batch in actions:
            market.step(batch)
            market.observe()
