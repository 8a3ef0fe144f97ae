"""What metrics see: replayed episodes, and sums over them that several metrics share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.metrics.kernels import count_distinct, jaccard
from leaderboard.metrics.pairs import Pairs, between, within

if TYPE_CHECKING:
    from recsim_envs.spec import Catalogue

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Replayed episodes of one task under S training seeds, E episodes each.

    users: int64 (E,), who came in episode e, the same under every training seed; left: bool (S, E), whether the
    user left before the horizon; ends: object (S, E) of str, the causes. Episode (s, e) has the steps
    `offsets[s * E + e]:offsets[s * E + e + 1]` of `rewards` (float32), the leaving one included, and `width` entries
    of `items` (int32) for each: the slate. It has no steps where the agent failed at the first one. leaving_earns:
    whether a leaving step earned its reward; candidates: whether items are drawn anew for each step, so that `items`
    are numbers of slots, `num_items` many; catalogue: what is public about the items.
    """

    horizon: int
    num_items: int
    users: NDArray[np.int64]
    left: NDArray[np.bool_]
    ends: NDArray[Any]
    offsets: NDArray[np.int64]
    items: NDArray[np.int32]
    rewards: NDArray[np.float32]
    width: int = 1
    leaving_earns: bool = False
    candidates: bool = False
    catalogue: Catalogue | None = None

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each episode, the leaving one included: (S, E)."""
        return np.diff(self.offsets).reshape(self.left.shape)

    @cached_property
    def kept(self) -> NDArray[np.int64]:
        """Steps of each episode, without the leaving one where that earned nothing: (S, E)."""
        return self.lengths if self.leaving_earns else self.lengths - self.left

    @cached_property
    def returns(self) -> Floats:
        """Sum of rewards of each episode: (S, E)."""
        return self.summed(self.rewards, self.offsets)

    @cached_property
    def item_offsets(self) -> NDArray[np.int64]:
        """Where the items of each episode start: (S * E + 1,)."""
        return self.offsets * self.width

    @cached_property
    def distinct(self) -> NDArray[np.int64]:
        """Different items shown in each episode, the leaving step included: (S, E)."""
        return count_distinct(self.item_offsets, self.items, self.num_items).reshape(self.left.shape)

    @cached_property
    def exposure(self) -> NDArray[np.int64]:
        """How often each item was shown in all episodes: (num_items,)."""
        return np.bincount(self.items, minlength=self.num_items)

    @cached_property
    def user_index(self) -> NDArray[np.int64]:
        """The place of each episode's user among the distinct users in ascending order: (E,)."""
        return np.unique(self.users, return_inverse=True)[1]

    @cached_property
    def shared_between(self) -> float | None:
        """The mean Jaccard index of sessions of different users; None where there was one user."""
        return self._similarity(between(self.users))

    @cached_property
    def shared_within(self) -> float | None:
        """The mean Jaccard index of sessions of the same user; None where none came twice."""
        return self._similarity(within(self.users))

    def _similarity(self, pairs: Pairs) -> float | None:
        """The mean over pairs of sessions, each under every training seed."""
        starts = np.arange(len(self.left))[:, None] * len(self.users)
        first, second = ((starts + side).reshape(-1) for side in pairs)
        found = jaccard(first, second, self.item_offsets, self.items, self.num_items)
        found = found[~np.isnan(found)]
        return float(found.mean()) if len(found) else None

    def summed(self, values: Any, offsets: NDArray[np.int64]) -> Floats:
        """Values of steps or items summed within each episode, 0 where it has none: (S, E)."""
        return summed(values, offsets).reshape(self.left.shape)


def summed(values: Any, offsets: NDArray[np.int64]) -> Floats:
    """Values summed within each segment, 0 where it is empty: (len(offsets) - 1,)."""
    total = np.zeros(len(offsets) - 1)
    some = np.diff(offsets) > 0  # `reduceat` gives an empty segment the value that follows it
    if some.any():
        total[some] = np.add.reduceat(values, offsets[:-1][some], dtype=np.float64)
    return total
