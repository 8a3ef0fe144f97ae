"""`FlattenSlate`: one vector observed, one number or one row of numbers acted, for libraries that want no more."""

from __future__ import annotations

from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.faces.masks import num_choices
from recsim_envs.families.actions import check_range, integers
from recsim_envs.families.options import flag
from recsim_envs.wrappers.layer import Inner, Layer, Mask
from recsim_envs.wrappers.shells import LayerWrapper, VectorLayerWrapper

MOST_SLATES: Final = 10_000


class FlattenSlate(LayerWrapper):
    """Observe a float32 `Box` instead of a `Dict`; with `enumerate_slates`, act with the number of a slate.

    The parts of the observation follow each other in the order of the space, each in row-major order. Gymnasium's
    `FlattenObservation` does this too, lane by lane and in float64; here it is one copy for all lanes.
    Without `enumerate_slates` actions stay as they are: `MultiDiscrete` is what SB3's PPO and A2C take. With it, a
    slate of k out of n is `Discrete(n ** k)`, as DQN wants: slate (a1, ..., ak) has the number a1 * n^(k-1) + ... + ak.
    Raises `ConfigurationError` where that is more than 10,000 slates.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, enumerate_slates: bool = False) -> None:
        super().__init__(env, FlattenLayer, enumerate_slates=enumerate_slates)


class VectorFlattenSlate(VectorLayerWrapper):
    """`FlattenSlate` for a vector environment."""

    def __init__(self, env: VectorEnv[Any, Any, Any], *, enumerate_slates: bool = False) -> None:
        super().__init__(env, FlattenLayer, enumerate_slates=enumerate_slates)


class FlattenLayer(Layer):
    """The layout of the flat observation, and the table of slates."""

    def __init__(self, inner: Inner, *, enumerate_slates: bool) -> None:
        super().__init__(inner)
        boxes = inner.observed("FlattenSlate")
        self._keys = list(boxes)
        low, high = (
            np.concatenate([np.ravel(getattr(box, end)).astype(np.float32) for box in boxes.values()])
            for end in ("low", "high")
        )
        self.observation_space = spaces.Box(low, high, dtype=np.float32)
        self._slates: NDArray[np.int64] | None = None
        if flag("enumerate_slates", enumerate_slates) and inner.slate_size is not None:
            self._slates = _all_slates(inner.action_space, inner.slate_size)
            self.action_space = spaces.Discrete(len(self._slates))

    def act(self, actions: Any, running: NDArray[np.bool_]) -> Any:
        """Slates (B, k) for their numbers (B,), where they are numbered."""
        if self._slates is None:
            return actions
        numbers = integers(actions, running.shape, f"slate numbers 0..{len(self._slates) - 1}")
        check_range(numbers, running, len(self._slates), "slate number")
        return self._slates[np.where(running, numbers, 0)]

    def show(self, observations: Any, mask: Mask) -> tuple[NDArray[np.float32], Mask]:
        """float32 (B, sum of sizes); a numbered slate is allowed if all its items are."""
        parts = [observations[key].reshape(self.inner.num_lanes, -1) for key in self._keys]
        flat = np.concatenate(parts, axis=1, dtype=np.float32, casting="same_kind")
        if self._slates is not None and mask is not None:
            mask = (mask[:, self._slates] != 0).all(axis=2).astype(np.int8)
        return flat, mask


def _all_slates(space: spaces.Space[Any], size: int) -> NDArray[np.int64]:
    """Every slate, int64 (n ** size, size), by its number."""
    count = num_choices(space)
    if count is None:
        raise ConfigurationError(f"slates in {space} cannot be numbered: their slots differ")
    if count**size > MOST_SLATES:
        raise ConfigurationError(
            f"there are {count}^{size} = {count**size:,} slates, more than {MOST_SLATES:,}; make the choice smaller "
            "with CandidateSet first, act with vectors (EmbeddingAction), or keep enumerate_slates=False"
        )
    return np.stack(np.unravel_index(np.arange(count**size), (count,) * size), axis=1).astype(np.int64)
