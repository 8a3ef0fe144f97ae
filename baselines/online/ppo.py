"""PPO (Schulman et al., "Proximal policy optimization algorithms", arXiv 1707.06347), from SB3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from stable_baselines3 import PPO

from baselines.online.actor_critic import ActorCriticAgent, value_cuts_in_batches
from baselines.online.policies import ItemActorCriticPolicy
from baselines.online.sb3_vec import GymVecEnv
from baselines.online.sizes import batch_size_for, rollout_steps_for, share_spent
from recsim_envs.spec import TrainingEnvs


@dataclass(kw_only=True, eq=False)
class PPOAgent(ActorCriticAgent):
    """Clipped policy optimisation.

    n_steps: steps of every session between two updates. epochs, batch_size: passes over a rollout, and their
    minibatches. None: tuned, else n_steps and batch_size by the number of sessions, see `baselines.online.sizes`.
    anneal: whether the learning rate falls linearly to 0 as the budget is spent. clip: of the probability ratio.
    """

    general: ClassVar[dict[str, Any]] = ActorCriticAgent.general | {"gae_lambda": 0.95, "epochs": 4, "anneal": False}

    n_steps: int | None = None
    gae_lambda: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    anneal: bool | None = None
    clip: float = 0.2

    def ppo_kwargs(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> dict[str, Any]:
        """Arguments that SB3's PPO and its kin take."""
        n_steps = self.n_steps or rollout_steps_for(env.num_envs)
        rate: Any = self.learning_rate
        return {
            "learning_rate": (lambda _: rate * (1.0 - share_spent(envs))) if self.anneal else rate,
            "n_steps": n_steps,
            "batch_size": min(self.batch_size or batch_size_for(env.num_envs), n_steps * env.num_envs),
            "n_epochs": self.epochs,
            "gamma": self.gamma,
            "gae_lambda": self.gae_lambda,
            "clip_range": self.clip,
            "ent_coef": self.entropy,
            "vf_coef": self.value_weight,
            "policy_kwargs": self.policy_kwargs(env.task),
            "seed": seed,
            "device": self.device,
        }

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> Any:
        """SB3's PPO."""
        model = PPO(ItemActorCriticPolicy, env, **self.ppo_kwargs(env, envs, seed))
        model.policy.action_dist.wants_entropy = self.entropy != 0
        return value_cuts_in_batches(env, model)
