"""IQL (Kostrikov, Nair & Levine, "Offline reinforcement learning with implicit Q-learning", ICLR 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from baselines.offline.agent import HeadAgent
from baselines.offline.replay import Steps
from baselines.scores import log_probability


@dataclass(kw_only=True, eq=False)
class IQLAgent(HeadAgent):
    """Values by expectile regression on what the log shows, and a policy that imitates its better steps.

    expectile: of the state's value among the log's actions (tau). temperature: how much better steps weigh more
    (beta); the weight exp(temperature * advantage) is at most 100.
    """

    heads: ClassVar = ("q", "policy")
    values: ClassVar = ("v",)
    acts_by: ClassVar = "policy"
    target_rate: ClassVar = 0.01

    expectile: float = 0.7
    temperature: float = 3.0

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """Squared TD error, expectile loss of the value, and weighted cross-entropy (equations 6, 5 and 7)."""
        now = network(steps.state, steps.allowed)
        with torch.no_grad():
            later = network(steps.next_state, steps.next_allowed)["v"]
            slow = target(steps.state, steps.allowed).worth("q", steps.actions)
        goal = steps.rewards + self.gamma * (1 - steps.ended) * later
        v = now["v"]
        td = (now.worth("q", steps.actions) - goal).square().mean()
        value = expectile_loss(slow - v, self.expectile)
        log_chance = log_probability(now["policy"], steps.actions)
        return td + value + imitation_loss(log_chance, slow - v, self.temperature)


def expectile_loss(difference: torch.Tensor, expectile: float) -> torch.Tensor:
    """Mean of |expectile - [difference < 0]| difference^2, equation 5. difference: (b,)."""
    weight = torch.where(difference > 0, expectile, 1 - expectile)
    return (weight * difference.square()).mean()


def imitation_loss(log_chance: torch.Tensor, advantage: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean of -exp(temperature * advantage) log pi, equation 7, weights at most 100. Both (b,)."""
    weight = torch.exp(temperature * advantage.detach()).clamp(max=100.0)
    return -(weight * log_chance).mean()
