"""Agents without memory and without learning: random, most popular, best rated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines.selection import allowed_items, ranking, replace_forbidden
from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Agent, Batch, Catalogue, Sessions, TaskSpec


class RandomAgent(Agent):
    """Every allowed item with the same probability: the 0 of the scale."""

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Remember the size of the catalogue; the draws come from the session keys alone."""
        self._num_items = task.catalogue.num_items

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """A uniform draw from the session's key and step."""
        allowed = allowed_items(infos)
        if allowed is None:
            return rng.below_array(self._num_items, sessions.keys, sessions.steps, rng.AGENT)
        ranks = rng.below_array(allowed.sum(axis=1), sessions.keys, sessions.steps, rng.AGENT)
        # The r-th allowed item is the first with r + 1 allowed items up to and including itself.
        return (np.cumsum(allowed, axis=1) > ranks[:, None]).argmax(axis=1).astype(np.int64)


class _RankingAgent(Agent):
    """Shows the items of one public ranking, best first, the same to everybody."""

    def __init__(self, *, cycle_length: int | None = None) -> None:
        if cycle_length is not None and cycle_length < 1:
            raise ConfigurationError(f"cycle_length must be at least 1 or None, got {cycle_length}")
        self.cycle_length = cycle_length

    def _scores(self, catalogue: Catalogue) -> NDArray[np.float64]:
        raise NotImplementedError

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Rank the catalogue."""
        self._priority = self._scores(task.catalogue)
        self._ranking = ranking(self._priority)[: self.cycle_length]

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The item at the rank of the step; where it is forbidden, the best allowed one."""
        wanted = self._ranking[sessions.steps % len(self._ranking)]
        return replace_forbidden(wanted, self._priority, allowed_items(infos))


class PopularAgent(_RankingAgent):
    """The most popular items of the training users' log, one a step from the top of the list down.

    `cycle_length` starts again at the top after so many items; 1 shows the most popular item for ever, None
    (default) goes through the whole catalogue, which is how a top-N list is read.
    """

    def _scores(self, catalogue: Catalogue) -> NDArray[np.float64]:
        return catalogue.popularity.astype(np.float64)


class BestRatedAgent(_RankingAgent):
    """The same walk down the ranking by mean logged reward (which the catalogue shrinks towards the mean)."""

    def _scores(self, catalogue: Catalogue) -> NDArray[np.float64]:
        return catalogue.mean_reward.astype(np.float64)
