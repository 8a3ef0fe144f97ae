"""What A2C and PPO share: the policy, and how it acts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from stable_baselines3.common.policies import BasePolicy

from baselines.online.policies import ItemActorCriticPolicy
from baselines.online.sb3_agent import SB3Agent
from baselines.online.sb3_vec import policy_space
from recsim_envs.spec import TaskSpec


@dataclass(kw_only=True, eq=False)
class ActorCriticAgent(SB3Agent):
    """Base of A2C and PPO. entropy, value_weight: weights of the entropy bonus and of the critic's loss."""

    entropy: float = 0.0
    value_weight: float = 0.5

    def policy(self, task: TaskSpec) -> BasePolicy:
        """An untrained `ItemActorCriticPolicy`."""
        return ItemActorCriticPolicy(policy_space(task), task.action_space, lambda _: 0.0, **self.policy_kwargs(task))

    def scores(self, policy: BasePolicy, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Log-probabilities."""
        return policy.get_distribution(observations).distribution.logits  # type: ignore[no-any-return]
