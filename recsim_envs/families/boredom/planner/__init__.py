"""The planner: rollouts of a few ways of filling slates."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Reference
from recsim_envs.families.boredom.planner import kernel

SLACKS: Final = (-1.0, 0.0, 1.0, np.inf)
"""Caps of the ways, counted from the most clicks that do not bore yet."""
SPREADS: Final = (0.03, 0.1, 0.3)
DEPTH: Final = 12
ROLLOUTS: Final = 16
SHORT: Final = 20
"""Sessions of so few steps get four times the rollouts."""
_SEED: Final = rng.derive_seed("boredom", "planner")


def planner(simulator: Any) -> Reference:
    """A planner for a `BoredomSimulator`."""
    rules, state = simulator.rules, simulator.lanes
    search = _search(rules.threshold, len(rules.position), ROLLOUTS if rules.horizon > SHORT else 4 * ROLLOUTS)

    def act() -> NDArray[np.int64]:
        slates = np.zeros(state.slate.shape, np.int64)
        kernel.plan(simulator.item_vectors, simulator.item_topics, rules, state, search, slates)
        return slates if simulator.task.slate_size else slates[:, 0]

    return act


def _search(threshold: int, slots: int, rollouts: int) -> kernel.Search:
    caps = [threshold - 1 + slack for slack in SLACKS]
    rollout, step, slot = np.ogrid[:rollouts, :DEPTH, :slots]
    noise = rng.uniform_array(_SEED, step, rollout, slot)
    return kernel.Search(np.array([(cap, spread) for cap in caps for spread in SPREADS]), noise)
