"""Small worlds made in memory, for tests that need one but not its meaning."""

from __future__ import annotations

import numpy as np

from recsim_envs.worlds.storage import Arrays, StringColumn
from recsim_envs.worlds.world import DepartureDefaults, World, WorldInfo


def _common(users: int, items: int, dim: int, generator: np.random.Generator) -> Arrays:
    titles = StringColumn.of([f"Item {i}" for i in range(items)])
    lengths = generator.integers(0, 15, users)
    logged = int(lengths.sum())
    return {
        "vectors": generator.normal(size=(items, dim)).astype(np.float32),
        "title_bytes": titles.data,
        "title_offsets": titles.offsets,
        "category_indptr": np.arange(items + 1, dtype=np.int64),
        "category_ids": (np.arange(items) % 3).astype(np.int32),
        "popularity": generator.integers(0, 100, items).astype(np.int64),
        "mean_reward": generator.uniform(1, 5, items).astype(np.float32),
        "train_users": np.arange(0, users // 2, dtype=np.int32),
        "test_users": np.arange(users // 2, users, dtype=np.int32),
        "log_indptr": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        "log_items": generator.integers(0, items, logged).astype(np.int32),
        "log_rewards": generator.integers(1, 6, logged).astype(np.float32),
    }


def _info(reward_model: str, **departure: float) -> WorldInfo:
    return WorldInfo(
        name="tiny",
        domain="things",
        source="tests",
        licence="MIT",
        reward_model=reward_model,
        reward_range=(1.0, 5.0),
        category_names=("red", "green", "blue"),
        departure=DepartureDefaults(**({"window": 4, "threshold": 1.5, "r_min": 2.0, "horizon": 20} | departure)),
    )


def tiny_world(users: int = 12, items: int = 30, dim: int = 5, seed: int = 0, **departure: float) -> World:
    """A table world with random rewards 1..5."""
    generator = np.random.default_rng(seed)
    arrays = _common(users, items, dim, generator)
    arrays["rewards"] = generator.choice([1, 2, 3, 4, 5], (users, items), p=[0.1, 0.1, 0.2, 0.3, 0.3]).astype(np.int8)
    return World(_info("table", **departure), arrays)


def tiny_factor_world(users: int = 12, items: int = 30, dim: int = 5, seed: int = 0, **departure: float) -> World:
    """A factor world of rank 3 whose rewards spread over 1..5."""
    generator = np.random.default_rng(seed)
    arrays = _common(users, items, dim, generator)
    arrays["user_factors"] = generator.normal(size=(users, 3)).astype(np.float32)
    arrays["item_factors"] = generator.normal(size=(items, 3)).astype(np.float32)
    arrays["user_bias"] = generator.normal(3, 0.5, users).astype(np.float32)
    arrays["item_bias"] = generator.normal(0, 0.5, items).astype(np.float32)
    return World(_info("factors", **departure), arrays)
