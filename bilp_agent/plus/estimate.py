"""What a state is worth and how often users left there, from remembered ones: no language model is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bilp_agent.memory import CriticExample
from recsim_envs.text.encoder import Encoder

WIDTH = 2.0  # squared distance at which a remembered state counts 1 / e
MOST = 10.0  # steps that a state which is only like the one asked for counts at most


@dataclass(frozen=True)
class Estimate:
    """What the neighbours of a state say.

    value: mean of r + gamma V. leaves: share of steps at which the user left. weight: of what both rest on, in steps;
    where it is 0 the others are 0 too.
    """

    value: float
    leaves: float
    weight: float

    def mixed(self, value: float, leaves: float, weight: float) -> Estimate:
        """With a prior that counts as `weight` more steps."""
        total = self.weight + weight
        if total == 0.0:
            return Estimate(value, leaves, 0.0)
        share = weight / total
        return Estimate(
            (1 - share) * self.value + share * value, (1 - share) * self.leaves + share * leaves, self.weight
        )


class ValueTable:
    """The Critic's memory summed up a state: number, values and departures, so that asking costs one row a state.

    A departure is a record worth -bound or less. Vectors hold small integers, so that distances are exact and an answer
    does not depend on what else is asked.
    """

    def __init__(self, encoder: Encoder, bound: float, neighbours: int, records: Iterable[CriticExample] = ()) -> None:
        self._encoder, self._bound, self._neighbours = encoder, bound, neighbours
        self._rows: dict[str, int] = {}
        self._sums = np.zeros((64, 3))
        self._vectors: NDArray[np.float32] = np.zeros((64, encoder.dim), np.float32)
        self._known: dict[str, Estimate] = {}
        self._queries: dict[str, NDArray[np.float32]] = {}
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, record: CriticExample) -> None:
        """Count one record."""
        row = self._rows.get(record.state)
        if row is None:
            row = self._rows[record.state] = len(self._rows)
            if row == len(self._sums):
                self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
                self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._vectors[row] = self._vector(record.state)
        self._sums[row] += (1.0, record.value, record.value <= -self._bound)
        self._known.clear()

    def _vector(self, state: str) -> NDArray[np.float32]:
        found = self._queries.get(state)
        if found is None:
            found = self._queries[state] = self._encoder.encode([state])[0]
        return found

    def estimate(self, state: str) -> Estimate:
        """The k nearest states, weighted by how often they were met and by exp(-squared distance / WIDTH).

        What was met a thousand times says much of itself but no more than `MOST` steps of what is like it.
        """
        found = self._known.get(state)
        if found is None:
            found = self._known[state] = self._ask(state)
        return found

    def _ask(self, state: str) -> Estimate:
        size = len(self._rows)
        if not size or not self._neighbours:
            return Estimate(0.0, 0.0, 0.0)
        distances = np.square(self._vectors[:size] - self._vector(state)).sum(axis=1, dtype=np.float64)
        nearest = np.argsort(distances, kind="stable")[: self._neighbours]
        sums, far = self._sums[nearest], distances[nearest]
        counted = np.where(far > 0, np.minimum(sums[:, 0], MOST), sums[:, 0])
        weights = counted / sums[:, 0] * np.exp(-far / WIDTH)
        steps, total, left = (weights[:, None] * sums).sum(axis=0).tolist()
        return Estimate(total / steps, left / steps, steps)
