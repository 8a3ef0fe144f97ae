"""Exact grounding, never a repeat, nothing learned: the control that a language-model planner has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines.selection import RATINGS, allowed_items, require_single_items
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec


class ExactNoRepeatAgent(Agent):
    """The best rated item of the user's liked categories that this session has not shown. It asks no language model.

    A category is liked if the user's mean reward for its items, over what the observation shows of log and session,
    is at least the user's mean reward over all of them; an item belongs to each of its categories. Ratings are the
    catalogue's public means; the more popular item is better among equals, then the one of the smaller id. Where no
    liked category has an item left, and where nothing is known of the user, it takes the best rated item not shown;
    once everything was shown, the best rated one that may be.

    What it does is what two faults of the published BiLLP runs cost it: items are named by id, so that no two titles
    can collide, and none comes twice. bool (num_lanes, n_items) of memory.
    """

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Rank the catalogue and forget what was shown. Raises `AgentError` for a task that does not show ratings."""
        require_single_items(self, task, RATINGS)
        catalogue = task.catalogue
        order = np.lexsort((-catalogue.popularity, -catalogue.mean_reward.astype(np.float64)))
        self._place = np.empty(catalogue.num_items, np.int64)  # of each item in the ranking, 0 is the best
        self._place[order] = np.arange(catalogue.num_items)
        self._members = catalogue.category_matrix()
        self._shown = np.zeros((num_lanes, catalogue.num_items), np.bool_)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """One item a row: int64 (b,)."""
        self._shown[sessions.lanes[sessions.steps == 0]] = False
        protocol = allowed_items(infos)
        fresh = ~self._shown[sessions.lanes]
        if protocol is not None:
            fresh &= protocol
        # From the narrowest choice to the widest; the first that leaves anything counts.
        anything = np.ones_like(fresh) if protocol is None else protocol
        choices: list[NDArray[np.bool_]] = [fresh & self._in_liked_categories(observations), fresh, anything]
        open_to = np.select([c.any(axis=1, keepdims=True) for c in choices], choices)
        actions = np.where(open_to, self._place, len(self._place)).argmin(axis=1).astype(np.int64)
        self._shown[sessions.lanes, actions] = True
        return actions

    def _in_liked_categories(self, observations: Batch) -> NDArray[np.bool_]:
        """Whether an item has a category that the user likes: bool (b, n_items)."""
        items = np.concatenate([observations["history_items"], observations["session_items"]], axis=1)
        rewards = np.concatenate([observations["history_rewards"], observations["session_rewards"]], axis=1)
        liked = np.stack([self._liked(i, r) for i, r in zip(items, rewards, strict=True)])
        # Sums of zeros and ones are exact in float32, in whatever order they are added.
        return (liked.astype(np.float32) @ self._members.T) > 0

    def _liked(self, items: NDArray[np.int32], rewards: NDArray[np.float32]) -> NDArray[np.bool_]:
        """The liked categories of one user: bool (n_categories,)."""
        seen = items >= 0
        if not seen.any():
            return np.zeros(self._members.shape[1], np.bool_)
        members, given = self._members[items[seen]], rewards[seen].astype(np.float64)
        counts = members.sum(axis=0)
        means = (members * given[:, None]).sum(axis=0) / np.maximum(counts, 1)
        return (counts > 0) & (means >= given.mean() - 1e-9)  # alike rewards make alike means, up to rounding
