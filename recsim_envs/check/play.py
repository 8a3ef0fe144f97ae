"""Playing an environment for the checks: what followed, as hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from recsim_envs.policies import random_actions


def digests(
    kwargs: Mapping[str, Any], seeds: NDArray[np.uint64], steps: int, keys: NDArray[np.uint64] | None = None
) -> list[str]:
    """A hash a lane over everything that a session of its seed shows in `steps` random steps.

    Actions are drawn from `keys`, by default the seeds: the same keys give the same actions.
    """
    from recsim_envs.families import make_family

    keys = seeds if keys is None else keys
    simulator = make_family(num_lanes=len(seeds), **kwargs)
    simulator.begin(np.arange(len(seeds)), seeds)
    hashes = [hashlib.sha256() for _ in seeds]
    for step in range(steps):
        outcome = simulator.step(random_actions(simulator, keys, step))
        arrays = [*simulator.observe().values(), *simulator.infos().values(), *outcome]
        for lane, digest in enumerate(hashes):
            for array in arrays:
                digest.update(np.ascontiguousarray(array[lane]).tobytes())
    return [digest.hexdigest() for digest in hashes]


def family_options(env_id: str) -> dict[str, Any]:
    """The arguments of `make_family` behind a registered id."""
    return gymnasium.registry[env_id].kwargs | {"env_id": env_id}
