"""TD3 (Fujimoto et al., "Addressing function approximation error in actor-critic methods", ICML 2018), from SB3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.td3.policies import MultiInputPolicy

from baselines.online.continuous import ContinuousAgent
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs.spec import Sessions, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class TD3Agent(ContinuousAgent):
    """Twin delayed deterministic policy gradient.

    noise: standard deviation of what is added to actions in training.
    """

    noise: float = 0.2

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> TD3:
        """SB3's TD3."""
        size = env.action_space.shape[0]
        noise = NormalActionNoise(np.zeros(size), np.full(size, self.noise))
        return TD3(MultiInputPolicy, env, action_noise=noise, **self.off_policy_kwargs(env, seed))

    def vectors(self, states: dict[str, torch.Tensor], sessions: Sessions) -> torch.Tensor:
        """The actor's, without noise."""
        return self._policy.actor(states)  # type: ignore[no-any-return]

    def policy_class(self) -> type[BasePolicy]:
        """SB3's policy of TD3."""
        return MultiInputPolicy
