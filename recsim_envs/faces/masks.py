"""Action masks as sb3-contrib's MaskablePPO takes them: one row of booleans, slot after slot."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError


def num_choices(space: spaces.Space[Any]) -> int | None:
    """N of `Discrete(n)` and of `MultiDiscrete([n] * k)`; None for other spaces."""
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete) and len({*space.nvec.tolist()}) == 1 and not space.start.any():
        return int(space.nvec[0])
    return None


def flat_masks(mask: NDArray[np.int8] | None, space: spaces.Space[Any], lanes: int) -> NDArray[np.bool_]:
    """Allowed actions, bool (lanes, n) or (lanes, k * n) with the slots of a slate one after another.

    `mask` is `info["action_mask"]` of all lanes, int8 (lanes, n), or None where everything is allowed; `space` is that
    of one action. Raises `ConfigurationError` for a space whose actions are no items.
    """
    count = num_choices(space)
    if count is None:
        raise ConfigurationError(f"actions in {space} cannot be masked")
    slots = len(space.nvec) if isinstance(space, spaces.MultiDiscrete) else 1
    return np.ones((lanes, slots * count), np.bool_) if mask is None else np.tile(mask != 0, (1, slots))
