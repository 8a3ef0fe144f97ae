"""Which items of the last slate the user took, read from the observation that followed."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import AgentError
from recsim_envs.spec import Batch, TaskSpec
from recsim_envs.wrappers.observed import feedback_keys, history_keys, met_items, slot_clicks


class ResponseReader:
    """Reads what was taken of slates of `size` items.

    By the first of these parts that an observation has:

    clicks on the slate's slots, where candidates are drawn anew ("response_clicks"); clicks on the last items shown,
    in a list as long as the slate or longer; behaviours towards them, of which any counts. Of single items that are
    shown one a step nothing need be read: what follows an item is its own. Raises `AgentError` where slates are shown
    and no part tells.
    """

    def __init__(self, task: TaskSpec) -> None:
        self.size = task.slate_size or 1
        self._env_id = task.env_id or "this environment"
        self._boxes: dict[str, spaces.Box] = dict(task.observation_space.spaces)  # type: ignore[arg-type]
        self._items: str | None = None
        self._part = None if self.size == 1 else self._find(task)

    def _find(self, task: TaskSpec) -> str:
        if task.candidates:
            if told := slot_clicks(self._boxes, self.size):
                return told
        else:
            keys = [k for k in history_keys(self._boxes, task.catalogue.num_items) if self._length(k) >= self.size]
            for key in sorted(keys, key=self._length):
                parts = feedback_keys(self._boxes, key)
                for word in ("click", "behaviour"):
                    if word in parts:
                        self._items = key
                        return parts[word]
        raise AgentError(
            f"{self._env_id} shows slates, and nothing in its observations tells which of their items were taken, so "
            "that the worth of a slate cannot be divided among them; use ppo"
        )

    def _length(self, key: str) -> int:
        return int(self._boxes[key].shape[0])

    def taken(self, observations: Batch) -> NDArray[np.bool_]:
        """What was taken of the slates before `observations`, bool (b, size); everything of slates of one."""
        if self._part is None:
            rows = len(next(iter(observations.values())))
            return np.ones((rows, 1), np.bool_)
        values = np.asarray(observations[self._part])
        if self._items is not None:
            values = values.reshape(len(values), self._length(self._items), -1)[:, -self.size :]
        taken: NDArray[np.bool_] = np.any(values.reshape(len(values), self.size, -1) > 0, axis=2)
        return taken

    def require_shown(self, observations: Batch, slates: NDArray[Any]) -> None:
        """Raise `AgentError` if `observations` list other items than the `slates` (b, size) that led to them."""
        if self._items is None:
            return
        listed = met_items(self._boxes, observations, self._items)[:, -self.size :]
        if not np.array_equal(listed, slates):
            raise AgentError(f"{self._env_id} does not list the last slate at the end of {self._items!r}; use ppo")
