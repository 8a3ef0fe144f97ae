"""Calibrated recommendations: lists that keep the mix of categories that the user has liked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from baselines.greedy import GreedyAgent
from baselines.items import category_shares
from baselines.recent import Recent
from baselines.selection import allowed_items, category_rows, rescaled
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Batch, Sessions, TaskSpec

SMOOTHING = 0.01
"""Share of the user's mix in the list's, so that no category is missing in it (alpha of Steck 2018)."""


class CalibratedAgent(GreedyAgent):
    """Calibrated lists, which keep the user's mix of categories (Steck, RecSys 2018).

    Each slot takes the item that makes greatest

        (1 - weight) * relevance - weight * KL(user's mix of categories || list's mix)

    The list is what the session was shown last, and the slate so far; an item spreads evenly over its
    categories. The user's mix is that of what they met, each item weighed by what it earned, and of the log. Relevance
    is the estimate of `GreedyAgent`, moved to 0..1. Nothing of the list is shown again while there is something else.

    weight: 0 (greedy, without early repeats) to 1 (only the mix). length: items of the list. prior: how many average
    items of the log the user's mix starts with. user_prior, category_prior: as of greedy.
    """

    def __init__(
        self,
        *,
        weight: float = 0.5,
        length: int = 20,
        prior: float = 3.0,
        user_prior: float = 5.0,
        category_prior: float = 3.0,
    ) -> None:
        super().__init__(user_prior=user_prior, category_prior=category_prior)
        if not 0.0 <= weight <= 1.0 or length < 1 or prior <= 0:
            raise ConfigurationError(
                f"weight must be within 0 to 1, length at least 1 and prior above 0, got {weight}, {length} and {prior}"
            )
        self.weight, self.length, self.prior = weight, length, prior

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Prepare the estimate and the log's mix. Raises `AgentError` as greedy does."""
        super().reset(task, num_lanes, seed)
        catalogue = task.catalogue
        self._recent = Recent(num_lanes, max(self.length - (task.slate_size or 1), 0))
        self._categories = category_rows(catalogue)
        self._spread = category_shares(catalogue)
        logged = catalogue.popularity @ self._spread
        self._mix = logged / logged.sum() if logged.any() else self._spread.mean(axis=0)
        self._average = float(np.abs(catalogue.mean_reward).mean()) or 1.0

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The items of the best trade-off, in the order of choice."""
        items, earned = self._told.read(observations, sessions)
        relevance = rescaled(self._estimate.predict(items, earned))
        wanted = np.empty((len(items), len(self._mix)))
        user_mix(items, np.maximum(earned, 0.0) / self._average, self._spread, self.prior * self._mix, wanted)
        allowed, recent = allowed_items(infos), self._recent.items(sessions)
        if allowed is None:
            allowed = np.ones(relevance.shape, np.bool_)
        slates = np.empty((len(relevance), self._slate or 1), np.int64)
        calibrate(relevance, *self._categories, wanted, recent, allowed, self.weight, slates)
        self._recent.add(sessions, slates)
        return slates[:, 0] if self._slate is None else slates


@njit(cache=True)  # type: ignore[untyped-decorator]
def user_mix(items: Any, weights: Any, shares: Any, start: Any, out: Any) -> None:
    """Fill `out` (b, c) with users' mixes p(g|u): `start` (c,) and the items' `shares` (n, c), weighed (b, m)."""
    for b in range(len(items)):
        out[b] = start
        for j in range(items.shape[1]):
            if items[b, j] >= 0:
                out[b] += weights[b, j] * shares[items[b, j]]
        out[b] /= out[b].sum()


@njit(cache=True)  # type: ignore[untyped-decorator]
def calibrate(
    relevance: Any, indptr: Any, ids: Any, wanted: Any, recent: Any, allowed: Any, weight: float, slates: Any
) -> None:
    """Fill `slates` (b, k) greedily; the lowest id among equals.

    `relevance` (b, n), categories as of `Catalogue`, `wanted` (b, c), `recent` (b, r) with -1 for none, `allowed`
    (b, n). What an item adds to the divergence is summed over its own categories: the others are the same for all.
    """
    mix, before = np.empty(wanted.shape[1]), np.empty(wanted.shape[1])
    for b in range(len(relevance)):
        left, count = allowed[b].copy(), 1
        mix[:] = 0.0
        for item in recent[b]:
            if item >= 0:
                left[item], count = False, count + 1
                _count(item, indptr, ids, mix)
        for slot in range(slates.shape[1]):
            if not left.any():
                left[:] = allowed[b]
            for g in range(len(mix)):
                before[g] = np.log(_smooth(mix[g] / count, wanted[b, g]))
            best, most = -1, -np.inf
            for i in range(len(left)):
                if left[i]:
                    gain, own = 0.0, ids[indptr[i] : indptr[i + 1]]
                    for g in own:
                        after = _smooth((mix[g] + 1.0 / len(own)) / count, wanted[b, g])
                        gain += wanted[b, g] * (np.log(after) - before[g])
                    value = (1.0 - weight) * relevance[b, i] + weight * gain
                    if value > most:
                        best, most = i, value
            slates[b, slot], left[best], count = best, False, count + 1
            _count(best, indptr, ids, mix)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _smooth(share: float, wanted: float) -> float:
    return (1.0 - SMOOTHING) * share + SMOOTHING * wanted + 1e-300  # wanted is 0 where no item of the log is


@njit(cache=True)  # type: ignore[untyped-decorator]
def _count(item: int, indptr: Any, ids: Any, mix: Any) -> None:
    own = ids[indptr[item] : indptr[item + 1]]
    for g in own:
        mix[g] += 1.0 / len(own)
