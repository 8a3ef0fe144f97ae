"""Reference policies that need no knowledge of the user: uniform, most popular, a fixed cycle."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Reference, Simulator


def random_actions(simulator: Simulator, keys: NDArray[np.uint64], step: int) -> NDArray[np.int64]:
    """An allowed action a lane, each with the same probability, drawn from the lane's key and the step: (B,) or (B, k).

    The items of a slate are drawn one by one, so an item may stand in it twice.
    """
    items, slate = simulator.task.catalogue.num_items, simulator.task.slate_size
    if slate is not None:
        return rng.below_array(items, keys[:, None], step, rng.POLICY, np.arange(slate))
    mask = simulator.infos().get("action_mask")
    if mask is None:
        return rng.below_array(items, keys, step, rng.POLICY)
    # The r-th allowed item is the first with r + 1 allowed items up to and including itself.
    ranks = rng.below_array(np.maximum(mask.sum(axis=1), 1), keys, step, rng.POLICY)
    return (np.cumsum(mask, axis=1) > ranks[:, None]).argmax(axis=1)


def distinct(
    count: int | NDArray[np.int64],
    number: int,
    keys: NDArray[np.uint64],
    steps: int | NDArray[np.int64],
    purpose: int,
) -> NDArray[np.int64]:
    """`number` different integers in 0..count-1 a key, in random order: int64 (b, number).

    The j-th is drawn among those not drawn yet, by its rank: every draw before that is not above it moves it up by one
    (selection sampling on a sorted list). Where `count` is smaller than `number`, the surplus repeats what is there.
    """
    if number == 1:
        return rng.below_array(count, keys, steps, purpose)[:, None]
    counts, places = np.reshape(count, (-1, 1)), np.arange(number)
    left = np.maximum(counts - places, 1)
    drawn = rng.below_array(left, keys[:, None], np.reshape(steps, (-1, 1)), purpose, places)
    for j in range(1, number):
        for earlier in np.sort(drawn[:, :j], axis=1).T:
            drawn[:, j] += drawn[:, j] >= earlier
    return drawn % np.maximum(counts, 1)


def uniform(simulator: Simulator, keys: NDArray[np.uint64]) -> Reference:
    """The random policy: every allowed item with the same probability, the items of a slate different.

    Drawn from one key a lane, uint64 (B,), and from steps counted from the start.
    """
    items, slate, steps = simulator.task.catalogue.num_items, simulator.task.slate_size, itertools.count()
    if slate is None:
        return lambda: random_actions(simulator, keys, next(steps))
    return lambda: distinct(items, slate, keys, next(steps), rng.POLICY)


def popular(simulator: Simulator) -> Reference:
    """The most popular items of the catalogue, from the top of the list down, a slate at a time."""
    ranking = np.argsort(-simulator.task.catalogue.popularity, kind="stable")
    slate = simulator.task.slate_size
    if slate is None:
        return fixed_cycle(simulator, ranking)
    pages = ranking[: len(ranking) - len(ranking) % slate].reshape(-1, slate)
    return fixed_cycle(simulator, pages)


def fixed_cycle(simulator: Simulator, actions: NDArray[np.int64]) -> Reference:
    """The same actions, (n,) or (n, k), for everybody, over and over from the session's start.

    Where the protocol forbids an item, the allowed one of the highest mean reward takes its place.
    """
    return fixed_cycles(simulator, np.broadcast_to(actions, (simulator.num_lanes, *actions.shape)))


def fixed_cycles(simulator: Simulator, cycles: NDArray[np.int64]) -> Reference:
    """One cycle a lane: (B, n) or (B, n, k)."""
    order = np.argsort(-simulator.task.catalogue.mean_reward.astype(np.float64), kind="stable")
    lanes, places = np.arange(simulator.num_lanes), itertools.cycle(range(cycles.shape[1]))

    def act() -> NDArray[np.int64]:
        actions = cycles[:, next(places)].copy()
        mask = simulator.infos().get("action_mask")
        if mask is not None and actions.ndim == 1:
            blocked = mask[lanes, actions] == 0
            actions[blocked] = order[mask[blocked][:, order].argmax(axis=1)]
        return actions

    return act


def play(
    simulator: Simulator, make: Callable[[], Reference], seeds: NDArray[np.uint64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return and steps of one session a lane, played to its end: float64 (B,) and int64 (B,)."""
    simulator.begin(np.arange(simulator.num_lanes), seeds)
    policy = make()
    returns, steps = np.zeros(simulator.num_lanes), np.zeros(simulator.num_lanes, np.int64)
    running = ~simulator.over
    while running.any():
        returns += simulator.step(policy()).rewards
        steps += running
        running = ~simulator.over
    return returns, steps
