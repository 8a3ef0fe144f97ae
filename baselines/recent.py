"""The items that each session was shown last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsim_envs.spec import Sessions


class Recent:
    """The last `size` items shown in each of `num_lanes` lanes, latest last; -1 where there were fewer."""

    def __init__(self, num_lanes: int, size: int) -> None:
        self._size, self._items = size, np.full((num_lanes, size), -1, np.int64)

    @property
    def memory(self) -> NDArray[np.int64]:
        """All that is remembered, (num_lanes, size); to be kept and written back."""
        return self._items

    def items(self, sessions: Sessions) -> NDArray[np.int64]:
        """Int64 (b, size); a session that is at its first step has been shown nothing."""
        self._items[sessions.lanes[sessions.steps == 0]] = -1
        return self._items[sessions.lanes]

    def add(self, sessions: Sessions, actions: NDArray[np.int64]) -> None:
        """Note what is shown: (b,), or slates (b, k)."""
        shown = np.concatenate([self._items[sessions.lanes], actions.reshape(len(actions), -1)], axis=1)
        self._items[sessions.lanes] = shown[:, shown.shape[1] - self._size :]
