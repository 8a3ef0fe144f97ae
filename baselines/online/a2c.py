"""A2C (Mnih et al., "Asynchronous methods for deep reinforcement learning", ICML 2016, synchronous), from SB3."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from stable_baselines3 import A2C

from baselines.online.actor_critic import ActorCriticAgent, value_cuts_in_batches
from baselines.online.policies import ItemActorCriticPolicy
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs.spec import TrainingEnvs


@dataclass(kw_only=True, eq=False)
class A2CAgent(ActorCriticAgent):
    """Advantage actor-critic with short rollouts, one update each.

    n_steps: steps of every session between two updates. gae_lambda: 1 is the plain n-step advantage. Adam
    instead of the original RMSProp: it copes better with the rarely touched rows of the item table.
    """

    n_steps: int = 5
    gae_lambda: float = 1.0

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> A2C:
        """SB3's A2C."""
        model = A2C(
            ItemActorCriticPolicy,
            env,
            learning_rate=self.learning_rate,
            n_steps=self.n_steps,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            ent_coef=self.entropy,
            vf_coef=self.value_weight,
            use_rms_prop=False,
            policy_kwargs=self.policy_kwargs(env.task) | {"optimizer_class": torch.optim.Adam},
            seed=seed,
            device=self.device,
        )
        model.policy.action_dist.wants_entropy = self.entropy != 0
        return value_cuts_in_batches(env, model)
