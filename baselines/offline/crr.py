"""CRR (Wang et al., "Critic regularized regression", NeurIPS 2020), for discrete actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from baselines.offline.agent import HeadAgent
from baselines.offline.replay import Steps
from baselines.scores import log_probability
from recsim_envs.errors import ConfigurationError


@dataclass(kw_only=True, eq=False)
class CRRAgent(HeadAgent):
    """Imitates the log's steps that its critic finds better than the policy's own.

    weight: "exp" for exp(advantage / beta), at most `largest`, or "binary" for [advantage > 0]. beta: of "exp".
    The expectation over the policy is exact, over all items, where the paper samples. The critic is not distributional.
    """

    heads: ClassVar = ("q", "policy")
    acts_by: ClassVar = "policy"
    target_rate: ClassVar = 0.01

    weight: str = "exp"
    beta: float = 1.0
    largest: float = 20.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight not in ("exp", "binary"):
            raise ConfigurationError(f"weight must be 'exp' or 'binary', got {self.weight!r}")

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """Half the squared TD error, and the weighted cross-entropy."""
        now = network(steps.state, steps.allowed)
        with torch.no_grad():
            later = target(steps.next_state, steps.next_allowed)
            goal = steps.rewards + self.gamma * (1 - steps.ended) * expected(later["q"], later["policy"])
        value, logits = now.worth("q", steps.actions), now["policy"]
        with torch.no_grad():
            advantage = value - expected(now["q"], logits)
        td = 0.5 * (value - goal).square().mean()
        return td - (self.weights(advantage) * log_probability(logits, steps.actions)).mean()

    def weights(self, advantage: torch.Tensor) -> torch.Tensor:
        """Of the cross-entropy of each step, (b,)."""
        if self.weight == "binary":
            return (advantage > 0).to(advantage.dtype)
        return torch.exp(advantage / self.beta).clamp(max=self.largest)


def expected(q: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Mean q (b,) of an item drawn by `logits`; both (b, n). Of a slate: of its first item."""
    return (logits.softmax(dim=1) * q).sum(dim=1)
