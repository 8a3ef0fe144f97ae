"""One process at a time in a folder. What held it and was killed holds it no longer: the system sees to that.

A child that the killed one forked, and that lives on, holds it until it ends, too; one that runs another program does
not.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from recsim_envs.errors import LongrecError

try:
    import fcntl
except ImportError:  # Windows, where a file that is being written cannot be replaced anyway
    fcntl = None  # type: ignore[assignment]

LOCK: Final = ".lock"
"""The file in a held folder that names its process."""


@contextmanager
def locked(folder: Path, error: type[LongrecError]) -> Iterator[None]:
    """Hold a folder, which is made if it is not there, as long as the block runs.

    Raises `error` naming the process that holds it already, and `OSError` where nothing can be written. On Windows, and
    on file systems that know no locks, every process gets in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    file = folder / LOCK
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _take(handle):
            holder = os.read(handle, 256).decode(errors="replace") or "another process"
            raise error(f"{folder} is in use by {holder}; wait until it has ended, or choose another folder")
        os.truncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {platform.node()}".encode())
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    """Lock an open file, unless another process has, or had and has just removed the file."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no locks here
    return os.fstat(handle).st_nlink > 0
