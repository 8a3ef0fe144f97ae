"""Maximal marginal relevance: what the user should like, unlike what they were just shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from baselines.greedy import GreedyAgent
from baselines.recent import Recent
from baselines.selection import allowed_items, category_rows, rescaled
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Batch, Sessions, TaskSpec


class MMRAgent(GreedyAgent):
    """Maximal marginal relevance, slot by slot (Carbonell and Goldstein, SIGIR 1998).

        weight * relevance - (1 - weight) * greatest likeness to what the slate holds and the session was shown last.

    Relevance is the estimate of `GreedyAgent`, moved to 0..1 among the items; likeness the cosine of two items' sets of
    categories, 0..1. Nothing of the slate, or of what was shown last, is shown again while there is something else.

    weight: 0 (only unlike) to 1 (greedy, without early repeats). recent: how many items back it looks.
    user_prior, category_prior: as of greedy.
    """

    def __init__(
        self, *, weight: float = 0.7, recent: int = 5, user_prior: float = 5.0, category_prior: float = 3.0
    ) -> None:
        super().__init__(user_prior=user_prior, category_prior=category_prior)
        if not 0.0 <= weight <= 1.0 or recent < 0:
            raise ConfigurationError(f"weight must be within 0 to 1 and recent at least 0, got {weight} and {recent}")
        self.weight, self.recent = weight, recent

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Prepare the estimate, and forget what was shown. Raises `AgentError` as greedy does."""
        super().reset(task, num_lanes, seed)
        self._recent = Recent(num_lanes, self.recent)
        self._categories = category_rows(task.catalogue)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The items of the highest marginal relevance, in the order of choice."""
        relevance = rescaled(self._scores(observations, sessions))
        allowed, recent = allowed_items(infos), self._recent.items(sessions)
        if allowed is None:
            allowed = np.ones(relevance.shape, np.bool_)
        slates = np.empty((len(relevance), self._slate or 1), np.int64)
        marginal(relevance, *self._categories, recent, allowed, self.weight, slates)
        self._recent.add(sessions, slates)
        return slates[:, 0] if self._slate is None else slates


@njit(cache=True)  # type: ignore[untyped-decorator]
def marginal(relevance: Any, indptr: Any, ids: Any, recent: Any, allowed: Any, weight: float, slates: Any) -> None:
    """Fill `slates` (b, k) by maximal marginal relevance; the lowest id among equals.

    `relevance` (b, n), categories as of `Catalogue`, `recent` (b, r) with -1 for none, `allowed` (b, n).
    """
    likeness = np.empty(relevance.shape[1])
    for b in range(len(relevance)):
        likeness[:], left = 0.0, allowed[b].copy()
        for item in recent[b]:
            if item >= 0:
                left[item] = False
                _liken(item, indptr, ids, likeness)
        for slot in range(slates.shape[1]):
            if not left.any():
                left[:] = allowed[b]
            best, most = -1, -np.inf
            for i in range(len(left)):
                if left[i]:
                    value = weight * relevance[b, i] - (1.0 - weight) * likeness[i]
                    if value > most:
                        best, most = i, value
            slates[b, slot], left[best] = best, False
            _liken(best, indptr, ids, likeness)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _liken(item: int, indptr: Any, ids: Any, likeness: Any) -> None:
    """Raise `likeness` (n,) to that to `item`, where it is greater: |A and B| / sqrt(|A| |B|)."""
    own = ids[indptr[item] : indptr[item + 1]]
    for i in range(len(likeness)):
        shared = 0
        for c in ids[indptr[i] : indptr[i + 1]]:
            for d in own:
                shared += c == d
        if shared:
            likeness[i] = max(likeness[i], shared / np.sqrt(len(own) * (indptr[i + 1] - indptr[i])))
