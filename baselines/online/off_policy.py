"""What the agents share that learn from a buffer of transitions, again and again, as SB3's off-policy algorithms do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from baselines.online.sb3_agent import SB3Agent
from baselines.online.sb3_vec import GymVecEnv
from baselines.online.sizes import batch_size_for, gradient_steps_for


@dataclass(kw_only=True, eq=False)
class OffPolicyAgent(SB3Agent):
    """Base of DQN and its kin, SAC, TD3 and SlateQ.

    buffer_size: transitions kept. learning_starts: random steps before the first update. batch_size: transitions an
    update. gradient_steps: updates after every step of all `num_envs` sessions. None: both by the number of sessions,
    see `baselines.online.sizes`.
    """

    buffer_size: int = 100_000
    learning_starts: int = 64
    batch_size: int | None = None
    gradient_steps: int | None = None

    def sizes(self, num_envs: int) -> tuple[int, int]:
        """Transitions an update, and updates after every step, for so many sessions side by side."""
        return self.batch_size or batch_size_for(num_envs), self.gradient_steps or gradient_steps_for(num_envs)

    def off_policy_kwargs(self, env: GymVecEnv, seed: int) -> dict[str, Any]:
        """Arguments that all of SB3's off-policy algorithms take."""
        batch_size, gradient_steps = self.sizes(env.num_envs)
        return {
            "learning_rate": self.learning_rate,
            "buffer_size": self.buffer_size,
            "learning_starts": self.learning_starts,
            "batch_size": batch_size,
            "gamma": self.gamma,
            "train_freq": 1,
            "gradient_steps": gradient_steps,
            "policy_kwargs": self.policy_kwargs(env.task),
            "seed": seed,
            "device": self.device,
        }
