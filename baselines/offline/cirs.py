"""CIRS (Gao et al., "CIRS: bursting filter bubbles by counterfactual interactive recommender system", TOIS 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from baselines.offline.model_based import ModelBasedAgent
from baselines.offline.user_model import Satiation
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import TaskSpec


@dataclass(kw_only=True, eq=False)
class CIRSAgent(ModelBasedAgent):
    """Learns in a user model from the log where an item earns less the more the session has had of its like.

    tau: steps after which exposure to an item of the same categories has fallen to 1/e; 100 in the published commands.
    """

    tau: float = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tau <= 0:
            raise ConfigurationError(f"tau must be above 0, got {self.tau}")

    def satiation(self, task: TaskSpec) -> Satiation:
        """Learned with the rest of the user model."""
        return Satiation(task, self.tau)

    def shaped(self, reward: torch.Tensor, variance: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        """The model's reward, which is satiated already."""
        return reward
