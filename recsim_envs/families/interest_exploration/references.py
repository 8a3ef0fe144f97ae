"""Reference policies of interest exploration. They know the user's tastes, also those that are not yet acquired."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Reference
from recsim_envs.families.interest_exploration import kernel
from recsim_envs.families.interest_exploration.simulator import InterestExplorationSimulator

POINTS: Final = 41  # of familiarity in a user's table of values
SAMPLES: Final = 16  # candidate sets over which a table averages


def potential(simulator: InterestExplorationSimulator) -> Reference:
    """The candidates that the user would like best if everything were familiar; what is familiar now counts nothing."""
    slots = simulator.slate_size
    return lambda: np.argsort(-simulator.potentials(), axis=1, kind="stable")[:, :slots]


def planner(simulator: InterestExplorationSimulator) -> Reference:
    """The best plan for each user by backward induction over familiarity and steps left.

    Exact but for the table's grid, for averaging over sampled candidate sets, in that each topic's candidates are shown
    by falling quality, and in that slates of more than 20 are divided between the topics in steps of a twentieth.
    Where candidates stay for the session it values later steps as if they did not. A lane's table is made when a new
    session is met in it.
    """
    values = np.zeros((simulator.num_lanes, simulator.horizon + 1, POINTS))
    planned = np.full(simulator.num_lanes, -1, np.int64)
    samples = _samples(simulator)

    def act() -> NDArray[np.int64]:
        sessions = simulator.user_ids()
        for lane in np.flatnonzero((sessions != planned) & ~simulator.over):
            simulator.user_values(int(lane), *samples, values[lane])
            planned[lane] = sessions[lane]
        return simulator.planned_slates(values)

    return act


def _samples(simulator: InterestExplorationSimulator) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    shape = (SAMPLES, simulator.num_candidates)
    topics, qualities = np.empty(shape, np.int32), np.empty(shape, np.float32)
    root = np.uint64(rng.derive_seed("interest-exploration-planner"))
    for m in range(SAMPLES):
        kernel.draw_candidates(simulator.rules, root, m, topics[m], qualities[m])
    return topics, qualities
