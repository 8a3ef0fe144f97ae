"""PPO (Schulman et al., "Proximal policy optimization algorithms", arXiv 1707.06347), from SB3."""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import PPO

from baselines.online.actor_critic import ActorCriticAgent
from baselines.online.policies import ItemActorCriticPolicy
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs.spec import TrainingEnvs


@dataclass(kw_only=True, eq=False)
class PPOAgent(ActorCriticAgent):
    """Clipped policy optimisation.

    n_steps: steps of every session between two updates; short, so that a budget of 100 sessions gives several.
    epochs, batch_size: passes over a rollout, and their minibatches. clip: of the probability ratio.
    """

    n_steps: int = 8
    gae_lambda: float = 0.95
    epochs: int = 4
    batch_size: int = 64
    clip: float = 0.2

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> PPO:
        """SB3's PPO."""
        return PPO(
            ItemActorCriticPolicy,
            env,
            learning_rate=self.learning_rate,
            n_steps=self.n_steps,
            batch_size=min(self.batch_size, self.n_steps * env.num_envs),
            n_epochs=self.epochs,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            clip_range=self.clip,
            ent_coef=self.entropy,
            vf_coef=self.value_weight,
            policy_kwargs=self.policy_kwargs(env.task),
            seed=seed,
            device="cpu",
        )
