"""Reading what agents have saved; `recsim_envs.files` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsim_envs.errors import AgentError


def read_bytes(path: Path) -> bytes:
    """The content of a file that an agent has saved. Raises `AgentError` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise AgentError(f"cannot read {path}: {error.strerror}; train the agent again") from error


def read_json(path: Path, *fields: str) -> dict[str, Any]:
    """A JSON object that has `fields`. Raises `AgentError` naming the file and what is missing."""
    try:
        record = json.loads(read_bytes(path))
    except ValueError as error:
        raise AgentError(f"{path} is no JSON ({error}); train the agent again") from error
    missing = [f for f in fields if not isinstance(record, dict) or f not in record]
    if missing:
        raise AgentError(f"{path}: field {missing[0]} is missing; train the agent again")
    return dict(record)


def check_identity(path: Path, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `AgentError` naming the first thing in which the training that `path` is of differs from the one wanted."""
    other = json.loads(json.dumps(dict(wanted)))
    for name, value in known.items():
        if other.get(name) != value:
            raise AgentError(
                f"{path} is of a training with {name} {value}, not {other.get(name)}; give that run again, or choose "
                "another folder"
            )
