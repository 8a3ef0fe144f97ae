"""A cache of what was computed, by the hash of what it was computed from: a file an entry, written atomically.

An entry is a JSON record with arrays. It begins with the SHA-256 of the rest, so that a damaged one is known, left out
and made anew; nothing in it is executed. Whoever can write to the folder could put false figures there, so it is the
user's own cache folder, and one that others may write to is refused.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.numpy import load, save

from leaderboard.files import atomic_path
from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.home import home

_DIGEST: Final = 32  # bytes of SHA-256
_RECORD: Final = "record"
_KEPT: Final = 90 * 86_400.0  # seconds after which an entry that nobody read is removed
_EXACT: Final = (np.uint8, np.uint16, np.float32)

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]


def default_folder() -> Path:
    """The user's own, on this machine: in `$LONGREC_HOME`, else in the user's cache folder."""
    return home() / "board"


class Store:
    """Entries in one folder. Several processes may read and write it at once.

    Raises `ConfigurationError` where the folder cannot be made, or where others than its user may write to it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
        except OSError as error:
            raise ConfigurationError(f"cannot use {folder}: {error.strerror}; pass another --cache") from error
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            raise ConfigurationError(
                f"{folder} belongs to another user or may be written by others, who could put false figures into it; "
                f"pass another --cache, or: chmod 700 {folder}"
            )
        self._folder = folder

    def path(self, key: str) -> Path:
        """Where the entry of a key lies."""
        return self._folder / key[:2] / f"{key}.entry"

    def read(self, key: str) -> tuple[bytes, Arrays] | None:
        """The record and the arrays of an entry; None where there is none, or a damaged one."""
        path = self.path(key)
        try:
            whole = path.read_bytes()
            if hashlib.sha256(memoryview(whole)[_DIGEST:]).digest() != whole[:_DIGEST]:
                return None
            arrays = load(whole[_DIGEST:])
            os.utime(path)  # it is in use
            return arrays.pop(_RECORD).tobytes(), arrays
        except (OSError, SafetensorError, KeyError):
            return None

    def arrays(self, key: str) -> Arrays:
        """The arrays of an entry that was there. Raises `ConfigurationError` where it is gone or damaged since."""
        found = self.read(key)
        if found is None:
            raise ConfigurationError(f"{self.path(key)} was removed or damaged while it was in use; build again")
        return found[1]

    def write(self, key: str, record: bytes, arrays: Arrays) -> None:
        """Write an entry; its arrays in the smallest type that holds them exactly."""
        narrow = {name: _narrow(array) for name, array in arrays.items()}
        payload = save({**narrow, _RECORD: np.frombuffer(record, np.uint8)})
        with atomic_path(self.path(key)) as scratch:
            scratch.write_bytes(hashlib.sha256(payload).digest() + payload)

    def prune(self) -> None:
        """Remove entries, and what killed writers left, that nobody used for three months."""
        oldest = time.time() - _KEPT
        for path in self._folder.glob("*/*"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:  # another process was faster
                continue


def remembered(store: Store | None, key: str, kind: TypeAdapter[T], make: Callable[[], T]) -> T:
    """What `make` gave when it was last asked under this key; without a store it is asked now."""
    if store is None:
        return make()
    if (entry := store.read(key)) is not None:
        return kind.validate_json(entry[0])
    made = make()
    store.write(key, kind.dump_json(made), {})
    return made


def gathered(
    store: Store | None,
    key: str,
    kind: TypeAdapter[dict[str, T]],
    names: Sequence[str],
    make: Callable[[Sequence[int]], Sequence[T]],
) -> list[T]:
    """One figure for each of `names`, all kept in one entry: `make` is asked for those that are new, by their place."""
    known = {} if store is None else remembered(store, key, kind, dict)
    new = [n for n, name in enumerate(names) if name not in known]
    made = dict(zip(new, make(new), strict=True))
    if store is not None and new:
        store.write(key, kind.dump_json(known | {names[n]: figure for n, figure in made.items()}), {})
    return [made[n] if n in made else known[name] for n, name in enumerate(names)]


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    for kind in _EXACT if array.dtype == np.float64 else ():
        with np.errstate(all="ignore"):
            smaller = array.astype(kind)
        if np.array_equal(smaller, array):
            return smaller
    return np.ascontiguousarray(array)
