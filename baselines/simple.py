"""Agents without memory and without learning: random, most popular, best rated, categories in turn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines.selection import allowed_items, categories_in_turn, ranking, replace_forbidden, require_items
from recsim_envs import rng
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.policies import distinct
from recsim_envs.spec import Agent, Batch, Catalogue, Sessions, TaskSpec


class RandomAgent(Agent):
    """Every allowed item with the same probability: the 0 of the scale. The items of a slate differ."""

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Remember how many items there are and are shown; the draws come from the session keys alone."""
        self._num_items, self._slate = task.catalogue.num_items, task.slate_size

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """Uniform draws without replacement from the session's key and step."""
        allowed = allowed_items(infos)
        count = self._num_items if allowed is None else allowed.sum(axis=1)
        drawn = distinct(count, self._slate or 1, sessions.keys, sessions.steps, rng.AGENT)
        if allowed is not None:
            # The r-th allowed item is the first with r + 1 allowed items up to and including itself.
            upto = np.cumsum(allowed, axis=1)
            drawn = np.stack([(upto > ranks[:, None]).argmax(axis=1) for ranks in drawn.T], axis=1)
        return drawn[:, 0] if self._slate is None else drawn


class _ListAgent(Agent):
    """Shows the items of one public list, from its top, the same to everybody, one slate after another.

    Where a protocol forbids an item, the allowed one of the highest priority takes its place.
    """

    too_short = ""
    """What to do where the list does not fill a slate."""

    def _priority(self, catalogue: Catalogue) -> NDArray[np.float64]:
        raise NotImplementedError

    def _list(self, catalogue: Catalogue, priority: NDArray[np.float64]) -> NDArray[np.int64]:
        raise NotImplementedError

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Make the list. Raises `AgentError` where there is no catalogue, or the list does not fill a slate."""
        require_items(self, task)
        self._slate = task.slate_size
        self._scores = self._priority(task.catalogue)
        self._items = self._list(task.catalogue, self._scores)
        if len(self._items) < (self._slate or 1):
            raise AgentError(f"{len(self._items)} items do not fill a slate of {self._slate}; {self.too_short}")

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The item at the place of the step, or the next k of a slate; where one is forbidden, the best allowed one."""
        places = sessions.steps
        if self._slate is not None:
            places = places[:, None] * self._slate + np.arange(self._slate)
        wanted = self._items[places % len(self._items)]
        return replace_forbidden(wanted, self._scores, allowed_items(infos))


class _RankingAgent(_ListAgent):
    """Walks down a ranking of all items."""

    too_short = "raise cycle_length"

    def __init__(self, *, cycle_length: int | None = None) -> None:
        if cycle_length is not None and cycle_length < 1:
            raise ConfigurationError(f"cycle_length must be at least 1 or None, got {cycle_length}")
        self.cycle_length = cycle_length

    def _list(self, catalogue: Catalogue, priority: NDArray[np.float64]) -> NDArray[np.int64]:
        return ranking(priority)[: self.cycle_length]


class PopularAgent(_RankingAgent):
    """The most popular items of the training users' log, one a step from the top of the list down.

    `cycle_length` starts again at the top after so many items; 1 shows the most popular item for ever, None
    (default) goes through the whole catalogue, which is how a top-N list is read. Slates of k hold the next k each.
    """

    def _priority(self, catalogue: Catalogue) -> NDArray[np.float64]:
        return catalogue.popularity.astype(np.float64)


class BestRatedAgent(_RankingAgent):
    """A walk down the items by mean logged reward, which the catalogue shrinks towards the mean."""

    def _priority(self, catalogue: Catalogue) -> NDArray[np.float64]:
        return catalogue.mean_reward.astype(np.float64)


class RoundRobinAgent(_ListAgent):
    """The categories in turn, each with its best item first, then its second best, and so on.

    by: "rated" (mean logged reward) or "popular". categories: how many take turns, those of the best items; None is
    all. depth: how many items of each, before the first comes again; None is all. An item counts for its main category
    alone, and a category that has run out of items is passed over.
    """

    too_short = "raise categories or depth"

    def __init__(self, *, by: str = "rated", categories: int | None = None, depth: int | None = None) -> None:
        if by not in ("rated", "popular"):
            raise ConfigurationError(f"by must be 'rated' or 'popular', got {by!r}")
        for name, value in (("categories", categories), ("depth", depth)):
            if value is not None and value < 1:
                raise ConfigurationError(f"{name} must be at least 1 or None, got {value}")
        self.by, self.categories, self.depth = by, categories, depth

    def _priority(self, catalogue: Catalogue) -> NDArray[np.float64]:
        return (catalogue.mean_reward if self.by == "rated" else catalogue.popularity).astype(np.float64)

    def _list(self, catalogue: Catalogue, priority: NDArray[np.float64]) -> NDArray[np.int64]:
        return categories_in_turn(catalogue, priority, self.categories, self.depth)
