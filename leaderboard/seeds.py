"""Every seed of an evaluation, derived from names: nothing is drawn, nothing is chosen by an agent.

Labels differ by purpose, so test episodes, training episodes, an agent's training randomness and its acting
randomness never share a seed. Test episodes depend on suite, environment and number only: all agents, under all
their training seeds, meet the same users in the same order (common random numbers).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng


def episode_seeds(suite: str, env_id: str, episodes: int) -> NDArray[np.uint64]:
    """Environment seeds of test episodes 0..episodes-1: uint64 (episodes,).

    A hash of the names keys the counter-based generator; the episode number is its counter. One SHA-256 an
    episode would cost more than stepping it.
    """
    return rng.bits_array(rng.derive_seed(suite, env_id, "test"), np.arange(episodes), rng.EPISODE)


def session_keys(suite: str, env_id: str, training_seed: int, episodes: int) -> NDArray[np.uint64]:
    """The agent's randomness in test episodes 0..episodes-1: uint64 (episodes,), unrelated to `episode_seeds`."""
    key = rng.derive_seed(suite, env_id, "session", training_seed)
    return rng.bits_array(key, np.arange(episodes), rng.EPISODE)


def agent_seed(suite: str, env_id: str, training_seed: int) -> int:
    """The seed that `Agent.train` and `Agent.reset` get."""
    return rng.derive_seed(suite, env_id, "agent", training_seed)


def training_env_seed(suite: str, env_id: str, training_seed: int, env: int, reset: int) -> int:
    """The seed of the `reset`-th reset of the `env`-th environment that an agent trains on."""
    return rng.derive_seed(suite, env_id, "train", training_seed, env, reset)
