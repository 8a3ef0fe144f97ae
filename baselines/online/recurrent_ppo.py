"""PPO with an LSTM over the session (Hochreiter and Schmidhuber, 1997), from sb3-contrib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.policies import BasePolicy

from baselines.online.policies import OverItems
from baselines.online.ppo import PPOAgent
from baselines.online.sb3_vec import GymVecEnv
from baselines.selection import best_slates
from recsim_envs.spec import Batch, Sessions, TaskSpec, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class RecurrentPPOAgent(PPOAgent):
    """PPO whose actor and critic remember what they saw earlier in the session, beyond what observations still list.

    memory: units of each LSTM.
    """

    memory: int = 64

    def policy_kwargs(self, task: TaskSpec) -> dict[str, Any]:
        """As in `SB3Agent`."""
        return super().policy_kwargs(task) | {"lstm_hidden_size": self.memory}

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> Any:
        """sb3-contrib's recurrent PPO."""
        model = RecurrentPPO(ItemRecurrentPolicy, env, **self.ppo_kwargs(env, envs, seed))
        model.policy.action_dist.wants_entropy = self.entropy != 0
        return model

    def policy_class(self) -> type[BasePolicy]:
        """As in `SB3Agent`."""
        return ItemRecurrentPolicy

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """As in `SB3Agent`, with an empty memory for each lane."""
        super().reset(task, num_lanes, seed)
        self._hidden = torch.zeros(1, num_lanes, self.memory, dtype=torch.float64)
        self._cell = torch.zeros_like(self._hidden)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """As in `SB3Agent`; a lane's memory is emptied at step 0."""
        states = self.states(observations, infos, sessions)
        lanes, begins = torch.from_numpy(sessions.lanes), torch.from_numpy(sessions.steps == 0).double()
        policy = self._policy
        memory = self._hidden[:, lanes], self._cell[:, lanes]
        with torch.no_grad():
            features = policy.extract_features(states)
            latent, (hidden, cell) = policy._process_sequence(features, memory, begins, policy.lstm_actor)
            self._hidden[:, lanes], self._cell[:, lanes] = hidden, cell
            scores = policy.action_net(policy.mlp_extractor.forward_actor(latent))
        return best_slates(self.drawn(scores.float().numpy(), sessions), self._slate, None)


class ItemRecurrentPolicy(OverItems, RecurrentActorCriticPolicy):  # type: ignore[misc]
    """Actor and critic with an LSTM each, on one `StateEncoder`."""
