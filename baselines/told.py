"""What observations tell of the items that a user has met: which they were, and what each earned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from baselines.selection import require_items
from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec
from recsim_envs.wrappers.observed import feedback_keys, history_keys, met_items

REMEMBERED: Final = 10
"""Steps that are remembered where the observation holds the last one alone; as many as most families show."""
LIKED: Final = 6
"""Of the behaviours of the session family the first so many earn 1 each; the seventh, hate, earns nothing."""


class Told:
    """Reads, for each session of a batch, the items that the user has met, and what each of them earned.

    What an item earned is in the units of `catalogue.mean_reward`: its reward where rewards are told item by item;
    else whether it was watched at length, where that is told; else how many good behaviours it met, or whether it was
    clicked. Where observations hold only what was shown last, `REMEMBERED` steps are remembered, lane by lane.

    length: how many items are told at most. most: the most that an item can earn. Raises `AgentError` for a task that
    draws its items anew for each step, or tells nothing of what items earned.
    """

    def __init__(self, agent: Agent, task: TaskSpec, num_lanes: int) -> None:
        require_items(agent, task)
        self._boxes: dict[str, spaces.Box] = dict(task.observation_space.spaces.items())  # type: ignore[arg-type]
        self._size = task.slate_size or 1
        keys = [key for key in history_keys(self._boxes, task.catalogue.num_items) if feedback_keys(self._boxes, key)]
        longer = [key for key in keys if self._boxes[key].shape[0] > self._size]
        if not keys:
            raise AgentError(
                f"{type(agent).__name__} reads what items earned, and {task.env_id or 'this environment'} observes "
                f"{', '.join(self._boxes) or 'nothing'}; use popular or best-rated"
            )
        self._keys = longer or keys[:1]  # the last slate is the end of a longer list, where there is one
        self.most = max(_most(self._boxes, key) for key in self._keys)
        self.length = sum(self._boxes[key].shape[0] for key in self._keys)
        self._memory: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None
        if not longer:
            self.length *= REMEMBERED
            shape = (num_lanes, self.length)
            self._memory = np.full(shape, -1, np.int64), np.zeros(shape)

    @property
    def memory(self) -> tuple[NDArray[Any], ...]:
        """All that is remembered beside the observations, a row a lane; to be kept and written back."""
        return self._memory or ()

    def read(self, observations: Batch, sessions: Sessions) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Items int64 (b, length), latest last, -1 for none, and what they earned, float64. Once before each step."""
        items, earned = self.latest(observations)
        if self._memory is None:
            return items, earned
        kept, gains = self._memory
        fresh = sessions.lanes[sessions.steps == 0]
        kept[fresh], gains[fresh] = -1, 0.0
        lanes = sessions.lanes
        kept[lanes] = np.concatenate([kept[lanes][:, items.shape[1] :], items], axis=1)
        gains[lanes] = np.concatenate([gains[lanes][:, items.shape[1] :], earned], axis=1)
        return kept[lanes], gains[lanes]

    def latest(self, observations: Batch) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The same without memory: what these observations hold. Their last k items are the last slate."""
        items = [met_items(self._boxes, observations, key) for key in self._keys]
        earned = [_earned(self._boxes, observations, key) for key in self._keys]
        found = np.concatenate(items, axis=1).astype(np.int64)
        return found, np.where(found >= 0, np.concatenate(earned, axis=1), 0.0)


def _telling(boxes: Mapping[str, spaces.Box], key: str) -> tuple[str, str]:
    """The part that tells most of what the items under `key` earned: the word for one, and the part's own key."""
    parts = feedback_keys(boxes, key)
    word = next(word for word in ("reward", "view", "behaviour", "click") if word in parts)
    return word, parts[word]


def _earned(boxes: Mapping[str, spaces.Box], observations: Batch, key: str) -> NDArray[np.float64]:
    word, part = _telling(boxes, key)
    values: NDArray[Any] = np.asarray(observations[part], np.float64)
    if word == "behaviour":
        return values.reshape(len(values), boxes[key].shape[0], -1)[:, :, :LIKED].sum(axis=2)
    return values


def _most(boxes: Mapping[str, spaces.Box], key: str) -> float:
    word, part = _telling(boxes, key)
    high = float(boxes[part].high.max())
    return (LIKED if word == "behaviour" else high) if np.isfinite(high) else 1.0
