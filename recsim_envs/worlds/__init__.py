"""Worlds: users, catalogues and rewards as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recsim_envs.worlds.world import World


def resolve(world: str | Path | World) -> World:
    """A `World` from itself or from its folder."""
    from recsim_envs.worlds.world import World

    return world if isinstance(world, World) else World.load(world)
