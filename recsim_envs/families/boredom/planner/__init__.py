"""The planner: rollouts of a few ways of filling slates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Reference
from recsim_envs.families.boredom.kernel import Rules
from recsim_envs.families.boredom.planner import kernel

if TYPE_CHECKING:
    from recsim_envs.families.boredom.simulator import BoredomSimulator

SLACKS: Final = (-1.0, 0.0, 1.0, np.inf)
"""Caps of the ways, counted from the most clicks that do not bore yet."""
SPREADS: Final = (0.03, 0.1, 0.3)
DEPTH: Final = 12
ROLLOUTS: Final = 16
SHORT: Final = 20
"""Sessions of so few steps get four times the rollouts."""
_SEED: Final = rng.derive_seed("boredom", "planner")


def planner(simulator: BoredomSimulator) -> Reference:
    """Its actions: int64 (B,), or (B, k) of slates. It reads the hidden state, and draws from a stream of its own."""
    rules, state = simulator.rules, simulator.lanes
    search = kernel.Search(_ways(rules.threshold, state.log_topic.shape[1]), _noise(rules))

    def act() -> NDArray[np.int64]:
        slates = np.zeros(state.slate.shape, np.int64)
        kernel.plan(simulator.item_vectors, simulator.item_topics, rules, state, search, slates)
        return slates if simulator.task.slate_size else slates[:, 0]

    return act


def _ways(threshold: int, memory: int) -> NDArray[np.float64]:
    """The best items first of all, and where users can be bored, slates that spare them."""
    sparing = [(threshold - 1 + slack, spread) for slack in SLACKS for spread in SPREADS]
    return np.array([(np.inf, 0.0), *(sparing if threshold <= memory else [])])


def _noise(rules: Rules) -> NDArray[np.float64]:
    rollouts, slots = ROLLOUTS if rules.horizon > SHORT else 4 * ROLLOUTS, len(rules.position)
    rollout, step, slot = np.ogrid[:rollouts, :DEPTH, :slots]
    return rng.uniform_array(_SEED, step, rng.POLICY, rollout * slots + slot)
