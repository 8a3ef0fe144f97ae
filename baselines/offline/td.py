"""Targets of Q-learning."""

from __future__ import annotations

import math

import torch

from baselines.offline.network import Told
from baselines.offline.replay import Steps
from baselines.scores import best


def q_target(chooser: torch.Tensor, judge: Told, steps: Steps, gamma: float) -> torch.Tensor:
    """The target r + gamma q(s', argmax_a chooser(s', a)), r alone where the user left: (b,), without gradient.

    chooser: scores (b, n) of the next states' items, `NEVER` where these may not be shown. judge: what the network says
    of them whose head "q" is meant. Both are of the target network in DQN; in double DQN (van Hasselt, Guez & Silver,
    AAAI 2016) the online network chooses.
    Targets stay within the values that are possible, `largest_value`: the maximum over thousands of items that the log
    hardly shows would else carry them off.
    """
    choice, bound = best(chooser, steps.actions.shape[1]), largest_value(gamma)
    return (steps.rewards + gamma * (1 - steps.ended) * judge.worth("q", choice)).clamp(-bound, bound).detach()


def largest_value(gamma: float) -> float:
    """1 / (1 - gamma), as rewards are in units of the log's largest; infinite without discount."""
    return 1 / (1 - gamma) if gamma < 1 else math.inf
