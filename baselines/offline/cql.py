"""CQL for discrete actions (Kumar et al., "Conservative Q-learning for offline RL", NeurIPS 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from baselines.offline.agent import HeadAgent
from baselines.offline.replay import Steps
from baselines.offline.td import q_target
from baselines.scores import worth


@dataclass(kw_only=True, eq=False)
class CQLAgent(HeadAgent):
    """Q-learning that holds down the values of what the log does not show.

    alpha: weight of the conservative term, equation 4 of the paper (CQL(H)).
    """

    heads: ClassVar = ("q",)
    acts_by: ClassVar = "q"
    target_rate: ClassVar = 0.01

    alpha: float = 1.0

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """Half the squared TD error plus alpha times the conservative term."""
        q = network(steps.state, steps.allowed)["q"]
        with torch.no_grad():
            slow = target(steps.next_state, steps.next_allowed)
            goal = q_target(slow["q"], slow, steps, self.gamma)
        error = worth(q, steps.actions) - goal
        return 0.5 * error.square().mean() + self.alpha * conservative_term(q, steps.actions)


def conservative_term(q: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Mean of log sum_i exp q_i less the q of what was shown. q: (b, n). actions: (b, k).

    For slates the sum is over items, as their values are means over items.
    """
    return (q.logsumexp(dim=1) - worth(q, actions)).mean()
