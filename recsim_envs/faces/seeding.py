"""From environment seeds to episode seeds: one rule for every face.

Lane seed s, episode number k -> episode seed bits(s, k). A scalar environment reset with seed s plays the
episodes of lane seed s; lane i of a vector environment reset with an integer plays those of `lane_seeds`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError


def lane_seeds(seed: int | None, num_lanes: int) -> NDArray[np.uint64]:
    """Seeds of the lanes of a vector environment that is reset with one integer; uint64 (num_lanes,).

    Hashed rather than counted up, so that environments seeded 0, 1, 2, ... share no lane. None takes entropy
    from the operating system.
    """
    root = secrets.randbits(63) if seed is None else checked_seed(seed)
    # Kept under 2**63, so that each can be given back to `reset(seed=...)` wherever ints are signed.
    return rng.bits_array(root, 0, rng.EPISODE, 1 + np.arange(num_lanes)) >> np.uint64(1)


def episode_seeds(seeds: NDArray[np.uint64], episodes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Seed of the k-th episode of each lane seed; uint64."""
    out = np.empty(len(seeds), np.uint64)
    _fill(seeds, episodes, out)
    return out


@njit(cache=True)
def _fill(seeds, episodes, out):  # type: ignore[no-untyped-def]
    for i in range(len(seeds)):
        out[i] = rng.bits(seeds[i], episodes[i], rng.EPISODE, 0)


def checked_seed(seed: int) -> int:
    """The seed itself, if it is an integer in 0..2**64-1; raises `ConfigurationError` otherwise."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
        raise ConfigurationError(f"seed must be an integer in 0..2**64-1, got {seed!r}")
    return int(seed)


def checked_seeds(seeds: Sequence[int | None], num_lanes: int) -> NDArray[np.uint64]:
    """One seed a lane, None where the operating system shall choose."""
    if not isinstance(seeds, Sequence | np.ndarray) or isinstance(seeds, str):
        raise ConfigurationError(f"seed must be an integer or one integer a lane, got {seeds!r}")
    if len(seeds) != num_lanes:
        raise ConfigurationError(f"{len(seeds)} seeds were given for {num_lanes} environments; give one each")
    return np.array([secrets.randbits(63) if s is None else checked_seed(s) for s in seeds], np.uint64)
