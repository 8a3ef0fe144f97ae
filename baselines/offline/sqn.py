"""SQN (Xin et al., "Self-supervised reinforcement learning for recommender systems", SIGIR 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from baselines.offline.agent import HeadAgent
from baselines.offline.replay import Steps
from baselines.offline.td import q_target
from baselines.scores import log_probability


@dataclass(kw_only=True, eq=False)
class SQNAgent(HeadAgent):
    """A recommender trained by the next item, with a Q-head on the same encoder as a regulariser.

    q_weight: of the squared TD error beside the cross-entropy; the paper's is 1. The items shown are those of the
    supervised head, as in the paper.
    """

    heads: ClassVar = ("q", "next")
    acts_by: ClassVar = "next"
    target_rate: ClassVar = 0.01

    q_weight: float = 1.0

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """Cross-entropy of the next item plus the squared error of double Q-learning."""
        now = network(steps.state, steps.allowed)
        with torch.no_grad():
            online = network(steps.next_state, steps.next_allowed)["q"]
            slow = target(steps.next_state, steps.next_allowed)
        goal = q_target(online, slow, steps, self.gamma)
        td = (now.worth("q", steps.actions) - goal).square().mean()
        return self.q_weight * td - log_probability(now["next"], steps.actions).mean()
