"""Which world folders the user has registered under which ids: `registry.json` in the home folder.

Read whenever `recsim_envs` is imported, so nothing heavier than `json` is imported here.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path

from recsim_envs.errors import WorldError
from recsim_envs.worlds.home import home


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


def register_world(env_id: str, path: str | Path) -> None:
    """Remember that `env_id` stands on the world folder `path`, for every later process. Atomic."""
    file = home() / "registry.json"
    entries = {key: str(value) for key, value in registered_worlds().items()} | {env_id: str(Path(path).resolve())}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as scratch:
            json.dump(entries, scratch, indent=1, sort_keys=True)
        Path(scratch.name).replace(file)
    except OSError as error:
        raise WorldError(
            f"cannot write {file}: {error.strerror}; set LONGREC_HOME to a folder you may write"
        ) from error
