"""Agents whose true values are known, on common users."""

from __future__ import annotations

import numpy as np

from leaderboard.stats import Sums


def draw_agents(generator, means, *, users=100, seeds=1, of_seeds=0.0, shared=2.0, noise=1.0):
    """`Sums` of one session a user and seed: a user's part that all agents share (standard deviation `shared`), one of
    agent and user, one of a training seed (`of_seeds`), and a session's own (`noise`).
    """
    common, found = generator.normal(0, shared, users), []
    for k, mean in enumerate(means):
        values = mean + common + generator.normal(0, noise, users) + generator.normal(0, of_seeds, (seeds, 1))
        values = values + generator.normal(0, noise, (seeds, users))
        found.append(Sums(values, np.ones_like(values), f"agent {k}"))
    return found
