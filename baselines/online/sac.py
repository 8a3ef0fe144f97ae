"""SAC (Haarnoja et al., "Soft Actor-Critic", ICML 2018) with vectors as actions, from SB3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.sac.policies import MultiInputPolicy

from baselines.online.continuous import ContinuousAgent
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs import rng
from recsim_envs.spec import Sessions, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class SACAgent(ContinuousAgent):
    """Soft actor-critic; the weight of its entropy is tuned as it learns, from `entropy` on, to `target_entropy`.

    target_entropy: nats a column of the action; SB3's own is -1. learn_entropy: whether the weight is tuned at all.
    """

    entropy: float = 0.1
    target_entropy: float = -1.0
    learn_entropy: bool = True

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> SAC:
        """SB3's SAC."""
        return SAC(
            MultiInputPolicy,
            env,
            ent_coef=f"auto_{self.entropy}" if self.learn_entropy else self.entropy,
            target_entropy=self.target_entropy * env.action_space.shape[0],
            **self.off_policy_kwargs(env, seed),
        )

    def policy_class(self) -> type[BasePolicy]:
        """SB3's policy of SAC."""
        return MultiInputPolicy

    def vectors(self, states: dict[str, torch.Tensor], sessions: Sessions) -> torch.Tensor:
        """Draws from the policy, a function of the session's key and step. Its mean shows the same items for ever."""
        mean, log_std, _ = self._policy.actor.get_action_dist_params(states)
        columns = np.arange(mean.shape[1])
        noise = rng.normal_array(sessions.keys[:, None], sessions.steps[:, None], rng.AGENT, columns)
        return torch.tanh(mean + log_std.exp() * torch.from_numpy(noise))
