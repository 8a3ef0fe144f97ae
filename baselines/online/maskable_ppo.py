"""PPO with masks (Huang and Ontañón, "A closer look at invalid action masking", FLAIRS 2022), from sb3-contrib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from baselines.online.actor_critic import value_cuts_in_batches
from baselines.online.encoder import ItemHead, StateEncoder
from baselines.online.ppo import PPOAgent
from baselines.online.sb3_agent import require_no_slates
from baselines.online.sb3_vec import GymVecEnv
from baselines.selection import allowed_items, best_allowed
from recsim_envs.spec import Batch, Sessions, TaskSpec, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class MaskablePPOAgent(PPOAgent):
    """PPO whose masks go sb3-contrib's way: beside the states, in a rollout buffer of their own, into the distribution.

    `ppo` plays the same tasks with the masks as part of the states. What differs is the entropy, which here leaves
    forbidden items out exactly, and the memory: four bytes an item and transition instead of a bit.
    """

    masks_in_states: ClassVar[bool] = False

    def check(self, task: TaskSpec) -> None:
        """As in `SB3Agent`; refuses slates, for which sb3-contrib's masks hold slot by slot and would allow repeats."""
        super().check(task)
        require_no_slates(self, task, "ppo or recurrent-ppo")

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> Any:
        """sb3-contrib's PPO with masks; without them where nothing is ever forbidden."""
        model = _MaskablePPO(ItemMaskablePolicy, env, **self.ppo_kwargs(env, envs, seed))
        return value_cuts_in_batches(env, model)

    def policy_class(self) -> type[BasePolicy]:
        """As in `SB3Agent`."""
        return ItemMaskablePolicy

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The allowed item of the highest score, int64 (b,)."""
        states = self.states(observations, infos, sessions)
        with torch.no_grad():
            scores = self.scores(self._policy, states).float().numpy()
        return best_allowed(self.drawn(scores, sessions), allowed_items(infos))


class _MaskablePPO(MaskablePPO):  # type: ignore[misc]
    def learn(self, *args: Any, **kwargs: Any) -> MaskablePPO:
        return super().learn(*args, use_masking=self.env.task.protocol != "FB", **kwargs)


class _Distribution(MaskableCategoricalDistribution):  # type: ignore[misc]
    def __init__(self, action_dim: int, encoder: StateEncoder) -> None:
        super().__init__(action_dim)
        self._encoder = encoder

    def proba_distribution_net(self, latent_dim: int) -> nn.Module:
        return ItemHead(latent_dim, self._encoder)


class ItemMaskablePolicy(MaskableActorCriticPolicy):  # type: ignore[misc]
    """Actor and critic on one `StateEncoder`."""

    def _build(self, lr_schedule: Any) -> None:
        self.action_dist = _Distribution(int(self.action_space.n), self.features_extractor)
        super()._build(lr_schedule)
