"""Small JSON files about data sets: which licence was accepted, and what a file's checksum was at first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from recsim_envs.errors import LogError
from recsim_envs.files import atomic_file


def read_record(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a record by name; none where there is no such file. Raises `LogError` for a damaged one."""
    try:
        entries = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LogError(f"{path} cannot be read ({error}); delete it and run the command again") from error
    if not (isinstance(entries, dict) and all(isinstance(entry, dict) for entry in entries.values())):
        raise LogError(f"{path} holds no entries by name; delete it and run the command again")
    return entries


def add_to_record(path: Path, name: str, entry: Mapping[str, Any]) -> None:
    """Write an entry, with today's date in UTC, over what stood there under this name. Atomic."""
    entries = read_record(path)
    entries[name] = {**entry, "date": datetime.now(timezone.utc).date().isoformat()}
    try:
        with atomic_file(path) as scratch:
            scratch.write_text(json.dumps(entries, indent=1, sort_keys=True), "utf-8")
    except OSError as error:
        raise LogError(
            f"cannot write {path}: {error.strerror}; free some space, or set LONGREC_HOME to a folder you may write"
        ) from error
