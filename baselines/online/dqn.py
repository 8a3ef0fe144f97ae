"""DQN (Mnih et al., "Human-level control through deep reinforcement learning", Nature 2015), from SB3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from stable_baselines3 import DQN
from stable_baselines3.common.policies import BasePolicy

from baselines.online.exploration import LaneWise, epsilon_of_budget
from baselines.online.off_policy import OffPolicyAgent
from baselines.online.policies import ItemQPolicy
from baselines.online.sb3_agent import require_no_slates
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs.spec import TaskSpec, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class DQNAgent(OffPolicyAgent):
    """Q-learning with replay and a target network over the whole catalogue.

    target_update: steps between two copies to the target network. final_epsilon: share of random items once
    `exploration_share` of the budget is spent; it falls linearly from `initial_epsilon`.
    """

    target_update: int = 200
    initial_epsilon: float = 1.0
    final_epsilon: float = 0.05
    exploration_share: float = 0.5

    def check(self, task: TaskSpec) -> None:
        """As in `SB3Agent`; refuses slates, whose actions are too many for one value each."""
        super().check(task)
        require_no_slates(self, task, "slateq, ppo or a2c")

    def dqn_kwargs(self, env: GymVecEnv, seed: int) -> dict[str, Any]:
        """Arguments that SB3's DQN and its kin take."""
        interval = max(self.target_update, env.num_envs)
        return self.off_policy_kwargs(env, seed) | {"target_update_interval": interval}

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> Any:
        """SB3's DQN; epsilon follows the share of the budget that is spent."""
        model = _LaneWiseDQN(ItemQPolicy, env, **self.dqn_kwargs(env, seed))
        model.exploration_schedule = lambda _: epsilon_of_budget(self, envs)
        return model

    def policy_class(self) -> type[BasePolicy]:
        """As in `SB3Agent`."""
        return ItemQPolicy

    def scores(self, policy: BasePolicy, states: dict[str, torch.Tensor]) -> torch.Tensor:
        """Q-values."""
        return policy.q_net(states)


class _LaneWiseDQN(LaneWise, DQN):  # type: ignore[misc]
    pass
