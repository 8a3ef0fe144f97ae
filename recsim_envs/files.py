"""Writing a file whole or not at all: a reader finds the old one or the new one, also after a kill.

`write_file` and `write_json` are for what agents have learned, and say so where they cannot.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recsim_envs.errors import AgentError


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A scratch path that becomes `target` when the block succeeds and vanishes when it does not.

    It lies beside `target`, whose folder is made, under a hidden name of its own: ".NAME-...". Who may read it is what
    the user's umask says. Raises `OSError` where nothing can be written; callers know what to do about it, and say so.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.parent / f".{target.name}-{secrets.token_hex(4)}"
    scratch.touch(exist_ok=False)  # not of `tempfile`, whose files nobody else may read
    try:
        yield scratch
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def write_file(path: Path, data: bytes | str) -> None:
    """Write a file, text as UTF-8. Raises `AgentError` where nothing can be written."""
    try:
        with atomic_file(path) as scratch:
            scratch.write_bytes(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise AgentError(f"cannot write {path}: {error.strerror}; choose another folder") from error


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write a JSON file that ends in a newline. Raises as `write_file` does."""
    write_file(path, json.dumps(value, indent=indent) + "\n")
