"""From what a user writes (`world="games"`, an id, a folder) to a loaded `World`, cached within the process."""

from __future__ import annotations

import difflib
import warnings
from pathlib import Path

from recsim_envs.errors import WorldError
from recsim_envs.worlds.home import home
from recsim_envs.worlds.recipes import RECIPES, Recipe
from recsim_envs.worlds.registry import registered_worlds
from recsim_envs.worlds.storage import discard
from recsim_envs.worlds.video_recipe import VideoRecipe
from recsim_envs.worlds.world import World

_loaded: dict[tuple[Path, int], World] = {}
_copies: dict[str, Path] = {}


def stand_in(folder: str, copy: Path) -> None:
    """From now on, in this process, the world folder `folder` is read from `copy`: another machine's path, say."""
    _copies[folder] = copy


def find_world(world: str | Path | World) -> World:
    """A `World` from itself, from the name of a recipe, from a registered id, or from its folder.

    A recipe's world is generated when it is first asked for, into `home()/worlds`, and again if its folder is
    damaged. A folder is loaded once a process, until its `world.json` is replaced. Raises `WorldError`.
    """
    if isinstance(world, World):
        return world
    if isinstance(world, str) and world in RECIPES:
        return _from_recipe(RECIPES[world])
    if not isinstance(world, str | Path) or "\0" in str(world):
        raise WorldError(f"world must be a name, a folder or a World, got {world!r}")
    folder = registered_worlds().get(world) if isinstance(world, str) else None
    folder = _copies.get(str(world)) or folder or Path(world)
    if isinstance(world, str) and not folder.exists():
        raise WorldError(f"world {world!r} is neither a name nor a folder{_suggestion(world)}")
    return _load(folder)


def recipe_folder(recipe: Recipe | VideoRecipe) -> Path:
    """Where the world of a recipe is kept."""
    return home() / "worlds" / f"{recipe.name}-{recipe.digest()}"


def _from_recipe(recipe: Recipe | VideoRecipe) -> World:
    folder = recipe_folder(recipe)
    if folder.exists():
        try:
            return _load(folder)
        except WorldError as damage:
            warnings.warn(f"world {recipe.name!r} is damaged and is generated again: {damage}", stacklevel=2)
            discard(folder)
    from recsim_envs.worlds.synthetic import generate

    try:
        generate(recipe).save(folder, overwrite=False)
    except WorldError as error:
        raise WorldError(f"{error}. Set LONGREC_HOME to a folder that can be written") from error
    return _load(folder)


def _load(folder: Path) -> World:
    try:
        stamp = (folder / "world.json").stat().st_mtime_ns
    except OSError:
        stamp = 0
    key = (folder.resolve(), stamp)
    if key not in _loaded:
        _loaded[key] = World.load(folder)
    return _loaded[key]


def _suggestion(name: str) -> str:
    known = [*RECIPES, *registered_worlds()]
    close = difflib.get_close_matches(name, known, 3, cutoff=0.4)
    return f"; did you mean {' or '.join(close)}?" if close else f"; known names are {', '.join(known)}"
