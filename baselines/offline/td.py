"""Targets of Q-learning."""

from __future__ import annotations

import math

import torch

from baselines.offline.choices import best, worth
from baselines.offline.replay import Steps


def double_q_target(online: torch.Tensor, target: torch.Tensor, steps: Steps, gamma: float) -> torch.Tensor:
    """The target r + gamma Q'(s', argmax_a Q(s', a)), r alone where the user left: (b,), without gradient.

    van Hasselt, Guez & Silver, "Deep reinforcement learning with double Q-learning", AAAI 2016. `online` and `target`
    (b, n) are the scores of the next states' items, `NEVER` where these may not be shown. Targets stay within the
    values that are possible, `largest_value`: the maximum over thousands of items that the log hardly shows would else
    carry them off.
    """
    choice, bound = best(online, steps.actions.shape[1]), largest_value(gamma)
    return (steps.rewards + gamma * (1 - steps.ended) * worth(target, choice)).clamp(-bound, bound).detach()


def largest_value(gamma: float) -> float:
    """1 / (1 - gamma), as rewards are in units of the log's largest; infinite without discount."""
    return 1 / (1 - gamma) if gamma < 1 else math.inf
