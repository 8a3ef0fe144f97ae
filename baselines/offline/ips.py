"""IPS: REINFORCE on a log, weighted by propensities (Chen et al., "Top-K off-policy correction", WSDM 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from baselines.offline.agent import HeadAgent
from baselines.offline.replay import Replay, Steps
from baselines.scores import log_probability
from recsim_envs.errors import ConfigurationError


@dataclass(kw_only=True, eq=False)
class IPSAgent(HeadAgent):
    """Policy gradient on the discounted returns of the log, each step weighted by pi(a | s) / beta(a | s).

    cap: largest weight (section 4.4). top_k: K of the correction K (1 - pi)^(K - 1) for a policy from which K items
    are drawn (section 4.3); 1 is none. Slates are weighted as a whole, by the probability of their order.
    beta is the log's own propensity, not an estimate as in the paper. Raises `AgentError` for a log without them.
    """

    heads: ClassVar = ("policy",)
    acts_by: ClassVar = "policy"

    cap: float = 10.0
    top_k: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cap <= 0 or self.top_k < 1:
            raise ConfigurationError(f"cap {self.cap} must be above 0 and top_k {self.top_k} at least 1")

    def prepare(self, log: Replay) -> None:
        """Keep the log-propensities and the discounted returns."""
        chances, returns = log.demand_propensities(type(self).__name__), log.returns(self.gamma)
        self._log_beta = torch.from_numpy(chances).log().float().to(log.device)
        self._returns = torch.from_numpy(returns).float().to(log.device)

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """Minus the mean of weight times return times log-probability; weights have no gradient."""
        log_chance = log_probability(network(steps.state, steps.allowed)["policy"], steps.actions)
        weight = self.weights(log_chance.detach(), self._log_beta[steps.rows])
        return -(weight * self._returns[steps.rows] * log_chance).mean()

    def weights(self, log_chance: torch.Tensor, log_beta: torch.Tensor) -> torch.Tensor:
        """Capped importance weights times the top-K correction, (b,)."""
        correction = self.top_k * (1 - log_chance.exp()).clamp(min=0) ** (self.top_k - 1)
        return (log_chance - log_beta).exp().clamp(max=self.cap) * correction
