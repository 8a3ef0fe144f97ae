"""Writing a file whole or not at all: a reader finds the old one or the new one, also after a kill."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A scratch path that becomes `target` when the block succeeds and vanishes when it does not.

    It lies beside `target`, whose folder is made, under a hidden name of its own: ".NAME-...". Raises `OSError` where
    nothing can be written; callers know what to do about it, and say so.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o644)  # mkstemp makes files private; these are meant to be shared
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
