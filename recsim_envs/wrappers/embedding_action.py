"""`EmbeddingAction`: act with a vector, show the items nearest to it."""

from __future__ import annotations

from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.families.options import choice, integer
from recsim_envs.wrappers.embeddings import item_embeddings
from recsim_envs.wrappers.kernels import as_columns, nearest
from recsim_envs.wrappers.layer import Inner, Layer, Mask
from recsim_envs.wrappers.observed import feature_keys, feature_width, features, is_feature
from recsim_envs.wrappers.shells import LayerWrapper, VectorLayerWrapper

OBSERVED: Final = "observation"


class EmbeddingAction(LayerWrapper):
    """Continuous actions for any environment whose actions are items (Dulac-Arnold et al., arXiv:1512.07679).

    An action is a vector, `Box(-m, m, (dim,))` float32, m the largest entry of the embeddings or 1; the item shown is
    the allowed one with the largest inner product, or with `metric="l2"` the smallest distance, and a slate the
    k best of them. The smaller id wins a tie. Items that `info["action_mask"]` forbids are passed over.

    embedding: "svd" or "hashing" of categories and titles in `dim` columns, the path of a `.npy` file with one
    row an item (its width counts, not `dim`), or "observation" where candidates are drawn anew for each step and the
    observation describes them: then their vectors are its parts named "candidate..." side by side, numbers as they
    are and integers as zeros and a one. "observation:KEY" takes one part alone.

    Raises `InvalidActionError` for a vector of another shape or with an entry that is not finite. A vector outside the
    box is as good as one inside.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, embedding: str = "svd", dim: int = 16, metric: str = "inner"
    ) -> None:
        super().__init__(env, EmbeddingLayer, embedding=embedding, dim=dim, metric=metric)


class VectorEmbeddingAction(VectorLayerWrapper):
    """`EmbeddingAction` for a vector environment; the same vector finds the same item in every lane."""

    def __init__(
        self, env: VectorEnv[Any, Any, Any], *, embedding: str = "svd", dim: int = 16, metric: str = "inner"
    ) -> None:
        super().__init__(env, EmbeddingLayer, embedding=embedding, dim=dim, metric=metric)


class EmbeddingLayer(Layer):
    """The items' vectors, and which of them may be shown now."""

    def __init__(self, inner: Inner, *, embedding: str, dim: int, metric: str) -> None:
        super().__init__(inner)
        self._items = inner.num_items("EmbeddingAction")
        self._by_distance = choice("metric", metric, ("inner", "l2")) == "l2"
        if not isinstance(embedding, str):
            raise ConfigurationError(
                f"embedding must be 'svd', 'hashing', a path or 'observation:KEY', got {embedding!r}"
            )
        self._features: dict[str, spaces.Box] = {}
        if embedding.partition(":")[0] == OBSERVED:
            self._features = self._observed(embedding.partition(":")[2])
            size, reach = sum(map(feature_width, self._features.values())), 1.0
        else:
            inner.lasting_items(f"EmbeddingAction(embedding={embedding!r})")
            vectors = item_embeddings(inner.task.catalogue, embedding, integer("dim", dim, 1, 4096))
            self._columns = as_columns(vectors)
            size, reach = vectors.shape[1], float(np.abs(vectors).max()) or 1.0
        self._allowed = np.ones((1, self._items), np.bool_)
        self.action_space = spaces.Box(-reach, reach, (size,), np.float32)

    def _observed(self, key: str) -> dict[str, spaces.Box]:
        """The parts of the observation that describe candidates: the one that is asked for, or all."""
        boxes = self.inner.observed("EmbeddingAction")
        known = feature_keys(boxes, self._items)
        if key and key in boxes and is_feature(boxes[key], self._items):
            known = [key]
        elif key or not known:
            raise ConfigurationError(
                f"embedding 'observation{':' if key else ''}{key}' needs a part of the observation with a row for each "
                f"of {self._items} candidates; parts of that name and shape: {', '.join(known) or 'none'}"
            )
        return {name: boxes[name] for name in known}

    def act(self, actions: Any, running: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The nearest allowed items (B,), or (B, k) where slates are shown."""
        vectors = self._checked(actions, running)
        slots = self.inner.slate_size or 1
        found = np.empty((len(running), slots), np.int64)
        nearest(vectors, self._columns, self._by_distance, self._allowed, found)
        short = running & (found[:, -1] < 0)
        if short.any():
            raise InvalidActionError(f"lane {int(short.argmax())}: fewer than {slots} items may be shown")
        found = np.maximum(found, 0)
        return found if self.inner.slate_size else found[:, 0]

    def _checked(self, actions: Any, running: NDArray[np.bool_]) -> NDArray[np.float32]:
        shape = (len(running), *self.action_space.shape)  # type: ignore[misc]
        try:
            array = np.asarray(actions, np.float64)
        except (TypeError, ValueError):  # ragged, or no numbers
            array = np.empty(0)
        if array.shape != shape:
            raise InvalidActionError(f"an action must be {shape[1]} numbers, got {str(actions)[:60]}")
        vectors = np.clip(array, -3e38, 3e38).astype(np.float32)
        wrong = running & ~np.isfinite(array).all(axis=1)
        if wrong.any():
            raise InvalidActionError(f"lane {int(wrong.argmax())}: the action has an entry that is not finite")
        return np.nan_to_num(vectors)

    def show(self, observations: Any, mask: Mask) -> tuple[Any, Mask]:
        """Keep the mask and the candidates' vectors; vectors as actions have no mask."""
        if mask is not None:
            self._allowed = mask != 0
        if self._features:
            parts = [features(box, observations[key]) for key, box in self._features.items()]
            self._columns = as_columns(np.concatenate(parts, axis=2))
        return observations, None
