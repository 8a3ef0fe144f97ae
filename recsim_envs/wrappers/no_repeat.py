"""`NoRepeat`: no item twice in a session."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from recsim_envs.errors import InvalidActionError
from recsim_envs.families.actions import check_range, integers
from recsim_envs.families.options import choice
from recsim_envs.wrappers.layer import Inner, Layer, Mask
from recsim_envs.wrappers.shells import LayerWrapper, VectorLayerWrapper


class NoRepeat(LayerWrapper):
    """Forbid what the session has already shown, and say so in `info["action_mask"]`.

    An item shown before, or twice in one slate, is an `InvalidActionError`, or with `on_repeat="replace"` gives
    way to the most popular item that may be shown. Once fewer allowed items are left than one action needs,
    the session counts as fresh: all that the environment itself allows may be shown again.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, on_repeat: str = "error") -> None:
        super().__init__(env, NoRepeatLayer, on_repeat=on_repeat)


class VectorNoRepeat(VectorLayerWrapper):
    """`NoRepeat` for a vector environment; keeps a byte a lane and item."""

    def __init__(self, env: VectorEnv[Any, Any, Any], *, on_repeat: str = "error") -> None:
        super().__init__(env, NoRepeatLayer, on_repeat=on_repeat)


class NoRepeatLayer(Layer):
    """What was shown in each lane, and the mask that follows from it."""

    def __init__(self, inner: Inner, *, on_repeat: str) -> None:
        super().__init__(inner)
        items, slots = inner.lasting_items("NoRepeat"), inner.slate_size or 1
        self._replaces = choice("on_repeat", on_repeat, ("error", "replace")) == "replace"
        self._slots = slots
        self._popular = np.argsort(-inner.task.catalogue.popularity, kind="stable")
        self._shown = np.zeros((inner.num_lanes, items), np.bool_)
        self._free = np.ones((inner.num_lanes, items), np.bool_)
        self._count = np.zeros(inner.num_lanes, np.int64)

    def begin(self, lanes: NDArray[np.bool_], seeds: NDArray[np.uint64]) -> None:
        """Nothing has been shown in the sessions that start."""
        self._shown[lanes], self._count[lanes] = False, 0

    def act(self, actions: Any, running: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The same actions, with repeats refused or replaced."""
        count = self._free.shape[1]
        chosen = integers(actions, self.inner.action_shape, f"item ids 0..{count - 1}").copy()
        check_range(chosen, running, count, "item")
        slates = chosen.reshape(len(chosen), self._slots)  # a view
        for lane in np.flatnonzero(running & self._repeated(slates, running)):
            self._mend(int(lane), slates[lane])
        return chosen

    def _repeated(self, slates: NDArray[np.int64], running: NDArray[np.bool_]) -> NDArray[np.bool_]:
        valid = np.where(running[:, None], slates, 0)
        stale = ~np.take_along_axis(self._free, valid, axis=1).all(axis=1)
        ordered = np.sort(valid, axis=1)
        return stale | (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)

    def _mend(self, lane: int, slate: NDArray[np.int64]) -> None:
        free = self._free[lane].copy()
        wrong = []
        for slot, item in enumerate(slate.tolist()):
            if free[item]:
                free[item] = False
            else:
                wrong.append(slot)
        ranked = self._popular[free[self._popular]]
        if not self._replaces or len(ranked) < len(wrong):
            raise InvalidActionError(
                f"lane {lane}: item {slate[wrong[0]]} was already shown or is forbidden; choose where "
                'info["action_mask"] is 1, or pass on_repeat="replace"'
            )
        slate[wrong] = ranked[: len(wrong)]

    def took(
        self, inner_actions: Any, running: NDArray[np.bool_], rewards: NDArray[np.float64], ended: NDArray[np.bool_]
    ) -> None:
        """Remember what was shown: as many new items as an action has."""
        lanes = np.flatnonzero(running)
        self._shown[lanes[:, None], inner_actions.reshape(len(running), self._slots)[lanes]] = True
        self._count[lanes] += self._slots

    def show(self, observations: Any, mask: Mask) -> tuple[Any, Mask]:
        """The mask of the environment beneath, less what was shown."""
        self._free = ~self._shown if mask is None else (mask != 0) & ~self._shown
        left = self._free.shape[1] - self._count if mask is None else self._free.sum(axis=1)
        spent = left < self._slots
        if spent.any():
            self._shown[spent], self._count[spent] = False, 0
            self._free[spent] = True if mask is None else mask[spent] != 0
        return observations, self._free.view(np.int8).copy()
