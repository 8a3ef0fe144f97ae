"""DQN (Mnih et al., "Human-level control through deep reinforcement learning", Nature 2015), from SB3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DQN
from stable_baselines3.common.policies import BasePolicy

from baselines.online.policies import ItemQPolicy
from baselines.online.sb3_agent import SB3Agent, share_spent
from baselines.online.sb3_vec import GymVecEnv, allowed_in, policy_space
from baselines.selection import best_allowed
from recsim_envs.spec import TaskSpec, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class DQNAgent(SB3Agent):
    """Q-learning with replay and a target network over the whole catalogue.

    buffer_size: transitions kept. learning_starts: random steps before the first update. batch_size: transitions
    an update. gradient_steps: updates after every step of all `num_envs` sessions. target_update: steps between
    two copies to the target network. final_epsilon: share of random items once `exploration_share` of the budget
    is spent; it falls linearly from `initial_epsilon`.
    """

    buffer_size: int = 20_000
    learning_starts: int = 64
    batch_size: int = 64
    gradient_steps: int = 2
    target_update: int = 200
    initial_epsilon: float = 1.0
    final_epsilon: float = 0.05
    exploration_share: float = 0.5

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> DQN:
        """SB3's DQN; epsilon follows the share of the budget that is spent."""
        model = _LaneWiseDQN(
            ItemQPolicy,
            env,
            learning_rate=self.learning_rate,
            buffer_size=self.buffer_size,
            learning_starts=self.learning_starts,
            batch_size=self.batch_size,
            gamma=self.gamma,
            train_freq=1,
            gradient_steps=self.gradient_steps,
            target_update_interval=self.target_update,
            policy_kwargs=self.policy_kwargs(env.task),
            seed=seed,
            device="cpu",
        )

        def epsilon(_progress: float) -> float:
            done = min(1.0, share_spent(envs) / self.exploration_share)
            return self.initial_epsilon + done * (self.final_epsilon - self.initial_epsilon)

        model.exploration_schedule = epsilon
        return model

    def policy(self, task: TaskSpec) -> BasePolicy:
        """An untrained `ItemQPolicy`."""
        return ItemQPolicy(policy_space(task), task.action_space, lambda _: 0.0, **self.policy_kwargs(task))

    def scores(self, policy: BasePolicy, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Q-values."""
        return policy.q_net(observations)


class _LaneWiseDQN(DQN):  # type: ignore[misc]
    """DQN that explores lane by lane and among allowed items; SB3 tosses one coin for all lanes and knows no mask."""

    def _setup_model(self) -> None:
        super()._setup_model()
        self._explorer = np.random.default_rng(self.seed)

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        epsilon = 1.0 if self.num_timesteps < learning_starts else self.exploration_rate
        actions, _ = self.policy.predict(self._last_obs, deterministic=True)
        explores = self._explorer.random(n_envs) < epsilon
        lottery = self._explorer.random((n_envs, int(self.action_space.n)))
        drawn = best_allowed(lottery, allowed_in(self._last_obs, int(self.action_space.n)))
        actions = np.where(explores, drawn, actions)
        return actions, actions
