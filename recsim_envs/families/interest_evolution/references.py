"""Reference policies of interest evolution: they know the user, the qualities and the dynamics."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Reference
from recsim_envs.families.interest_evolution.kernel import TOPICS
from recsim_envs.families.interest_evolution.simulator import TOPIC_QUALITY, InterestEvolutionSimulator

RATES: Final = (0.5, 0.75, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
SLOPES: Final = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)
SESSIONS: Final = 400  # in which a pair of them is tried, fewer where there are many candidates
FEW: Final = 200  # candidates of a trial at most: two hundred hold the best topics as surely as more do


def myopic(simulator: InterestEvolutionSimulator) -> Reference:
    """The slate of the most expected time watched in this step."""
    nothing = np.zeros(TOPICS)
    return lambda: simulator.best_slates(0.0, nothing)


def quality(simulator: InterestEvolutionSimulator) -> Reference:
    """The candidates of the highest chance of a click times mean quality of the topic: (u + 1) times quality."""

    def act() -> NDArray[np.int64]:
        interests, topics = simulator.offered()
        scores = (interests + 1.0) * TOPIC_QUALITY[topics]
        return np.argsort(-scores, axis=1, kind="stable")[:, : simulator.slate_size]

    return act


def planner(simulator: InterestEvolutionSimulator) -> Reference:
    """The slate of the highest time watched now plus value after it.

    The value of a state is its time left times the rate at which time will be turned into time watched (good videos
    give time back): a constant plus a slope times the interests in good topics, each weighted by its quality. Of
    the two numbers first the rate, then the slope is the one that earned most in sessions of other users.
    """
    rate, slope = _tuned(
        min(simulator.num_candidates, FEW),
        simulator.slate_size,
        simulator.resample_documents,
        simulator.choice_model,
        simulator.reference,
        simulator.horizon,
    )
    slopes = _slopes(slope)
    return lambda: simulator.best_slates(rate, slopes)


@lru_cache(maxsize=64)
def _tuned(
    num_candidates: int, slate_size: int, resample_documents: bool, choice_model: str, reference: bool, horizon: int
) -> tuple[float, float]:
    """Rate and slope for an environment with these options; takes seconds, and so is kept."""
    students = InterestEvolutionSimulator(
        min(SESSIONS, 20_000 // num_candidates),
        num_candidates=num_candidates,
        slate_size=slate_size,
        resample_documents=resample_documents,
        choice_model=choice_model,
        split="train",
        reference=reference,
        horizon=horizon,
    )
    rate = RATES[int(np.argmax([_earned(students, rate, 0.0) for rate in RATES]))]
    slope = SLOPES[int(np.argmax([_earned(students, rate, slope) for slope in SLOPES]))]
    return rate, slope


def _slopes(slope: float) -> NDArray[np.float64]:
    return slope * np.maximum(TOPIC_QUALITY, 0.0)


def _earned(students: InterestEvolutionSimulator, rate: float, slope: float) -> float:
    """Mean return of the policy; the same sessions whatever the two numbers are."""
    lanes, slopes, total = np.arange(students.num_lanes), _slopes(slope), 0.0
    students.begin(lanes, rng.bits_array(rng.derive_seed("interest-evolution-planner"), lanes, rng.EPISODE))
    while not students.over.all():
        total += float(students.step(students.best_slates(rate, slopes)).rewards.sum())
    return total / len(lanes)
