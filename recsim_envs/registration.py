"""From ids to environments: what is registered, and how to register more."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium

from recsim_envs.errors import ConfigurationError
from recsim_envs.ids import BUILTIN, NAMESPACE
from recsim_envs.worlds.registry import ID, registered_worlds

if TYPE_CHECKING:
    from recsim_envs.families.base import Simulator
    from recsim_envs.worlds.world import World

PLUGIN_GROUP = "recsim_envs.plugins"
PLUGIN_MODULES = "LONGREC_PLUGINS"
_ENTRY_POINT = "recsim_envs.faces.env:SimulatorEnv"
_VECTOR_ENTRY_POINT = "recsim_envs.faces.vector:SimulatorVectorEnv"


def register(
    env_id: str, *, world: str | Path | World | None = None, family: str = "departure", **options: Any
) -> None:
    """Register an environment under `env_id`, such as "mine/Shop-v0".

    `world` is a world folder, the name of a built-in world or a `World`; `family` the name of a family, or
    "module:Class" of your own `Simulator`; `options` become the defaults of `gymnasium.make`. An id that is
    registered already is replaced without a warning only if nothing changes; Gymnasium warns otherwise. Raises
    `ConfigurationError` for an id that is none.
    """
    if not ID.fullmatch(env_id):
        raise ConfigurationError(f"id {env_id!r} must look like mine/Shop-v0: letters, digits, . _ -, and a version")
    kwargs: dict[str, Any] = {"family": family, **options}
    if world is not None:
        folder = world if isinstance(world, str | Path) else world.path
        kwargs["world"] = world if folder is None else str(folder)  # a path can be written into an EnvSpec
    known = gymnasium.registry.get(env_id)
    if known is not None and known.kwargs == kwargs:
        return
    gymnasium.register(env_id, entry_point=_ENTRY_POINT, vector_entry_point=_VECTOR_ENTRY_POINT, kwargs=kwargs)


def registered_ids() -> list[str]:
    """All ids that stand on a longrec simulator, sorted."""
    return sorted(i for i, spec in gymnasium.registry.items() if spec.entry_point == _ENTRY_POINT)


def check_registered(env_id: str) -> None:
    """Raise `ConfigurationError` for an id that is not ours, with the nearest that is."""
    spec = gymnasium.registry.get(env_id)
    if spec is None or spec.entry_point != _ENTRY_POINT:
        raise ConfigurationError(f"environment {env_id!r} is not registered{_suggestion(env_id)}")


def make_simulator(env_id: str, num_lanes: int, **options: Any) -> Simulator:
    """The bare simulator of a registered id, for harnesses, log generation and replay.

    Takes the options of `gymnasium.make`. Raises `ConfigurationError` for an id that is not ours, with the
    nearest that is.
    """
    from recsim_envs.families import make_family

    check_registered(env_id)
    return make_family(num_lanes=num_lanes, **(gymnasium.registry[env_id].kwargs | {"env_id": env_id} | options))


def _suggestion(env_id: str) -> str:
    import difflib

    from recsim_envs.markets import MARKETS

    close = difflib.get_close_matches(env_id, [*registered_ids(), *MARKETS], 3, cutoff=0.4)
    return f"; did you mean {' or '.join(close)}?" if close else "; `longrec envs list` shows all that are"


def register_builtin() -> None:
    """Register our own ids, the worlds that the user has built, and those of plug-ins.

    A plug-in is a function without arguments in the entry-point group `recsim_envs.plugins` that calls
    `recsim_envs.register`, or a module that does so when it is imported, named in the environment variable
    LONGREC_PLUGINS (several with commas between them). One that fails is warned about and left out.
    """
    for name, (family, options) in BUILTIN.items():
        register(NAMESPACE + name, family=family, **options)
    for env_id, path in registered_worlds().items():
        _register_own(env_id, path)
    for name, load in _plugins():
        try:
            load()
        except Exception as error:  # whatever somebody's package does, ours must still import
            warnings.warn(f"plug-in {name} was left out: {error!r}", stacklevel=2)


def _plugins() -> Iterator[tuple[str, Callable[[], object]]]:
    for plugin in entry_points(group=PLUGIN_GROUP):
        yield f"{plugin.name!r} ({plugin.value})", lambda plugin=plugin: plugin.load()()  # type: ignore[misc]
    for module in filter(None, map(str.strip, os.environ.get(PLUGIN_MODULES, "").split(","))):
        yield f"{module!r} of {PLUGIN_MODULES}", partial(importlib.import_module, module)


def _register_own(env_id: str, path: Path) -> None:
    """One line of the user's registry; a line that cannot stand is warned about, never an error of the import."""
    known = gymnasium.registry.get(env_id)
    if known is not None and known.kwargs.get("world") != str(path):
        warnings.warn(f"your world {path} is left out: {env_id} is the id of another environment", stacklevel=3)
        return
    try:
        register(env_id, world=path)
    except ConfigurationError as error:
        warnings.warn(f"your world {path} is left out: {error}", stacklevel=3)
