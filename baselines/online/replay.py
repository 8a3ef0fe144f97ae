"""A ring of transitions in numpy: written a batch at a time, read by counter-based draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng


class ReplayRing:
    """Keeps the last `capacity` rows of arrays. What they are, the first batch says.

    There is no generator state: which rows the n-th sample holds is a function of the seed, n and what is kept, so a
    copy of the arrays and of `added` goes on exactly where the original was.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity, self.added = capacity, 0
        self.arrays: dict[str, NDArray[Any]] = {}
        self._seed = seed

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, batch: Mapping[str, NDArray[Any]]) -> None:
        """Append rows, in place of the oldest ones where there is no room. All arrays have the same first axis."""
        rows = len(next(iter(batch.values())))
        if not self.arrays:
            self.arrays = {key: np.zeros((self.capacity, *a.shape[1:]), a.dtype) for key, a in batch.items()}
        kept = np.arange(max(0, rows - self.capacity), rows)
        places = (self.added + kept) % self.capacity
        for key, array in batch.items():
            self.arrays[key][places] = array[kept]
        self.added += rows

    def refill(self, arrays: Mapping[str, NDArray[Any]], added: int) -> None:
        """Hold again what `arrays` held when so many rows had been added: their first `len(self)` rows."""
        self.arrays = {key: np.zeros((self.capacity, *a.shape[1:]), a.dtype) for key, a in arrays.items()}
        self.added = added
        for key, array in arrays.items():
            self.arrays[key][: len(self)] = array

    def sample(self, number: int, rows: int) -> dict[str, NDArray[Any]]:
        """The `number`-th sample: so many rows, uniformly and with replacement."""
        chosen = rng.below_array(len(self), self._seed, number, rng.POLICY, np.arange(rows))
        return {key: array[chosen] for key, array in self.arrays.items()}
