"""`StateReader`: the observations of any family in one form, for agents that learn.

Families name and shape what they show in their own ways. Agents that learn need four things of it: lists of items
that the user has met, what came of each, features of the candidates where these are drawn anew, and the remaining
numbers. What a part is follows from its name and its space, by the rules of `recsim_envs.wrappers.observed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import AgentError
from recsim_envs.spec import Batch, TaskSpec
from recsim_envs.wrappers.observed import feature_keys, feature_width, features, feedback_keys, history_keys, met_items

CONTEXT: Final = "context"
CANDIDATES: Final = "candidates"
ITEMS: Final = "/items"
SIGNALS: Final = "/signals"
FEW: Final = 32
"""An integer part with at most so many values is read as zeros and a one, any other as a number."""


@dataclass(frozen=True)
class History:
    """A list of items that the observations hold: its key, its length, and what they tell of each item."""

    key: str
    length: int
    signals: tuple[str, ...]  # a name for each column of the signals


class StateReader:
    """Reads the observations of one task. `histories` are its lists of items, oldest item first in each.

    `read` gives arrays of b rows under these keys, absent where the task has no such part:

    "KEY/items", for each history: int64 (b, length), -1 where there is no item;
    "KEY/signals": float32 (b, length, number of signals), from -1 for the least reward or no click to 1; 0 for no item;
    "context": float32 (b, context_width), the other parts, one after another, most of them within -1 to 1;
    "candidates": float32 (b, n, candidate_width), features of the n candidates, where items are drawn anew.

    Raises `AgentError` for observations that are no `Dict` of boxes.
    """

    def __init__(self, task: TaskSpec) -> None:
        boxes = getattr(task.observation_space, "spaces", None)
        if not boxes or not all(isinstance(box, spaces.Box) for box in boxes.values()):
            raise AgentError(f"{task.env_id or 'this environment'} observes {task.observation_space}, no Dict of boxes")
        self._boxes: dict[str, spaces.Box] = dict(boxes)
        count = task.catalogue.num_items
        self._candidates = feature_keys(self._boxes, count) if task.candidates else []
        keys = [] if task.candidates else history_keys(self._boxes, count)
        self._feedback = {key: feedback_keys(self._boxes, key) for key in keys}
        self.histories = tuple(self._history(key) for key in keys)
        taken = {*self._candidates, *keys, *(part for parts in self._feedback.values() for part in parts.values())}
        self._context = [key for key in self._boxes if key not in taken]
        self.context_width = sum(_width(self._boxes[key]) for key in self._context)
        self.candidate_width = sum(feature_width(self._boxes[key]) for key in self._candidates)
        self._count = count

    def _history(self, key: str) -> History:
        length = int(self._boxes[key].shape[0])
        names = []
        for word, part in self._feedback[key].items():
            columns = int(np.prod(self._boxes[part].shape)) // length
            names += [word] if columns == 1 else [f"{word} {n}" for n in range(columns)]
        return History(key, length, tuple(names))

    @property
    def space(self) -> spaces.Dict:
        """The space of what `read` gives, of one row. Numbers are bounded where the observations' are."""
        known: dict[str, spaces.Space[Any]] = {}
        for history in self.histories:
            known[history.key + ITEMS] = spaces.Box(-1, self._count - 1, (history.length,), np.int64)
            if history.signals:
                shape = (history.length, len(history.signals))
                known[history.key + SIGNALS] = spaces.Box(-np.inf, np.inf, shape, np.float32)
        if self.context_width:
            known[CONTEXT] = spaces.Box(-np.inf, np.inf, (self.context_width,), np.float32)
        if self.candidate_width:
            known[CANDIDATES] = spaces.Box(-np.inf, np.inf, (self._count, self.candidate_width), np.float32)
        return spaces.Dict(known)

    def read(self, observations: Batch) -> dict[str, NDArray[Any]]:
        """A batch of observations in the common form; see the class."""
        out: dict[str, NDArray[Any]] = {}
        for history in self.histories:
            items = met_items(self._boxes, observations, history.key)
            out[history.key + ITEMS] = items.astype(np.int64)
            if history.signals:
                out[history.key + SIGNALS] = self._signals(history, items, observations)
        if self._context:
            parts = [_numbers(self._boxes[key], np.asarray(observations[key])) for key in self._context]
            out[CONTEXT] = np.concatenate(parts, axis=1, dtype=np.float32)
        if self._candidates:
            told = [features(self._boxes[key], np.asarray(observations[key])) for key in self._candidates]
            out[CANDIDATES] = np.concatenate(told, axis=2, dtype=np.float32)
        return out

    def _signals(self, history: History, items: NDArray[np.int32], observations: Mapping[str, Any]) -> NDArray[Any]:
        parts = []
        for part in self._feedback[history.key].values():
            box, values = self._boxes[part], np.asarray(observations[part], np.float32)
            parts.append(_centred(box, values).reshape(len(items), history.length, -1))
        met = (items >= 0)[:, :, None]
        return np.where(met, np.concatenate(parts, axis=2), np.float32(0)).astype(np.float32)


def _centred(box: spaces.Box, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Feedback with its range moved to -1..1. The -1 of integers is "no item" and not part of the range."""
    low, high = float(box.low.min()), float(box.high.max())
    if np.issubdtype(box.dtype, np.integer):
        low = max(low, 0.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        return _squashed(values)
    return (values - (high + low) / 2) / ((high - low) / 2 or 1.0)


def _squashed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers without bounds, logarithmically: sign(x) log(1 + |x|)."""
    return np.sign(values) * np.log1p(np.abs(values))


def _values(box: spaces.Box) -> int | None:
    """How many values an integer part has, if these are few; else None."""
    if not np.issubdtype(box.dtype, np.integer):
        return None
    count = int(box.high.max()) - int(box.low.min()) + 1
    return count if count <= FEW else None


def _width(box: spaces.Box) -> int:
    return int(np.prod(box.shape)) * (_values(box) or 1)


def _numbers(box: spaces.Box, values: NDArray[Any]) -> NDArray[np.float32]:
    """A part of the context, float32 (b, width)."""
    if _values(box) is not None:
        codes = np.arange(int(box.low.min()), int(box.high.max()) + 1)
        return (values.reshape(len(values), -1, 1) == codes).reshape(len(values), -1).astype(np.float32)
    numbers = values.reshape(len(values), -1).astype(np.float32)
    bound = max(abs(float(box.low.min())), abs(float(box.high.max())))
    # A step counter whose bound is the largest integer has none that means anything.
    return _squashed(numbers) if not np.isfinite(bound) or bound > 1e6 else numbers / np.float32(bound or 1.0)
