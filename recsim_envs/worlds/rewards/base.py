"""`RewardModel`: what users would give items, bound to the arrays of one world."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds.layout import Layout, check_finite
from recsim_envs.worlds.rewards.calibration import CALIBRATION, check_calibration
from recsim_envs.worlds.storage import Arrays

Floats = NDArray[np.float32]


class RewardModel(ABC):
    """The rewards of one world. Every sum is float32 in a fixed order, so a pair's bits depend on nothing else.

    A sequential model has a memory, float32 (B, width): what users remember of their session, which moves with what
    they are shown. For the others its width is 0.
    """

    LAYOUT: ClassVar[Layout]
    """The arrays that the model needs."""
    OPTIONAL: ClassVar[Layout] = CALIBRATION
    """The arrays that it may have."""
    sequential: ClassVar[bool] = False

    def __init__(self, arrays: Arrays, reward_range: tuple[float, float]) -> None:
        self._arrays = tuple(_plain(arrays[name]) for name in self.LAYOUT)
        knots = _plain(arrays.get("calibration", np.zeros((2, 0), np.float32)))
        self._scale = (knots, np.float32(reward_range[0]), np.float32(reward_range[1]))

    @classmethod
    def check(cls, arrays: Arrays, where: Path | str) -> None:
        """Raise `WorldError` unless the arrays, of the right dtypes and shapes, hold what they may. Reads each once."""
        names = {*cls.LAYOUT, *cls.OPTIONAL} & set(arrays)
        check_finite(arrays, names, where)
        if "calibration" in names:
            check_calibration(arrays["calibration"], where)

    @property
    def calibrated(self) -> bool:
        """Whether a calibration maps what the model computes to what users give."""
        return self._scale[0].shape[1] > 0

    @property
    def width(self) -> int:
        """Numbers of the memory."""
        return 0

    @abstractmethod
    def rate(
        self,
        users: NDArray[Any],
        items: NDArray[np.int64],
        memory: Floats,
        wanted: NDArray[np.bool_],
        out: NDArray[np.float64],
    ) -> None:
        """Write what each user, remembering a row of `memory` (B, width), would give their item, where wanted.

        `users`, `items`, `wanted` and `out` are (B,). Ids where wanted must exist: they are not checked here.
        """

    @abstractmethod
    def catalogue(self, users: NDArray[np.int64], memory: Floats) -> Floats:
        """What users (n,), remembering `memory` (n, width), would give every item: float32 (n, items)."""

    def fresh(self, users: NDArray[Any]) -> Floats:
        """What users (n,) remember when a session begins: float32 (n, width)."""
        return np.zeros((len(users), 0), np.float32)

    def remember(  # noqa: B027 - most models remember nothing
        self, memory: Floats, items: NDArray[np.int64], rewards: NDArray[np.float64], shown: NDArray[np.bool_]
    ) -> None:
        """Move the memory (B, width), where an item was shown, past it and the reward that the user felt."""


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """A view as compiled code wants it: always of one type, so that it is compiled once."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view
