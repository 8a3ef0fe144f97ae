"""Reference policies of long-term satisfaction: two that know the user and the dynamics, and a fixed level."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Reference
from recsim_envs.families.satisfaction import kernel
from recsim_envs.families.satisfaction.simulator import SatisfactionSimulator

POINTS: Final = 201  # of exposure in the table of values
NEUTRAL: Final = 0.5  # the clickbait that moves exposure in neither direction
SAMPLES: Final = 32  # candidate sets over which the table averages, fewer where they are large
FEW: Final = 500  # candidates of a set at most: five hundred hold all levels of clickbait as finely as more do


def myopic(simulator: SatisfactionSimulator) -> Reference:
    """The slate of the most expected engagement in this step."""
    nothing = np.zeros((1, 2))
    return lambda: simulator.best_slates(nothing, myopic=True)


def moderate(simulator: SatisfactionSimulator) -> Reference:
    """The candidates nearest to `NEUTRAL`, the least clickbait first: a fixed level, the same for every user."""

    def act() -> NDArray[np.int64]:
        clickbait = simulator.clickbait()
        near = np.argsort(np.abs(clickbait - NEUTRAL), axis=1, kind="stable")[:, : simulator.slate_size]
        order = np.argsort(np.take_along_axis(clickbait, near, axis=1), axis=1, kind="stable")
        return np.take_along_axis(near, order, axis=1)

    return act


def planner(simulator: SatisfactionSimulator) -> Reference:
    """The optimum: reward now plus the value of what follows, by backward induction over exposure and steps left.

    Exact but for the table's grid, for averaging over sampled candidate sets, and for leaving out the noise of the
    exposure (sd 0.05 against steps of up to 1). Where candidates stay for the session it values later steps as if
    they did not.
    """
    values = _values(simulator.rules, min(simulator.num_candidates, FEW), simulator.slate_size)
    return lambda: simulator.best_slates(values)


@lru_cache(maxsize=64)
def _values(rules: kernel.Rules, num_candidates: int, slate_size: int) -> NDArray[np.float64]:
    """The table of `kernel.solve`, (steps + 1, POINTS); never written to, and so kept."""
    samples = np.empty((min(SAMPLES, 2_000 // num_candidates), num_candidates), np.float32)
    root = np.uint64(rng.derive_seed("satisfaction-planner"))
    for m, sample in enumerate(samples):
        kernel.draw_candidates(root, m, sample)
    values = np.empty((min(rules.horizon, rules.time_budget) + 1, POINTS))
    kernel.solve(rules, samples, slate_size, values)
    return values
