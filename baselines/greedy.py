"""Greedy on an online estimate of the user's taste, with and without repeats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from baselines.selection import allowed_items, best_slates
from baselines.told import Told
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Agent, Batch, Catalogue, Sessions, TaskSpec


class TasteEstimate:
    """Predicted rewards of all items for a batch of users: item mean + user offset + category affinity.

    With residuals e_j = reward_j - item mean_j of the n items in a user's visible history and session,
        offset      b   = sum_j e_j / (n + user_prior)
        affinity    a_c = sum over j in category c of (e_j - b) / (n_c + category_prior)
        prediction  r_i = item mean_i + b + mean of a_c over the categories c of i.
    These are the usual shrunk baselines (Koren, "Factor in the neighbors", TKDD 2010, section 2.1), extended
    from items to categories. Each row is summed in an order of its own: the batch does not matter.
    """

    def __init__(self, catalogue: Catalogue, user_prior: float, category_prior: float) -> None:
        self._user_prior, self._category_prior = user_prior, category_prior
        self._item_means = catalogue.mean_reward.astype(np.float64)
        self._num_categories = len(catalogue.category_names)
        counts = np.diff(catalogue.category_indptr)
        # Categories of an item in one row, padded with a category of its own that never gets an affinity.
        self._categories = np.full((catalogue.num_items, int(counts.max())), self._num_categories, np.int64)
        self._categories[np.arange(counts.max()) < counts[:, None]] = catalogue.category_ids
        self._weights = 1.0 / counts

    def predict(self, items: NDArray[Any], rewards: NDArray[Any]) -> NDArray[np.float64]:
        """Rewards float64 (b, n_items) from what was seen: `items` (b, m) with -1 for nothing, `rewards` (b, m)."""
        seen = items >= 0
        residuals = np.where(seen, rewards - self._item_means[items], 0.0)
        offsets = residuals.sum(axis=1) / (seen.sum(axis=1) + self._user_prior)
        affinities = self._affinities(items, seen, residuals - offsets[:, None])
        out = np.empty((len(items), len(self._item_means)))
        _predictions(self._item_means, offsets, affinities, self._categories, self._weights, out)
        return out

    def _affinities(
        self, items: NDArray[Any], seen: NDArray[np.bool_], residuals: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Affinities float64 (b, n_categories + 1); the last column is the padding's and 0."""
        width = self._num_categories + 1
        cells = (np.arange(len(items)) * width)[:, None, None] + self._categories[items]
        weights = np.broadcast_to(np.where(seen, 1.0, 0.0)[:, :, None], cells.shape)
        size = len(items) * width
        sums = np.bincount(cells.ravel(), (weights * residuals[:, :, None]).ravel(), size)
        counts = np.bincount(cells.ravel(), weights.ravel(), size)
        affinities = (sums / (counts + self._category_prior)).reshape(len(items), width)
        affinities[:, -1] = 0.0
        return affinities


@njit(cache=True)  # type: ignore[untyped-decorator]
def _predictions(means: Any, offsets: Any, affinities: Any, categories: Any, weights: Any, out: Any) -> None:
    """Fill `out` (b, n): `means` (n,) + `offsets` (b,) + `weights` (n,) * sum of `affinities` (b, c) of `categories`.

    `categories` (n, most that an item has) is padded with one whose affinity is 0.
    """
    for b in range(len(out)):
        for i in range(out.shape[1]):
            total = 0.0
            for category in categories[i]:
                total += affinities[b, category]
            out[b, i] = means[i] + offsets[b] + total * weights[i]


class GreedyAgent(Agent):
    """Always the item, or the slate, of the highest estimated reward (`TasteEstimate`), whatever was shown before.

    user_prior, category_prior: how many observations of 0 the user's offset and category affinities are
        shrunk with; above 0.
    """

    def __init__(self, *, user_prior: float = 5.0, category_prior: float = 3.0) -> None:
        if user_prior <= 0 or category_prior <= 0:
            raise ConfigurationError(f"priors must be above 0, got {user_prior} and {category_prior}")
        self.user_prior, self.category_prior = user_prior, category_prior

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Prepare the estimate of the task's catalogue. Raises `AgentError` for a task that tells no item's reward."""
        self._told, self._slate = Told(self, task, num_lanes), task.slate_size
        self._estimate = TasteEstimate(task.catalogue, self.user_prior, self.category_prior)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The allowed items of the highest estimates, best first."""
        return best_slates(self._scores(observations, sessions), self._slate, allowed_items(infos))

    def _scores(self, observations: Batch, sessions: Sessions) -> NDArray[np.float64]:
        return self._estimate.predict(*self._told.read(observations, sessions))


class GreedyNoRepeatAgent(GreedyAgent):
    """The item of the highest estimated reward that this session has not shown.

    What was shown takes bool (num_lanes, n_items) of memory.
    """

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Prepare the estimate and forget what was shown."""
        super().reset(task, num_lanes, seed)
        self._shown = np.zeros((num_lanes, task.catalogue.num_items), np.bool_)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The items of the highest estimates among those not yet shown; among all once too few are left."""
        self._shown[sessions.lanes[sessions.steps == 0]] = False
        fresh = ~self._shown[sessions.lanes]
        protocol = allowed_items(infos)
        if protocol is not None:
            fresh &= protocol
        exhausted = fresh.sum(axis=1) < (self._slate or 1)
        fresh[exhausted] = True if protocol is None else protocol[exhausted]
        actions = best_slates(self._scores(observations, sessions), self._slate, fresh)
        self._shown[sessions.lanes[:, None], actions.reshape(len(actions), -1)] = True
        return actions
