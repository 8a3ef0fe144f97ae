"""MOPO (Yu et al., "Model-based offline policy optimization", NeurIPS 2020), in a learned user model."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from baselines.offline.model_based import ModelBasedAgent


@dataclass(kw_only=True, eq=False)
class MOPOAgent(ModelBasedAgent):
    """Learns in a user model from the log, whose reward is lowered where the model is unsure.

    uncertainty: weight of the largest variance that a member tells; 0.05 as in the code of DORL. (The paper's is the
    largest norm of a member's covariance, which for one number is that.)
    """

    uncertainty: float = 0.05

    def shaped(self, reward: torch.Tensor, variance: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        """The reward - uncertainty * largest variance."""
        return reward - self.uncertainty * variance
