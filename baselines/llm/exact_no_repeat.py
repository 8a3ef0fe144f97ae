"""Exact grounding, never a repeat, nothing learned: the control that a language-model planner has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines.llm.visit import Visit, open_visit
from baselines.selection import allowed_items
from bilp_agent.views import shaped, view_of
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec

MET = 10  # of log and of session, each, where one item is shown a step and earns a reward


class ExactNoRepeatAgent(Agent):
    """The best rated items of the user's liked categories that this session has not shown. It asks no language model.

    A category is liked if the user's mean reward for its items, over the last ten of log and of session, is at least
    the user's mean reward over all of them; an item belongs to each of its categories. Where slates are shown, or items
    that are answered otherwise than by a reward, it is the mean score over the session and what was seen before it.
    Ratings are the catalogue's public means; the more popular item is better among equals, then the one of the smaller
    id. Where no liked category has an item left, and where nothing is known of the user, it takes the best rated item
    not shown; once everything was shown, the best rated one that may be.

    What it does is what two faults of the published BiLLP runs cost it: items are named by id, so that no two titles
    can collide, and none comes twice. bool (num_lanes, n_items) of memory.
    """

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Rank the catalogue and forget what was shown. Raises `AgentError` for a task that cannot be read."""
        self._view, self._task, catalogue = view_of(task, type(self).__name__), task, task.catalogue
        self._place = np.empty(catalogue.num_items, np.int64)  # of each item in the ranking, 0 is the best
        self._place[catalogue.best_rated()] = np.arange(catalogue.num_items)
        self._members = catalogue.category_matrix()
        self._shown = np.zeros((num_lanes, catalogue.num_items), np.bool_)
        self._visits: dict[int, Visit] = {}

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """One item a row, int64 (b,), or a slate, (b, k)."""
        self._shown[sessions.lanes[sessions.steps == 0]] = False
        protocol = allowed_items(infos)
        fresh = ~self._shown[sessions.lanes]
        if protocol is not None:
            fresh &= protocol
        visits = [self._visit(observations, sessions, row) for row in range(len(sessions.lanes))]
        # The narrowest choice goes first, then wider ones; within each the best rated.
        wider = (~(fresh & self._in_liked_categories(visits))).astype(np.int64) + ~fresh
        if protocol is not None:
            wider += ~protocol
        order = np.argsort(wider * len(self._place) + self._place, axis=1, kind="stable")
        slates = order[:, : self._view.slots]
        self._shown[sessions.lanes[:, None], slates] = True
        for visit, slate in zip(visits, slates.tolist(), strict=True):
            visit.chosen = slate
        return shaped(slates.tolist(), self._task)

    def _visit(self, observations: Batch, sessions: Sessions, row: int) -> Visit:
        lane, step = int(sessions.lanes[row]), int(sessions.steps[row])
        if step == 0 or lane not in self._visits:
            self._visits[lane] = open_visit(self._view, observations, row)
        self._visits[lane].follow(self._view, observations, row, step)
        return self._visits[lane]

    def _in_liked_categories(self, visits: list[Visit]) -> NDArray[np.bool_]:
        """Whether an item has a category that the user likes: bool (b, n_items)."""
        liked = np.stack([self._liked(visit) for visit in visits])
        # Sums of zeros and ones are exact in float32, in whatever order they are added.
        return (liked.astype(np.float32) @ self._members.T) > 0

    def _liked(self, visit: Visit) -> NDArray[np.bool_]:
        """The liked categories of one user: bool (n_categories,)."""
        shown = visit.shown
        met = [*visit.history, *shown] if visit.chance else [*visit.history[-MET:], *shown[-MET:]]
        if not met:
            return np.zeros(self._members.shape[1], np.bool_)
        members = self._members[[seen.item for seen in met]]
        given = np.array([seen.score for seen in met], np.float64)
        counts = members.sum(axis=0)
        means = (members * given[:, None]).sum(axis=0) / np.maximum(counts, 1)
        return (counts > 0) & (means >= given.mean() - 1e-9)  # alike rewards make alike means, up to rounding
