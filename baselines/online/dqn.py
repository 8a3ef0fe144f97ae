"""DQN (Mnih et al., "Human-level control through deep reinforcement learning", Nature 2015), from SB3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from stable_baselines3 import DQN
from stable_baselines3.common.policies import BasePolicy

from baselines.online.exploration import LaneWise, epsilon_of_budget
from baselines.online.policies import ItemQPolicy
from baselines.online.sb3_agent import SB3Agent, require_no_slates
from baselines.online.sb3_vec import GymVecEnv
from baselines.online.sizes import batch_size_for, gradient_steps_for
from recsim_envs.spec import TaskSpec, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class DQNAgent(SB3Agent):
    """Q-learning with replay and a target network over the whole catalogue.

    buffer_size: transitions kept. learning_starts: random steps before the first update. batch_size: transitions
    an update. gradient_steps: updates after every step of all `num_envs` sessions. target_update: steps between
    two copies to the target network. final_epsilon: share of random items once `exploration_share` of the budget
    is spent; it falls linearly from `initial_epsilon`. None: by the number of sessions, see `baselines.online.sizes`.
    """

    buffer_size: int = 100_000
    learning_starts: int = 64
    batch_size: int | None = None
    gradient_steps: int | None = None
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
        return {
            "learning_rate": self.learning_rate,
            "buffer_size": self.buffer_size,
            "learning_starts": self.learning_starts,
            "batch_size": self.batch_size or batch_size_for(env.num_envs),
            "gamma": self.gamma,
            "train_freq": 1,
            "gradient_steps": self.gradient_steps or gradient_steps_for(env.num_envs),
            "target_update_interval": max(self.target_update, env.num_envs),
            "policy_kwargs": self.policy_kwargs(env.task),
            "seed": seed,
            "device": self.device,
        }

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> Any:
        """SB3's DQN; epsilon follows the share of the budget that is spent."""
        model = _LaneWiseDQN(ItemQPolicy, env, **self.dqn_kwargs(env, seed))
        model.exploration_schedule = epsilon_of_budget(self, envs)
        return model

    def policy(self, task: TaskSpec) -> BasePolicy:
        """An untrained `ItemQPolicy`."""
        return ItemQPolicy(self.policy_space(task), task.action_space, lambda _: 0.0, **self.policy_kwargs(task))

    def scores(self, policy: BasePolicy, states: dict[str, torch.Tensor]) -> torch.Tensor:
        """Q-values."""
        return policy.q_net(states)


class _LaneWiseDQN(LaneWise, DQN):  # type: ignore[misc]
    pass
