"""Worlds: users, catalogues and rewards as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recsim_envs.worlds.world import World


def resolve(world: str | Path | World) -> World:
    """A `World` from itself, from a built-in name ("games", "books", "videos"), a registered id, or its folder.

    Loaded once a process. Raises `WorldError` for an unknown name or a damaged folder.
    """
    from recsim_envs.worlds.catalogue import find_world

    return find_world(world)
