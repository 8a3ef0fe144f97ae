"""Which world folders the user has registered under which ids: `registry.json` in the home folder.

Read whenever `recsim_envs` is imported, so nothing heavier than `json` is imported here.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Final

from recsim_envs.errors import ConfigurationError, WorldError
from recsim_envs.files import atomic_file
from recsim_envs.worlds.home import home

ID: Final = re.compile(r"(?:[A-Za-z0-9_.-]+/)?([A-Za-z0-9_.-]+)-v[0-9]{1,4}")
"""An environment id; its group is the name without namespace and version."""


def registered_worlds() -> dict[str, Path]:
    """World folders by environment id. A damaged registry is warned about and read as empty."""
    file = home() / "registry.json"
    try:
        entries = json.loads(file.read_text("utf-8"))
        return {str(env_id): Path(path) for env_id, path in entries.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        warnings.warn(f"{file} cannot be read ({error}); delete it and register your worlds again", stacklevel=2)
        return {}


def check_id(env_id: str) -> None:
    """Raise `ConfigurationError` unless a world may be registered under `env_id`: the id is free or the user's own."""
    import gymnasium

    if not ID.fullmatch(env_id):
        raise ConfigurationError(f"id {env_id!r} must look like longrec/Mine-v0: a name, and a version at its end")
    if env_id in gymnasium.registry and env_id not in registered_worlds():
        raise ConfigurationError(f"id {env_id!r} is that of another environment, so it is not replaced; choose another")


def register_world(env_id: str, path: str | Path) -> None:
    """Remember that `env_id` stands on the world folder `path`, for every later process. Atomic.

    Takes the place of a world that was registered under this id before. Raises `ConfigurationError` for an id that
    is none or that of any other environment, and `WorldError` if the registry cannot be written.
    """
    check_id(env_id)
    file = home() / "registry.json"
    entries = {key: str(value) for key, value in registered_worlds().items()} | {env_id: str(Path(path).resolve())}
    try:
        with atomic_file(file) as scratch:
            scratch.write_text(json.dumps(entries, indent=1, sort_keys=True), "utf-8")
    except OSError as error:
        raise WorldError(
            f"cannot write {file}: {error.strerror}; set LONGREC_HOME to a folder you may write"
        ) from error
