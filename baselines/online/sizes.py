"""How large batches are where an agent's parameters leave it open: by a rule from the budget, known beforehand.

100 sessions are a few hundred steps and must still give several updates; a million steps are spent in reasonable time
only by many sessions at once. Both follow from the most steps that the budget allows, L: a step budget itself, else
its episodes times the horizon.
"""

from __future__ import annotations

from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import TrainingEnvs

FEWEST, MOST = 8, 256


def step_limit(envs: TrainingEnvs) -> int:
    """L: an upper bound of the steps that the whole budget allows. Raises `ConfigurationError` if there is none."""
    budget = envs.budget
    limits = [] if budget.steps is None else [budget.steps]
    if budget.episodes is not None:
        limits.append(budget.episodes * envs.task.horizon)
    if not limits:
        raise ConfigurationError("training needs a budget of episodes or steps; without one it would never end")
    return min(limits)


def lanes_for(limit: int) -> int:
    """Sessions side by side: the largest power of two up to L / 3072, at least 8, at most 256.

    So every session meets some three thousand steps, enough for 190 rollouts of 16: 8 for 100 sessions of the
    departure family, 32 for a hundred thousand steps, 256 for a million.
    """
    return min(MOST, max(FEWEST, 1 << max(limit // 3072, 1).bit_length() - 1))


def rollout_steps_for(num_envs: int) -> int:
    """Steps of every session between two updates of PPO: 8 with few sessions, 16 from 64 on."""
    return 8 if num_envs < 64 else 16


def batch_size_for(num_envs: int) -> int:
    """Transitions in a minibatch: as many as sessions, at least 64."""
    return max(64, num_envs)


def gradient_steps_for(num_envs: int) -> int:
    """Updates of DQN after every step of all sessions: 2 with few of them, one for every 32 from 64 on."""
    return max(2, num_envs // 32)


def share_spent(envs: TrainingEnvs) -> float:
    """How much of the budget is gone, 0 to 1. SB3's own schedules know steps only; a budget may count episodes."""
    left = envs.remaining()
    pairs = [(left.episodes, envs.budget.episodes), (left.steps, envs.budget.steps)]
    return max((1.0 - now / whole for now, whole in pairs if now is not None and whole), default=0.0)
