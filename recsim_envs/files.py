"""Writing a file whole or not at all: a reader finds the old one or the new one, also after a kill."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
