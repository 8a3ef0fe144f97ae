"""`Recorder`: what was done in training environments, in files, so that it can be done again after a kill.

Training environments are deterministic: the same resets and actions lead to the same states. So the state of many
sessions is kept as the actions that led there, a few bytes a step, and is reached again at the speed of simulation.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import AgentError
from recsim_envs.files import atomic_file

MAKE, RESET, STEP, CLOSE = range(4)


class Operation(NamedTuple):
    """One call: its kind, the number of the environment, and lanes made, lanes reset, or actions, int32 (m,)."""

    kind: int
    env: int
    values: NDArray[np.int32]


class Recorder:
    """Chunks of operations in a folder: `000000.npz` and on. A chunk is written whole, at a mark, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._chunks = 0
        self._held: list[Operation] = []

    def add(self, kind: int, env: int, values: Any) -> None:
        """Keep an operation until the next mark."""
        self._held.append(Operation(kind, env, np.array(values, np.int32).ravel()))

    def mark(self) -> int:
        """Write what was done since the last mark. Gives the number of chunks, which `operations` takes.

        Raises `AgentError` where nothing can be written.
        """
        if self._held:
            heads = np.array([(held.kind, held.env, len(held.values)) for held in self._held], np.int32)
            path = self._path(self._chunks)
            values = np.concatenate([held.values for held in self._held])
            try:
                with atomic_file(path) as scratch, scratch.open("wb") as file:
                    np.savez_compressed(file, heads=heads, values=values)
            except OSError as error:
                raise AgentError(f"cannot write {path}: {error.strerror}; choose another folder") from error
            self._chunks, self._held = self._chunks + 1, []
        return self._chunks

    def operations(self, mark: int) -> Iterator[Operation]:
        """What was done up to a mark, in order; recording goes on from there. Later chunks are overwritten in time.

        Raises `AgentError` if a chunk is missing or damaged.
        """
        for number in range(mark):
            path = self._path(number)
            try:
                with np.load(path) as file:
                    heads, values = file["heads"], file["values"]
                parts = np.split(values, np.cumsum(heads[:-1, 2]))
            except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
                raise AgentError(f"{path} is missing or damaged; delete the folder to train anew") from error
            for (kind, env, _), part in zip(heads.tolist(), parts, strict=True):
                yield Operation(kind, env, part)
        self._chunks, self._held = mark, []

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.npz"
