"""Endless worlds to learn in: catalogues, users and rules of departure drawn from a seed, none like another.

They are made by the generator of the package's own synthetic worlds, from recipes whose constants are drawn over
ranges that hold those of Games and Books, under category names that are invented anew for each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from bilp_agent.pocket.names import category_names
from recsim_envs import rng
from recsim_envs.worlds.recipes import GAMES, Recipe
from recsim_envs.worlds.synthetic import generate
from recsim_envs.worlds.world import World

ENV_ID: Final = "longrec/Games-v0"
"""Whose family the worlds are played in."""
_WORDS: Final = (
    "Stone River Lantern Harbour Garden Winter Signal Copper"  # of titles, which compact prompts do not tell
)


def world_of(split: str, number: int) -> World:
    """World `number` of a split ("train", "test", ...), in about 50 milliseconds; splits have no world in common."""
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
