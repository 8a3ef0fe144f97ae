"""`EpisodeStatistics`: what a session came to, the same from both faces and in every autoreset mode."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from recsim_envs.wrappers.layer import Inner, Layer
from recsim_envs.wrappers.shells import LayerWrapper, VectorLayerWrapper

_BLANK: Final[dict[str, Any]] = {"f": 0.0, "i": 0, "O": ""}  # what stands where no session has ended, by kind of number


class EpisodeStatistics(LayerWrapper):
    """Put `info["episode"]` into the last step of a session.

    Under the keys of `gymnasium.wrappers.RecordEpisodeStatistics`, so that its readers need no change: "r" the
    return, "l" the length, "t" seconds since the session's start. Beyond it, and the reason for a wrapper of our
    own: "cause" says why the session ended, and where items persist, "items" counts the different items
    shown and "repeats" the times one was shown again, within a slate or later. Everything but "t" is equal
    between scalar and vector environments with the same seeds. Wrap it nearer to the environment than wrappers
    that change actions.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env, StatisticsLayer)


class VectorEpisodeStatistics(VectorLayerWrapper):
    """The same for a vector environment: `infos["episode"]` is a dict of arrays, valid where `infos["_episode"]`."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env, StatisticsLayer)


class StatisticsLayer(Layer):
    """Running sums of each lane's session."""

    def __init__(self, inner: Inner) -> None:
        super().__init__(inner)
        lanes, items = inner.num_lanes, inner.num_items("EpisodeStatistics")
        self._counts_items = not inner.task.candidates
        self._seen = np.zeros((lanes, items if self._counts_items else 0), np.bool_)
        self._returns, self._started = np.zeros(lanes), np.zeros(lanes)
        self._lengths, self._shown, self._different = np.zeros((3, lanes), np.int64)
        self._causes = np.full(lanes, "", object)
        # Such an environment has restarted a lane before anybody could ask why its session ended.
        self._told = getattr(inner.face, "autoreset_mode", None) is AutoresetMode.SAME_STEP
        if self._told:
            inner.face.before_restart.append(self._ask)

    def _ask(self, lanes: NDArray[np.int64]) -> None:
        self._causes[lanes] = self.inner.face.simulator.causes(lanes)

    def begin(self, lanes: NDArray[np.bool_], seeds: NDArray[np.uint64]) -> None:
        """Start counting anew."""
        self._seen[lanes] = False
        self._returns[lanes] = 0.0
        for counter in (self._lengths, self._shown, self._different):
            counter[lanes] = 0
        self._started[lanes] = time.perf_counter()

    def took(
        self, inner_actions: Any, running: NDArray[np.bool_], rewards: NDArray[np.float64], ended: NDArray[np.bool_]
    ) -> None:
        """Count one step of the running lanes."""
        lanes = np.flatnonzero(running)
        self._returns[lanes] += rewards[lanes]
        self._lengths[lanes] += 1
        if self._counts_items:
            slates = np.asarray(inner_actions).reshape(len(running), -1)[lanes]
            for items in slates.T:  # slot by slot, for a slate may hold an item twice
                self._different[lanes] += ~self._seen[lanes, items]
                self._seen[lanes, items] = True
            self._shown[lanes] += slates.shape[1]

    def summary(self, ended: NDArray[np.bool_]) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        """Return, length, time, cause, and the counts of items."""
        if not self._told:
            self._ask(np.flatnonzero(ended))
        seconds = time.perf_counter() - self._started
        entry: dict[str, NDArray[Any]] = {"r": self._returns, "l": self._lengths, "t": seconds, "cause": self._causes}
        if self._counts_items:
            entry |= {"items": self._different, "repeats": self._shown - self._different}
        return {"episode": {key: np.where(ended, value, _BLANK[value.dtype.kind]) for key, value in entry.items()}}
