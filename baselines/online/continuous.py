"""What SAC and TD3 share: vectors as actions, and how they become items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from baselines.online.embedding_actions import EmbeddingVecEnv, ItemVectors
from baselines.online.off_policy import OffPolicyAgent
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Batch, Sessions, TaskSpec


@dataclass(kw_only=True, eq=False)
class ContinuousAgent(OffPolicyAgent):
    """Base of SAC and TD3.

    action_dim: columns of the vectors that stand for the items of a catalogue, at least 3; candidates have as many as
    are observed. polyak: how far target networks follow in each update.
    """

    masks_in_states: ClassVar[bool] = False  # what is forbidden is passed over in finding the nearest

    action_dim: int = 16
    polyak: float = 0.005

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action_dim < 3:
            raise ConfigurationError(f"action_dim must be at least 3, got {self.action_dim}")

    def adapted(self, envs: VectorEnv[Any, Any, Any], task: TaskSpec) -> GymVecEnv:
        """An environment that takes vectors."""
        return EmbeddingVecEnv(envs, task, ItemVectors(task, self.action_dim))

    def off_policy_kwargs(self, env: GymVecEnv, seed: int) -> dict[str, Any]:
        """Arguments that SB3's SAC and TD3 take."""
        return super().off_policy_kwargs(env, seed) | {"tau": self.polyak}

    def action_space(self, task: TaskSpec) -> spaces.Box:
        """Vectors."""
        return ItemVectors(task, self.action_dim).space

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """As in `SB3Agent`."""
        super().reset(task, num_lanes, seed)
        self._vectors = ItemVectors(task, self.action_dim)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The items nearest to the actor's vectors, int64 (b,), or the k nearest, (b, k)."""
        states = self.states(observations, infos, sessions)
        with torch.no_grad():
            vectors = self.vectors(states, sessions)
        found = self._vectors.find(vectors.float().numpy(), {k: v.numpy() for k, v in states.items()}, infos)
        return found[:, 0] if self._slate is None else found

    def vectors(self, states: dict[str, torch.Tensor], sessions: Sessions) -> torch.Tensor:
        """Vectors to act by, float64 (b, dim)."""
        raise NotImplementedError
