"""The table reward model: one number a pair, as it was written."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds.layout import ArraySpec, Layout
from recsim_envs.worlds.rewards.base import Floats, RewardModel


class TableRewards(RewardModel):
    """rewards[user, item]."""

    LAYOUT: ClassVar[Layout] = {"rewards": ArraySpec(("|i1", "<f4"), ("users", "items"))}
    OPTIONAL: ClassVar[Layout] = {}

    def rate(
        self,
        users: NDArray[Any],
        items: NDArray[np.int64],
        memory: Floats,
        wanted: NDArray[np.bool_],
        out: NDArray[np.float64],
    ) -> None:
        """See `RewardModel.rate`."""
        out[wanted] = self._arrays[0][users[wanted], items[wanted]]

    def catalogue(self, users: NDArray[np.int64], memory: Floats) -> Floats:
        """See `RewardModel.catalogue`."""
        return self._arrays[0][users].astype(np.float32)
