"""Endless places to learn in: catalogues, users and what tires them drawn from a seed, none like another.

Single items are rated and users leave: worlds of the departure family, made by the generator of the package's own
synthetic worlds from recipes whose constants are drawn over ranges that hold those of Games and Books. Or slates are
clicked and users get bored: the boredom family, with constants drawn about those of its registered environments.
Category names are invented anew for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import gymnasium as gym
import numpy as np

from bilp_agent.pocket.names import category_names
from recsim_envs import rng
from recsim_envs.spec import TaskSpec
from recsim_envs.worlds.recipes import GAMES, Recipe
from recsim_envs.worlds.synthetic import generate
from recsim_envs.worlds.world import World

DEPARTURE, BOREDOM = "longrec/Games-v0", "longrec/SlateTopKBored-v0"
"""Environments of the two families that places are of."""
PERCENT_SLATES: Final = 20
_WORDS: Final = (
    "Stone River Lantern Harbour Garden Winter Signal Copper"  # of titles, which compact prompts do not tell
)


@dataclass(frozen=True, eq=False)
class Place:
    """An environment by its id and options (but for the split of users), and its task under invented names."""

    env_id: str
    options: Mapping[str, Any]
    task: TaskSpec

    @classmethod
    def of(cls, env_id: str, options: Mapping[str, Any], names: tuple[str, ...] = ()) -> Place:
        """A place; without names, its categories are called as they are."""
        task: TaskSpec = gym.make(env_id, split="train", **options).unwrapped.task  # type: ignore[attr-defined]
        if names:
            task = replace(task, catalogue=replace(task.catalogue, category_names=names))
        return cls(env_id, options, task)


def place_of(split: str, number: int) -> Place:
    """Place `number` of a split ("train", "test", ...); splits have no place in common. One in five shows slates."""
    slates = rng.derive_seed("pocket family", split, number) % 100 < PERCENT_SLATES
    return slates_of(split, number) if slates else Place.of(DEPARTURE, {"world": world_of(split, number)})


def slates_of(split: str, number: int) -> Place:
    """A place of the boredom family: slates of one to ten items, or single ones, that are clicked or passed over."""
    generator = np.random.default_rng(rng.derive_seed("pocket slates", split, number))
    topics, size = int(generator.integers(4, 15)), int(generator.integers(1, 11))
    options = {
        "num_items": int(generator.integers(60, 601)),
        "num_topics": topics,
        "slate_size": size,
        "horizon": int(10 * 5 ** generator.random()),
        "offset": float(generator.uniform(0.4, 0.7)),
        "slope": float(5 * 20 ** generator.random()),
        "position_decay": float(generator.uniform(0.75, 1.0)),
        "boredom": str(generator.choice(["user", "user", "topic"])),
        "boredom_threshold": int(generator.integers(2, 7)),
        "boredom_window": int(generator.integers(3, 9)),
        "boredom_timeout": int(generator.integers(3, 9)),
        "item_seed": int(generator.integers(2**31)),
    }
    return Place.of(BOREDOM, options, tuple(category_names(topics, generator)))


def world_of(split: str, number: int) -> World:
    """World `number` of a split, in about 50 milliseconds."""
    generator = np.random.default_rng(rng.derive_seed("pocket", split, number))
    world = generate(_recipe(generator, f"pocket-{split}-{number}"))
    departure = world.info.departure.model_copy(update=_departure(generator))
    domain = str(generator.choice(["games", "books", "movies", "videos", "things"]))
    return World(world.info.model_copy(update={"departure": departure, "domain": domain}), world.arrays)


def _recipe(generator: np.random.Generator, name: str) -> Recipe:
    def between(low: int, high: int) -> int:
        return int(generator.integers(low, high + 1))

    tastes, broad = between(4, 21), between(0, 3)
    count = tastes + broad
    weights = np.sort(generator.pareto(1.0, count) + 0.05)[::-1]
    shares = np.maximum(1000 * weights / weights.sum(), 5).astype(int).tolist()
    names = category_names(count, generator)
    return replace(
        GAMES,
        name=name,
        seed=between(0, 2**31 - 1),
        users=160,
        train_users=120,
        items=between(150, 2500),
        categories=tuple((n, share, _WORDS) for n, share in zip(names, shares, strict=True)),
        tastes=tastes,
        broad_categories=broad,
        category_counts=tuple(((60, 30, 10), (100,), (40, 40, 20))[between(0, 2)]),
        distance_unit=between(18, 40),
        effects=(between(40, 140), between(40, 120), between(200, 480), between(10, 60)),
        log_lengths=(between(3, 20), between(20, 45)),
        percent_home=between(50, 100),
    )


def _departure(generator: np.random.Generator) -> dict[str, Any]:
    """When users leave: how long they remember, what is too much alike, what is too bad, how long a session lasts."""
    return {
        "window": int(generator.integers(1, 13)),
        "threshold": float(generator.uniform(20.0, 70.0)),
        "r_min": float(generator.choice([1.0, 2.0, 2.0, 3.0])),
        "horizon": int(15 * 7 ** generator.random()),  # 15 to 104, short ones oftener: they cost less to play
        "leave_by": str(generator.choice(["distance", "distance", "category"])),
        "category_limit": int(generator.integers(1, 4)),
    }
