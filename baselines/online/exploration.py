"""Epsilon-greedy exploration for many sessions at once, among allowed items; SB3's tosses one coin for all lanes."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from baselines.online.sb3_vec import allowed_in
from baselines.online.sizes import share_spent
from baselines.selection import best_allowed
from recsim_envs.spec import TrainingEnvs


class _Epsilons(Protocol):
    initial_epsilon: float
    final_epsilon: float
    exploration_share: float


def epsilon_of_budget(agent: _Epsilons, envs: TrainingEnvs) -> float:
    """Epsilon now: linear in the share of the budget that is spent, which may count sessions."""
    done = min(1.0, share_spent(envs) / agent.exploration_share)
    return agent.initial_epsilon + done * (agent.final_epsilon - agent.initial_epsilon)


class LaneWise:
    """Mixed into SB3's DQN and its kin, before them: explores lane by lane, and knows what is forbidden."""

    def _setup_model(self) -> None:
        super()._setup_model()  # type: ignore[misc]
        self._explorer = np.random.default_rng(self.seed)  # type: ignore[attr-defined]

    def _sample_action(
        self: Any, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        epsilon = 1.0 if self.num_timesteps < learning_starts else self.exploration_rate
        lanes = np.flatnonzero(self._explorer.random(n_envs) < epsilon)
        count = int(self.action_space.n)
        if len(lanes) == n_envs:
            actions = np.zeros(n_envs, np.int64)
        else:
            actions, _ = self.policy.predict(self._last_obs, deterministic=True)
        allowed = allowed_in(self._last_obs, count)
        if allowed is None:
            actions[lanes] = self._explorer.integers(count, size=len(lanes))
        elif len(lanes):
            actions[lanes] = best_allowed(self._explorer.random((len(lanes), count)), allowed[lanes])
        return actions, actions
