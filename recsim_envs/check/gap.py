"""Checks that end in a figure: speed, and the horizon gap."""

from __future__ import annotations

import time
from collections.abc import Callable

import gymnasium
import numpy as np

from recsim_envs.check.finding import require
from recsim_envs.gap import PLANNER, RANKED_FROM, Gap
from recsim_envs.gap import horizon_gap as measure
from recsim_envs.policies import random_actions
from recsim_envs.registration import make_simulator

LANES, STEPS = 1024, 30


def speed(env_id: str) -> str:
    """Steps a second of the native vector face, beside CartPole's in the same run. Told, never judged."""
    env = gymnasium.make_vec(env_id, num_envs=LANES, vectorization_mode="vector_entry_point")
    env.reset(seed=0)
    keys = np.arange(LANES, dtype=np.uint64)
    actions = random_actions(env.unwrapped.simulator, keys, 0)  # type: ignore[attr-defined]
    masked = "action_mask" in env.unwrapped.simulator.infos()  # type: ignore[attr-defined]

    def step(number: int) -> None:
        env.step(random_actions(env.unwrapped.simulator, keys, number) if masked else actions)  # type: ignore[attr-defined]

    cartpole = gymnasium.make_vec("CartPole-v1", num_envs=LANES, vectorization_mode="vector_entry_point")
    cartpole.reset(seed=0)
    pushes = np.ones(LANES, np.int64)
    ours, theirs = _rate(step), _rate(lambda _: cartpole.step(pushes))
    return f"{ours:,.0f} steps a second at {LANES} lanes, {ours / theirs:.2g} of vectorised CartPole-v1"


def _rate(step: Callable[[int], object]) -> float:
    step(0)
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        for number in range(STEPS):
            step(number)
        best = min(best, time.perf_counter() - start)
    return LANES * STEPS / best


def horizon_gap(env_id: str) -> str:
    """The horizon gap with its baselines; fails only where the reference policies are missing or lose to chance."""
    names = make_simulator(env_id, 1).references()
    if not {"myopic", PLANNER} <= set(names):
        return "not measured: the family gives no reference policies, so it is not ranked"
    return told(measure(env_id))


def told(gap: Gap) -> str:
    """The gap in a line; raises `AssertionError` where planning loses to chance."""
    worst, best = gap.scores["random"].value, gap.scores[PLANNER].value
    require(best >= worst, f"the planner earns {best:.3g}, less than the random policy's {worst:.3g}")
    scores = ", ".join(f"{name} {score.value:.4g}" for name, score in gap.scores.items())
    verdict = "ranked" if gap.ranked else f"NOT RANKED: planning is worth less than {RANKED_FROM:.0%}"
    value, low, high = (f"{x:.1%}" for x in gap.gap)
    return f"{value} [{low}, {high}] over {gap.best_myopic}, {gap.episodes} test sessions; {verdict}. {scores}"
