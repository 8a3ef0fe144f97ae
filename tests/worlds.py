"""Small worlds made in memory, for tests that need one but not its meaning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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


def tiny_factor_world(
    users: int = 12, items: int = 30, dim: int = 5, seed: int = 0, calibrated: bool = False, **departure: float
) -> World:
    """A factor world of rank 3 whose rewards spread over 1..5."""
    generator = np.random.default_rng(seed)
    arrays = _common(users, items, dim, generator)
    arrays |= _factors(users, items, 3, generator) | _calibration(calibrated)
    return World(_info("factors", **departure), arrays)


def tiny_deepfm_world(
    users: int = 12, items: int = 30, dim: int = 5, seed: int = 0, calibrated: bool = False,
    layers: tuple[int, int] = (6, 4), rank: int = 3, **departure: float,
) -> World:  # fmt: skip
    """A DeepFM world whose deep part weighs as much as its factors."""
    generator = np.random.default_rng(seed)
    arrays = _common(users, items, dim, generator)
    arrays |= _factors(users, items, rank, generator) | _calibration(calibrated)
    h1, h2 = layers
    arrays |= {
        "user_hidden": _normal(generator, users, h1),
        "item_hidden": _normal(generator, items, h1),
        "deep_weights": _normal(generator, h1, h2),
        "deep_bias": _normal(generator, h2),
        "deep_out": _normal(generator, h2) / np.float32(max(h2, 1) ** 0.5),
    }
    return World(_info("deepfm", **departure), arrays)


def tiny_gru_world(
    users: int = 12, items: int = 30, dim: int = 5, seed: int = 0, calibrated: bool = False, width: int = 4,
    rank: int = 3, **departure: float,
) -> World:  # fmt: skip
    """A sequential world in which every shown item moves what the user would give all others."""
    generator = np.random.default_rng(seed)
    arrays = _common(users, items, dim, generator)
    arrays |= _factors(users, items, rank, generator) | _calibration(calibrated)
    arrays |= {
        "user_states": np.tanh(_normal(generator, users, width)),
        "query_weights": _normal(generator, width, rank),
        "item_gates": _normal(generator, items, 3, width),
        "value_gates": _normal(generator, 3, width),
        "hidden_gates": _normal(generator, width, 3, width),
        "hidden_bias": _normal(generator, 3, width),
    }
    return World(_info("gru", **departure), arrays)


def _normal(generator: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return generator.normal(size=shape).astype(np.float32)


def _factors(users: int, items: int, rank: int, generator: np.random.Generator) -> Arrays:
    return {
        "user_factors": _normal(generator, users, rank),
        "item_factors": _normal(generator, items, rank),
        "user_bias": generator.normal(3, 0.5, users).astype(np.float32),
        "item_bias": generator.normal(0, 0.5, items).astype(np.float32),
    }


def _calibration(wanted: bool) -> Arrays:
    """A map with a step, a slope and a plateau."""
    knots = [[0.5, 1.0, 2.5, 3.0, 3.5, 6.0], [1.0, 2.25, 2.25, 3.5, 4.5, 5.0]]
    return {"calibration": np.array(knots, np.float32)} if wanted else {}


def every_kind() -> dict[str, World]:
    """One small world for each way that rewards are computed."""
    return {
        "table": tiny_world(),
        "factors": tiny_factor_world(),
        "calibrated": tiny_factor_world(calibrated=True),
        "deepfm": tiny_deepfm_world(calibrated=True),
        "gru": tiny_gru_world(),
    }
