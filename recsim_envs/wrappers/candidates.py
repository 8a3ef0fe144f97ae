"""`CandidateSet`: choose among a few items instead of a catalogue."""

from __future__ import annotations

from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.families.actions import check_range, integers
from recsim_envs.families.options import choice, integer
from recsim_envs.wrappers.embeddings import item_embeddings
from recsim_envs.wrappers.kernels import as_columns, latest, nearest, offer
from recsim_envs.wrappers.layer import Inner, Layer, Mask
from recsim_envs.wrappers.observed import history_keys, met_items
from recsim_envs.wrappers.shells import LayerWrapper, VectorLayerWrapper

KEY: Final = "candidate_items"
SOURCES: Final = ("mixture", "nearest", "popular", "random")
RECENT: Final = 5  # items of the user's past whose neighbours are offered
_DRAWS: Final = 4  # random draws for each candidate wanted; some of them meet items that are there already
_DIM: Final = 16


class CandidateSet(LayerWrapper):
    """Offer `num_candidates` items a step; an action is the number of one of them, or of each item of a slate.

    The action space is `Discrete(num_candidates)`, or `MultiDiscrete([num_candidates] * k)`; the observation gains
    "candidate_items", int32 (num_candidates,), their ids. Different items as long as enough may be shown: what
    `info["action_mask"]` forbids is not offered. Where fewer may be shown, they are offered several times.

    source: where candidates come from.
        "popular": the items with the most logged interactions, the smaller id first at a tie.
        "random": uniformly drawn, a pure function of the episode seed and the step (`rng.CANDIDATES`).
        "nearest": for the user's 5 most recent items in turn their nearest neighbours, which includes themselves
            (inner product of the "svd" embedding of categories and titles); popular ones where nothing is known.
        "mixture": the three in turn, beginning with "nearest".
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, num_candidates: int = 10, source: str = "mixture") -> None:
        super().__init__(env, CandidateLayer, num_candidates=num_candidates, source=source)


class VectorCandidateSet(VectorLayerWrapper):
    """`CandidateSet` for a vector environment; a lane is offered what its scalar environment would be."""

    def __init__(self, env: VectorEnv[Any, Any, Any], *, num_candidates: int = 10, source: str = "mixture") -> None:
        super().__init__(env, CandidateLayer, num_candidates=num_candidates, source=source)


class CandidateLayer(Layer):
    """What is offered in each lane now."""

    def __init__(self, inner: Inner, *, num_candidates: int, source: str) -> None:
        super().__init__(inner)
        self._items = inner.lasting_items("CandidateSet")
        self._boxes, slots = inner.observed("CandidateSet"), inner.slate_size
        if KEY in self._boxes:
            raise ConfigurationError(f"the observation has a part {KEY!r} already; CandidateSet can be used once")
        self._size = integer("num_candidates", num_candidates, max(slots or 1, 2), self._items)
        self._source = choice("source", source, SOURCES)
        mixed = self._source == "mixture"
        self._histories = history_keys(self._boxes, self._items) if mixed or self._source == "nearest" else []
        self._draws = _DRAWS * self._size if mixed or self._source == "random" else 0
        self._popular_turns = self._items if mixed else 0
        self._popular = np.argsort(-inner.task.catalogue.popularity, kind="stable")
        self._columns: NDArray[np.float32] | None = None
        width = min(2 * self._size + 1, self._items) if self._histories else 0
        self._neighbours = np.full((self._items, width), -1, np.int32)  # rows are found when first needed
        self._recent = np.full((inner.num_lanes, RECENT if self._histories else 0), -1, np.int32)
        self._keys, self._steps = np.zeros(inner.num_lanes, np.uint64), np.zeros(inner.num_lanes, np.int64)
        self._offered = np.zeros((inner.num_lanes, self._size), np.int32)
        offer = spaces.Box(0, self._items - 1, (self._size,), np.int32)
        self.observation_space = spaces.Dict({**self._boxes, KEY: offer})
        self.action_space = spaces.MultiDiscrete([self._size] * slots) if slots else spaces.Discrete(self._size)

    def begin(self, lanes: NDArray[np.bool_], seeds: NDArray[np.uint64]) -> None:
        """Draw by the seeds of the sessions that start."""
        self._keys[lanes], self._steps[lanes] = seeds[lanes], 0

    def act(self, actions: Any, running: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The items behind the numbers."""
        numbers = integers(actions, self.inner.action_shape, f"candidate numbers 0..{self._size - 1}")
        check_range(numbers, running, self._size, "candidate number")
        rows = np.where(running[:, None], numbers.reshape(len(running), -1), 0)
        return np.take_along_axis(self._offered, rows, axis=1).astype(np.int64).reshape(self.inner.action_shape)

    def took(
        self, inner_actions: Any, running: NDArray[np.bool_], rewards: NDArray[np.float64], ended: NDArray[np.bool_]
    ) -> None:
        """Count the step, which the next draws depend on."""
        self._steps[running] += 1

    def show(self, observations: Any, mask: Mask) -> tuple[dict[str, NDArray[Any]], Mask]:
        """Make an offer in every lane and add it to the observation; all of it may be chosen."""
        if self._histories:
            met = [met_items(self._boxes, observations, key) for key in self._histories]
            latest(np.concatenate(met, axis=1), self._recent)
            self._find_neighbours()
        allowed = np.ones((1, self._items), np.bool_) if mask is None else mask != 0
        streams = self._recent, self._neighbours, self._keys, self._steps, self._draws
        offer(*streams, self._popular, self._popular_turns, allowed, self._offered)
        return observations | {KEY: self._offered.copy()}, None

    def _find_neighbours(self) -> None:
        """Fill the rows of the recent items that have none yet: the item itself and the nearest others."""
        items = np.unique(self._recent)
        missing = items[(items >= 0) & (self._neighbours[items, 0] < 0)]
        if not len(missing):
            return
        if self._columns is None:
            self._columns = as_columns(item_embeddings(self.inner.task.catalogue, "svd", _DIM))
        found = np.empty((len(missing), self._neighbours.shape[1]), np.int64)
        queries = np.ascontiguousarray(self._columns[0, :, missing])
        nearest(queries, self._columns, False, np.ones((1, self._items), np.bool_), found)
        self._neighbours[missing] = found
