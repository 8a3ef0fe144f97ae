"""Policies that know the true user, and slates worth trying in a fixed cycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsim_envs.families.base import Reference
from recsim_envs.families.boredom.kernel import best_items
from recsim_envs.families.boredom.planner import planner
from recsim_envs.spec import TaskSpec

if TYPE_CHECKING:
    from recsim_envs.families.boredom.simulator import BoredomSimulator


def makers(simulator: BoredomSimulator) -> dict[str, Callable[[], Reference]]:
    """The reference policies by name."""
    return {
        "myopic": lambda: myopic(simulator),
        "myopic-no-repeat": lambda: myopic_no_repeat(simulator),
        "rule-varied": lambda: rule_varied(simulator),
        "planner": lambda: planner(simulator),
    }


def myopic(simulator: BoredomSimulator) -> Reference:
    """The most relevant items, best first: positions lose attention, so no slate has a higher expected reward.

    Where copies count, that is the best item in every slot.
    """
    slots = simulator.lanes.slate.shape[1]

    def act() -> NDArray[np.int64]:
        if simulator.rules.copies_count:
            return _as_actions(np.repeat(best_items(simulator.relevances(), 1), slots, axis=1), simulator.task)
        return _as_actions(best_items(simulator.relevances(), slots), simulator.task)

    return act


def myopic_no_repeat(simulator: BoredomSimulator) -> Reference:
    """The most relevant among the items that the session has been shown least often."""
    shown = np.zeros((simulator.num_lanes, simulator.task.catalogue.num_items), np.int64)
    rows = np.arange(simulator.num_lanes)[:, None]

    def act() -> NDArray[np.int64]:
        shown[simulator.lanes.steps == 0] = 0
        # Relevances are at most 1: the number of times shown comes first.
        slates = best_items(simulator.relevances() - 2.0 * shown, simulator.lanes.slate.shape[1])
        shown[rows, slates] += 1
        return _as_actions(slates, simulator.task)

    return act


def rule_varied(simulator: BoredomSimulator) -> Reference:
    """The most relevant item of each topic, best first; where one item is shown, never the last one's topic again.

    A rule of thumb that plans nothing: it knows neither when topics bore nor for how long. Slots that are left when
    every topic has had its turn go to the most relevant of the other items.
    """
    slots, topics = simulator.lanes.slate.shape[1], simulator.item_topics
    groups = [np.flatnonzero(topics == topic) for topic in np.unique(topics)]
    rows = np.arange(simulator.num_lanes)

    def act() -> NDArray[np.int64]:
        scores = simulator.relevances()
        best = [group[scores[:, group].argmax(axis=1)] for group in groups]
        for items in best:
            scores[rows, items] += 2.0  # relevances are at most 1: whatever leads its topic comes first
        if slots == 1:
            scores[topics == topics[simulator.lanes.slate]] -= 4.0
        return _as_actions(best_items(scores, slots), simulator.task)

    return act


def _as_actions(slates: NDArray[np.int64], task: TaskSpec) -> NDArray[np.int64]:
    return slates if task.slate_size else slates[:, 0]


def cycle_pool(task: TaskSpec) -> NDArray[np.int64]:
    """Items or slates that logged users like best.

    Two items of each topic; or the slate of the best items of all, one of each topic (filled up with the best of
    the others), and slates in which topics take turns, starting with each.
    """
    catalogue, slots = task.catalogue, task.slate_size
    best = np.argsort(-catalogue.mean_reward, kind="stable")
    main = catalogue.category_ids[catalogue.category_indptr[:-1]]
    groups = [best[main[best] == topic] for topic in range(len(catalogue.category_names))]
    groups = [group for group in groups if len(group)]
    if slots is None:
        return np.concatenate([group[:2] for group in groups])
    pure = [np.concatenate([group, best[~np.isin(best, group)]])[:slots] for group in groups]
    mixed = [_in_turn(groups[n:] + groups[:n], slots) for n in range(len(groups))]
    return np.stack([best[:slots], *pure, *mixed])


def _in_turn(groups: list[NDArray[np.int64]], slots: int) -> NDArray[np.int64]:
    rounds = [group[n] for n in range(max(map(len, groups))) for group in groups if n < len(group)]
    return np.array(rounds[:slots])
