"""Targets of Q-learning."""

from __future__ import annotations

import math

import torch

from baselines.offline.replay import Steps
from baselines.scores import best, worth


def q_target(chooser: torch.Tensor, judge: torch.Tensor, steps: Steps, gamma: float) -> torch.Tensor:
    """The target r + gamma judge(s', argmax_a chooser(s', a)), r alone where the user left: (b,), without gradient.

    `chooser` and `judge` (b, n) are scores of the next states' items, `NEVER` where these may not be shown: both of the
    target network in DQN, the online and the target network's in double DQN (van Hasselt, Guez & Silver, AAAI 2016).
    Targets stay within the values that are possible, `largest_value`: the maximum over thousands of items that the log
    hardly shows would else carry them off.
    """
    choice, bound = best(chooser, steps.actions.shape[1]), largest_value(gamma)
    return (steps.rewards + gamma * (1 - steps.ended) * worth(judge, choice)).clamp(-bound, bound).detach()


def largest_value(gamma: float) -> float:
    """1 / (1 - gamma), as rewards are in units of the log's largest; infinite without discount."""
    return 1 / (1 - gamma) if gamma < 1 else math.inf
