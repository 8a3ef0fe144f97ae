"""Actions as vectors: the item, or the slate, nearest to a vector in what is public of the items."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from baselines.items import item_features
from baselines.online.sb3_vec import GymVecEnv, States
from baselines.states import CANDIDATES
from recsim_envs.spec import Batch, TaskSpec
from recsim_envs.wrappers.kernels import as_columns, nearest
from recsim_envs.wrappers.observed import feature_keys, feature_width


class ItemVectors:
    """Finds the items nearest to vectors (Dulac-Arnold et al., arXiv:1512.07679, without the critic's second look).

    Items of a catalogue are their `item_features` in `dim` columns, of unit length, so that nearest is also most
    alike in direction; candidates are their observed features, divided by the largest value that each can have.
    """

    def __init__(self, task: TaskSpec, dim: int) -> None:
        self._slots, count = task.slate_size or 1, task.catalogue.num_items
        self._everything = np.ones((1, count), np.bool_)
        if task.candidates:
            self._reach = _reach(task)
            self._columns = np.zeros((1, len(self._reach), count), np.float32)
        else:
            vectors = item_features(task.catalogue, dim)
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            self._columns = as_columns(vectors / np.maximum(lengths, 1e-9))

    @property
    def space(self) -> spaces.Box:
        """Of one vector."""
        return spaces.Box(-1.0, 1.0, (self._columns.shape[1],), np.float32)

    def find(self, vectors: NDArray[Any], states: States, infos: Batch) -> NDArray[np.int64]:
        """The nearest allowed items, int64 (b, k), nearest first, the lowest id at a tie; vectors: (b, dim).

        states: of a `PolicyView`, for its candidates. infos: for the protocol's mask. Where fewer than k items are
        allowed, the nearest fills the slate.
        """
        columns = as_columns(states[CANDIDATES] / self._reach) if CANDIDATES in states else self._columns
        mask = infos.get("action_mask")
        allowed = self._everything if mask is None else np.asarray(mask) != 0
        found = np.empty((len(vectors), self._slots), np.int64)
        nearest(np.ascontiguousarray(vectors, np.float32), columns, True, allowed, found)
        found = np.where(found < 0, found[:, :1], found)
        return np.maximum(found, 0)  # nothing left to choose: the session is over anyway


def _reach(task: TaskSpec) -> NDArray[np.float32]:
    """The largest size of each feature of a candidate, float32 (width,); 1 where there is no bound."""
    boxes: dict[str, Any] = dict(task.observation_space.spaces)
    reach: list[float] = []
    for key in feature_keys(boxes, task.catalogue.num_items):
        box, width = boxes[key], feature_width(boxes[key])
        if np.issubdtype(box.dtype, np.integer):  # zeros and a one
            reach += [1.0] * width
        else:
            bounds = np.maximum(np.abs(box.low), np.abs(box.high)).reshape(box.shape[0], width).max(axis=0)
            reach += np.where(np.isfinite(bounds) & (bounds > 0), bounds, 1.0).tolist()
    return np.array(reach, np.float32)


class EmbeddingVecEnv(GymVecEnv):
    """A `GymVecEnv` whose actions are vectors of `ItemVectors.space`."""

    def __init__(self, envs: VectorEnv[Any, Any, Any], task: TaskSpec, vectors: ItemVectors) -> None:
        super().__init__(envs, task, masks=False)
        self._vectors, self._states = vectors, States()
        self.action_space = vectors.space

    def reset(self) -> States:
        """As in `GymVecEnv`."""
        self._states = super().reset()
        return self._states

    def go_on_from(self, observations: Batch, infos: Batch) -> States:
        """As in `GymVecEnv`."""
        self._states = super().go_on_from(observations, infos)
        return self._states

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the items nearest to the vectors."""
        found = self._vectors.find(actions, self._states, self._infos)
        super().step_async(found if self.task.slate_size else found[:, 0])

    def step_wait(self) -> tuple[States, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """As in `GymVecEnv`."""
        self._states, rewards, dones, infos = super().step_wait()
        return self._states, rewards, dones, infos
