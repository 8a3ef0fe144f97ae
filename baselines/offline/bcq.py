"""BCQ for discrete actions (Fujimoto et al., "Benchmarking batch deep reinforcement learning algorithms", 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn.functional import smooth_l1_loss

from baselines.offline.agent import HeadAgent
from baselines.offline.network import State
from baselines.offline.replay import Steps
from baselines.offline.td import q_target
from baselines.scores import NEVER, log_probability
from recsim_envs.errors import ConfigurationError


@dataclass(kw_only=True, eq=False)
class BCQAgent(HeadAgent):
    """Double Q-learning over the items that the log's policy would show (arXiv 1910.01708, algorithm 1).

    threshold: an item counts if its imitated probability is at least this share of the likeliest item's. imitation:
    weight of the imitation's loss. shrink: weight of its squared logits. The published values are 0.3, 1 and 0.01.
    """

    heads: ClassVar = ("q", "imitation")
    acts_by: ClassVar = "q"
    target_rate: ClassVar = 0.01

    threshold: float = 0.3
    imitation: float = 1.0
    shrink: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.threshold <= 1:
            raise ConfigurationError(f"threshold must be in 0 to 1, got {self.threshold}")

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """Huber loss of the TD error, cross-entropy of the imitation and its squared logits."""
        now = network(steps.state, steps.allowed)
        with torch.no_grad():
            later = network(steps.next_state, steps.next_allowed)
            likely = only_likely(later["q"], later["imitation"], self.threshold)
            slow = target(steps.next_state, steps.next_allowed)
        goal, logits = q_target(likely, slow, steps, self.gamma), now["imitation"]
        td = smooth_l1_loss(now.worth("q", steps.actions), goal)
        likeness = -log_probability(logits, steps.actions).mean()
        size = logits.clamp(min=NEVER / 2).square()
        size = size.mean() if steps.allowed is None else size[steps.allowed].mean()
        return td + self.imitation * likeness + self.shrink * size

    def scores(self, network: nn.Module, state: State, allowed: torch.Tensor | None) -> torch.Tensor:
        """Q-values; unlikely items are below all likely ones, so that slates can be filled."""
        found = network(state, allowed)
        return only_likely(found["q"], found["imitation"], self.threshold)


def only_likely(q: torch.Tensor, logits: torch.Tensor, threshold: float) -> torch.Tensor:
    """`q` (b, n) where exp(logits) is at least `threshold` times the row's largest; elsewhere below the least of them.

    Among the unlikely the likelier scores more.
    """
    below = logits - logits.max(dim=1, keepdim=True).values
    unlikely = below < torch.log(torch.tensor(threshold, dtype=logits.dtype))
    least = q.masked_fill(unlikely, torch.inf).min(dim=1, keepdim=True).values
    return torch.where(unlikely, least + below, q)
