"""SHA-256 of files that were read before and not touched since, by their status, as git's index knows them.

What is taken on trust: that whoever changes a file cannot keep its size, its inode, the time of its content and that of
its status as they were. The last of these no program sets, unless it sets the clock or writes to the bare disk.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from leaderboard.files import atomic_path, file_sha256

_SETTLED: Final = 2_000_000_000
"""Nanoseconds that a file must have lain still when it is read: no file system's clock is coarser."""
_KNOWN: Final = TypeAdapter(dict[str, tuple[str, str]])


class Hashes:
    """Hashes of files by path, kept in one JSON file. With `forget`, every file is read anew."""

    def __init__(self, file: Path, *, forget: bool = False) -> None:
        self._file = file
        self._new: dict[str, tuple[str, str]] = {}
        try:
            self._known = {} if forget else _KNOWN.validate_json(file.read_bytes())
        except (OSError, ValueError):  # none yet, or a damaged one: every file is read
            self._known = {}

    def sha256(self, path: Path, status: os.stat_result) -> str:
        """SHA-256 of a file whose status was taken just now."""
        name = str(path.absolute())
        stamp = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        known = self._known.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        settled = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED
        digest = file_sha256(path)
        if settled:  # else it could change once more without a new time
            self._new[name] = stamp, digest
        return digest

    def save(self) -> None:
        """Write what is new, and forget files that are gone."""
        if self._new:
            kept = {name: known for name, known in self._known.items() if Path(name).exists()}
            with atomic_path(self._file) as scratch:
                scratch.write_bytes(_KNOWN.dump_json(kept | self._new))
