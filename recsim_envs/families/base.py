"""`Simulator`: a family's dynamics over B concurrent sessions. Faces, replay and evaluation are thin layers on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs.spec import TaskSpec

ALL: Final = slice(None)  # all lanes


class Step(NamedTuple):
    """What one step of B sessions returned: float64, bool and bool arrays of length B."""

    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


class Simulator(ABC):
    """B sessions advanced by one kernel.

    A lane is a slot for a session. `begin` starts sessions in some lanes, `step` advances every lane that is
    not over. An over lane (ended, or never begun) is left alone by `step`: its action is ignored, its reward
    is 0 and both its flags stay what they were. All arrays returned are fresh: the caller may keep them.
    """

    task: TaskSpec
    num_lanes: int

    @abstractmethod
    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`."""

    @abstractmethod
    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by one action a lane. Raises `InvalidActionError` before anything has moved."""

    @abstractmethod
    def observe(self) -> dict[str, NDArray[Any]]:
        """Observations of all lanes: one array (B, ...) for each key of the observation space."""

    def observe_lane(self, lane: int) -> dict[str, NDArray[Any]]:
        """The observation of one lane, as `gymnasium.Env` wants it. A family may give a faster one."""
        return {key: batch[lane] for key, batch in self.observe().items()}

    def infos(self) -> dict[str, NDArray[Any]]:
        """Public side information of all lanes, for example `action_mask` int8 (B, n)."""
        return {}

    @property
    @abstractmethod
    def over(self) -> NDArray[np.bool_]:
        """Which lanes hold no running session (B,)."""

    @abstractmethod
    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        """Why the sessions of these lanes ended: str each, "" while one runs. For records and pages, not for agents."""

    @abstractmethod
    def hidden(self) -> dict[str, Any]:
        """Hidden state for privileged analysis: what `PrivilegedInfo` shows and the oracle plans with."""

    @abstractmethod
    def render_ansi(self, lane: int) -> str:
        """One lane as text, for `render_mode="ansi"`."""

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane (B,); evaluation clusters its statistics by it."""
        return np.full(self.num_lanes, -1, np.int64)
