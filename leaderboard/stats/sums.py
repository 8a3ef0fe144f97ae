"""What intervals are made of: an agent's sums over each user's episodes, and how users are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs import rng

REPLICATES: Final = 2000
CLUSTERS: Final = 4096  # at most so many are resampled: a replicate counts each of them
AT_ONCE: Final = 64  # agents that are resampled by one product
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sums:
    """A mean-like metric of one agent on one task: sums over each user's episodes, (S seeds, U users) each."""

    numerator: Floats
    denominator: Floats
    stream: str = ""
    """Whose training seeds these are: those of one agent vary together, those of different agents independently."""
    _drawn: dict[int, tuple[Floats, Floats]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, numerator: Any, denominator: Any, users: NDArray[np.int64], stream: str = "") -> Sums:
        """Sum episodes (S, E) over the E episodes' users, in ascending order of user.

        Where every session draws a user of its own, a session is a cluster. More than `CLUSTERS` users are dealt out
        to so many groups, which are clusters as well: users are independent, so sums over groups vary as they do.
        """
        _, index = np.unique(users, return_inverse=True)
        index = index % CLUSTERS
        count = int(index.max()) + 1

        def collect(values: Any) -> Floats:
            return np.stack([np.bincount(index, row, count) for row in np.asarray(values, np.float64)])

        return cls(collect(numerator), collect(denominator), stream)

    @property
    def value(self) -> float:
        """The metric itself: ratio of sums, NaN where nothing counts."""
        return float(ratio(self.numerator.sum(), self.denominator.sum()))

    def replicates(self, number: int) -> Floats:
        """The metric in each bootstrap replicate of the users: (number,)."""
        return ratio(*(part.sum(axis=1) for part in self._resampled(number)))

    def of_other_seeds(self, number: int | None = None) -> Floats:
        """The metric without training seed s, for each of S > 1: (S,), or (number, S) in replicates of the users."""
        if number is None:
            parts = self.numerator.sum(axis=1)[None], self.denominator.sum(axis=1)[None]
        else:
            parts = self._resampled(number)
        found = ratio(*(part.sum(axis=1, keepdims=True) - part for part in parts))
        return found[0] if number is None else found

    def _resampled(self, number: int) -> tuple[Floats, Floats]:
        """Numerator and denominator of each seed in each replicate of the users: (number, S) each."""
        if number in self._drawn:
            return self._drawn[number]
        drawn = counts(self.numerator.shape[1], number, "users")
        return drawn @ self.numerator.T, drawn @ self.denominator.T

    def without_each_user(self) -> Floats:
        """The metric without user u, for each u: (U,), the jackknife that BCa needs."""
        n, d = self.numerator.sum(axis=0), self.denominator.sum(axis=0)
        return ratio(n.sum() - n, d.sum() - d)


def ratio(numerator: Any, denominator: Any) -> Any:
    """Their ratio, elementwise; NaN where it is undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.true_divide(numerator, denominator)
    return np.where(np.isfinite(found), found, np.nan)


def apart(first: Any, second: Any) -> Any:
    """`first` less `second`, elementwise; 0 where only rounding parts them, as when the same rewards come in another
    order.
    """
    difference = np.subtract(first, second)
    return np.where(np.abs(difference) <= 1e-12 * np.maximum(np.abs(first), np.abs(second)), 0.0, difference)


def constant(values: Floats, size: float) -> bool:
    """Whether only rounding parts these values, which are of this size."""
    return bool(np.ptp(values) <= 1e-12 * max(1.0, abs(size)))


@lru_cache(maxsize=16)
def counts(size: int, replicates: int, purpose: str) -> Floats:
    """How often each of `size` units is drawn, with replacement, in each replicate: float64 (replicates, size)."""
    table = np.zeros((replicates, size))
    _draw(rng.derive_seed("bootstrap", purpose, size), table)
    table.setflags(write=False)  # it is shared by the cache
    return table


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _draw(key: Any, table: Any) -> None:
    """Draw as many units as there are, for each replicate."""
    replicates, size = table.shape
    for replicate in range(replicates):
        for n in range(size):
            table[replicate, rng.below(size, key, replicate, rng.EPISODE, n)] += 1


def users_of(task: int) -> str:
    """The purpose of `counts` for the users of one task of a suite: those of different tasks are independent."""
    return f"users of task {task}" if task else "users"


def resample(sums: Sequence[Sums], replicates: int = REPLICATES) -> None:
    """Resample the users of many sums, all over the same users, by one product; each keeps its own until `forget`."""
    drawn = counts(sums[0].numerator.shape[1], replicates, "users")
    stacked = np.concatenate([part for s in sums for part in (s.numerator, s.denominator)])
    found, start = drawn @ stacked.T, 0
    for s in sums:
        seeds = len(s.numerator)
        s._drawn[replicates] = found[:, start : start + seeds], found[:, start + seeds : start + 2 * seeds]
        start += 2 * seeds


def forget(sums: Sequence[Sums]) -> None:
    """Free what `resample` kept."""
    for s in sums:
        s._drawn.clear()
