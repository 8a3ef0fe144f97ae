"""Playing families whose items are drawn anew."""

from __future__ import annotations

import math

import numpy as np

from recsim_envs import rng
from recsim_envs.families.actions import split_seeds
from recsim_envs.policies import play


def begin(simulator, seed):
    """Start every lane; returns the sessions' seeds, uint64 (B,)."""
    seeds = rng.bits_array(seed, np.arange(simulator.num_lanes), rng.EPISODE)
    simulator.begin(np.arange(simulator.num_lanes), seeds)
    return split_seeds(seeds, simulator.split)


def random_slates(simulator, seed, step):
    """Uniform slates, repeats and all: (B, k)."""
    lanes, slots = np.arange(simulator.num_lanes)[:, None], np.arange(simulator.slate_size)
    return rng.below_array(simulator.num_candidates, rng.bits_array(seed, lanes, 7), step, rng.POLICY, slots)


def top(simulator, scores):
    """The slates of the highest scores (B, C): (B, k)."""
    return np.argsort(-scores, axis=1, kind="stable")[:, : simulator.slate_size]


def shuffled(simulator, step):
    """Uniform slates without repeats: (B, k)."""
    lanes = np.arange(simulator.num_lanes)[:, None]
    return top(simulator, rng.uniform_array(lanes, step, rng.POLICY, np.arange(simulator.num_candidates)))


def returns_of(simulator, policy):
    """Return of one session a lane under `policy(simulator, step)`: (B,)."""
    step = -1

    def act():
        nonlocal step
        step += 1
        return policy(simulator, step)

    seeds = rng.bits_array(1, np.arange(simulator.num_lanes), rng.EPISODE)
    return play(simulator, lambda: act, seeds)[0]


def reference_scores(simulator):
    """Mean return of each reference policy, by name."""
    made = {name: make() for name, make in simulator.references().items()}
    return {name: returns_of(simulator, lambda *_, act=act: act()).mean() for name, act in made.items()}


def same_figure(returns, figure, error):
    """Within three combined standard errors: a false alarm has probability 0.0027."""
    ours = returns.std(ddof=1) / math.sqrt(len(returns))
    assert abs(returns.mean() - figure) <= 3.0 * math.hypot(ours, error), (returns.mean(), ours)
