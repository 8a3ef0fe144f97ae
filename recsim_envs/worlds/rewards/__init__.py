"""Reward models of worlds: which arrays each has, what they may hold, and how rewards are computed from them."""

from __future__ import annotations

from typing import Final

from recsim_envs.worlds.rewards.base import RewardModel
from recsim_envs.worlds.rewards.deepfm import DeepFMRewards
from recsim_envs.worlds.rewards.factors import FactorRewards
from recsim_envs.worlds.rewards.gru import GRURewards
from recsim_envs.worlds.rewards.table import TableRewards

REWARD_MODELS: Final[dict[str, type[RewardModel]]] = {
    "table": TableRewards,
    "factors": FactorRewards,
    "deepfm": DeepFMRewards,
    "gru": GRURewards,
}
"""By the name that `WorldInfo.reward_model` gives."""

__all__ = ["REWARD_MODELS", "RewardModel"]
