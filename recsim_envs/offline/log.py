"""`OfflineLog`: a log in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TABLES: Final[dict[str, type[np.generic]]] = {
    "history_items": np.int32,
    "history_rewards": np.float32,
    "length": np.int32,
    "session_items": np.int32,
    "session_rewards": np.float32,
}
"""The observations that follow from a log's own tables, where an environment has no others: lists of numbers."""


@dataclass(frozen=True, eq=False)
class OfflineLog:
    """n sessions; session i has the rows `offsets[i]:offsets[i + 1]`.

    A log of somebody's own, which no policy here made, has no seeds (zeros) and may have no propensities (NaN).

    offsets: int64 (n + 1,). actions: int32 (rows,) or, where slates of k are shown, (rows, k). rewards: float32
    (rows,). propensities: float64 (rows,), the probability of the action given what the session has shown before it.
    components: int8 (n,), the number in `component_names` of what each session follows. terminated: bool (n,), whether
    the session ended by leaving; else it was truncated at the horizon. ends: object (n,) of str, the causes.
    seeds: uint64 (n,), the episode seeds. starts: what could be seen before the first step, (n, ...) a key.
    facts: where the log comes from, as it stands in the files' footers.
    """

    offsets: NDArray[np.int64]
    actions: NDArray[np.int32]
    rewards: NDArray[np.float32]
    propensities: NDArray[np.float64]
    components: NDArray[np.int8]
    terminated: NDArray[np.bool_]
    ends: NDArray[Any]
    seeds: NDArray[np.uint64]
    starts: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def replayable(self) -> bool:
        """Whether its sessions can be replayed, because they were made from seeds."""
        return "seed" in self.facts

    @property
    def tells_propensities(self) -> bool:
        """Whether it says how probable each action was."""
        return bool(np.isfinite(self.propensities).all())

    def sha256(self) -> str:
        """The hash of what an agent can learn from it, in hexadecimal; not of how it lies on disk."""
        digest = hashlib.sha256(repr((self.facts["env_id"], sorted(self.starts))).encode())
        columns: list[NDArray[Any]] = [self.offsets, self.actions, self.rewards, self.propensities, self.terminated]
        for array in [*columns, self.seeds, *(self.starts[key] for key in sorted(self.starts))]:
            digest.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def first(self, count: int) -> OfflineLog:
        """The log of its first `count` sessions."""
        rows = int(self.offsets[count])
        return replace(
            self,
            offsets=self.offsets[: count + 1],
            actions=self.actions[:rows],
            rewards=self.rewards[:rows],
            propensities=self.propensities[:rows],
            components=self.components[:count],
            terminated=self.terminated[:count],
            ends=self.ends[:count],
            seeds=self.seeds[:count],
            starts={key: array[:count] for key, array in self.starts.items()},
            facts=dict(self.facts) | {"sessions": count},
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each session, the leaving step included: int64 (n,)."""
        return np.diff(self.offsets)

    @property
    def component_names(self) -> tuple[str, ...]:
        """The policies that sessions can follow."""
        return tuple(self.facts["components"])

    @property
    def slate_size(self) -> int | None:
        """Items of a slate; None where an action is one item."""
        return None if self.actions.ndim == 1 else int(self.actions.shape[1])

    def sessions(self) -> NDArray[np.int64]:
        """The session of each row: int64 (rows,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def steps(self) -> NDArray[np.int64]:
        """The step of each row in its session, from 0: int64 (rows,)."""
        return np.arange(len(self.rewards)) - np.repeat(self.offsets[:-1], self.lengths)

    def last_rows(self) -> NDArray[np.bool_]:
        """Whether a row is the last of its session: bool (rows,)."""
        last = np.zeros(len(self.rewards), np.bool_)
        last[self.offsets[1:] - 1] = True
        return last

    def returns(self, steps: int | None = None) -> NDArray[np.float64]:
        """The sum of the rewards of each session, or of its first `steps`: float64 (n,)."""
        return returns_of(self.offsets, self.rewards, steps)


def returns_of(
    offsets: NDArray[np.int64], rewards: NDArray[np.float32], steps: int | None = None
) -> NDArray[np.float64]:
    """The sum of the rewards of each session, or of its first `steps`: float64 (n,); every session has a row."""
    counted = rewards.astype(np.float64)
    if steps is not None:
        counted[np.arange(len(rewards)) - np.repeat(offsets[:-1], np.diff(offsets)) >= steps] = 0.0
    return np.add.reduceat(counted, offsets[:-1])
