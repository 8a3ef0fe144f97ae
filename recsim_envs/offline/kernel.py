"""Behaviour policies as compiled code: draw an action a lane, and say how probable it was.

A policy is a mixture of components; each session follows one of them. A component shows the greedy action with
probability 1 - epsilon, else items drawn one by one in proportion to its weights, without repetition inside a
slate (Plackett, "The Analysis of Permutations", Applied Statistics 24(2), 1975). Weights are integers of at least 1:
draws are compared as integers and no rounding decides which item is shown.

What a row of a log needs is the probability of its action given all that was seen before, whichever component the
session follows: the sum over components of P(component | actions so far) P(action | component). The product of these
over a session is the probability of its actions under the mixture, which is what importance weights divide by.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from recsim_envs import rng

COIN: Final = 0  # lane of the draw whether to explore
COMPONENT: Final = 1  # lane of the draw which component a session follows


@njit(cache=True)  # type: ignore[untyped-decorator]
def begin(lanes: Any, keys: Any, state_keys: Any, steps: Any, components: Any, posterior: Any, recent: Any) -> None:
    """Start sessions: each follows a component drawn from its key, and nothing is known of which."""
    count = posterior.shape[1]
    for i in range(len(lanes)):
        lane = lanes[i]
        state_keys[lane] = keys[i]
        steps[lane] = 0
        components[lane] = rng.below(count, keys[i], 0, rng.AGENT, COMPONENT)
        posterior[lane] = 1.0 / count
        recent[lane] = -1


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def holds(rows: Any, row: Any, count: Any, item: Any) -> bool:
    """Whether an item is among the first `count` of a row."""
    for i in range(count):  # noqa: SIM110  (compiled as it stands)
        if rows[row, i] == item:
            return True
    return False


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def weight(cumulative: Any, c: Any, item: Any) -> Any:
    """The weight of one item in component `c`."""
    return cumulative[c, item + 1] - cumulative[c, item]


@njit(cache=True)  # type: ignore[untyped-decorator]
def best(b: Any, order: Any, masks: Any, recent: Any, greedy: Any) -> None:
    """The first allowed items of the lane's order that are not recent; with recent ones if none is left."""
    line, found, wanted = (b if order.shape[0] > 1 else 0), 0, greedy.shape[1]
    for again in range(2):
        for r in range(order.shape[1]):
            if found == wanted:
                return
            item = order[line, r]
            allowed = masks.shape[1] == 0 or masks[b, item] != 0
            if allowed and holds(recent, b, recent.shape[1], item) == (again == 1):
                greedy[b, found] = item
                found += 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def hide(b: Any, masks: Any, taken: Any) -> Any:
    """Fill in the items that the lane may not show, ascending; how many they are."""
    count = 0
    for item in range(masks.shape[1]):
        if masks[b, item] == 0:
            taken[0, count] = item
            count += 1
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def allowed_weight(c: Any, count: Any, cumulative: Any, taken: Any) -> Any:
    """The weight of all items but the first `count` of `taken`."""
    total = cumulative[c, cumulative.shape[1] - 1]
    for i in range(count):
        total -= weight(cumulative, c, taken[0, i])
    return total


@njit(cache=True)  # type: ignore[untyped-decorator]
def find(rank: Any, c: Any, count: Any, cumulative: Any, taken: Any) -> Any:
    """The item in which the `rank`-th unit of weight lies; the first `count` of `taken` (ascending) are passed over."""
    for i in range(count):
        if rank >= cumulative[c, taken[0, i]]:
            rank += weight(cumulative, c, taken[0, i])
    low, high = 0, cumulative.shape[1] - 1
    if cumulative[c, high] == high:  # all weights are 1
        return min(rank, high - 1)  # it is beyond only where nothing is left
    while high - low > 1:
        middle = (low + high) >> 1
        if cumulative[c, middle] <= rank:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True)  # type: ignore[untyped-decorator]
def draw(
    c: Any, b: Any, left: Any, hidden: Any, cumulative: Any, key: Any, step: Any, actions: Any, taken: Any
) -> None:
    """Different items for the lane, each drawn in proportion to the weights of those left, which are `left` in all.

    `taken` begins with the `hidden` ones that may not be shown; the items drawn join them.
    """
    for slot in range(actions.shape[1]):
        rank = rng.below(max(left, 1), key, step, rng.POLICY, slot)
        item = find(rank, c, hidden + slot, cumulative, taken)
        actions[b, slot] = item
        left -= weight(cumulative, c, item)
        place = hidden + slot
        while place and taken[0, place - 1] > item:
            taken[0, place] = taken[0, place - 1]
            place -= 1
        taken[0, place] = item


@njit(cache=True)  # type: ignore[untyped-decorator]
def chance(c: Any, b: Any, left: Any, cumulative: Any, masks: Any, actions: Any) -> float:
    """The probability that `draw` makes these actions of the lane; 0 where it cannot."""
    probability = 1.0
    for slot in range(actions.shape[1]):
        item = actions[b, slot]
        if holds(actions, b, slot, item) or (masks.shape[1] and not masks[b, item]):
            return 0.0
        probability *= np.float64(weight(cumulative, c, item)) / np.float64(max(left, 1))
        left -= weight(cumulative, c, item)
    return probability


@njit(cache=True)  # type: ignore[untyped-decorator]
def remember(b: Any, actions: Any, recent: Any) -> None:
    """The item shown joins those of the last steps."""
    last = recent.shape[1] - 1
    for m in range(last):
        recent[b, m] = recent[b, m + 1]
    if last >= 0:
        recent[b, last] = actions[b, 0]


@njit(cache=True)  # type: ignore[untyped-decorator]
def play(
    running: Any, given: Any, actions: Any, propensities: Any, greedy: Any, cumulative: Any, epsilons: Any, order: Any,
    masks: Any, keys: Any, steps: Any, components: Any, posterior: Any, recent: Any,
) -> None:  # fmt: skip
    """One step of the running lanes.

    Fills `actions` (int64, (B, k)) unless they are `given`, `propensities` (float64, (B,)) and `greedy` (int64,
    (B, k)), and updates the sessions' state. `cumulative` is int64 (C, n + 1), `order` int64 (1 or B, n), `masks`
    int8 (B, n) or (B, 0), `posterior` float64 (B, C) and `recent` int32 (B, m).
    """
    taken, left = np.empty((1, masks.shape[1] + actions.shape[1]), np.int64), np.zeros(len(epsilons), np.int64)
    joint = np.empty(len(epsilons))
    greedily = np.any(epsilons < 1.0)
    for b in range(len(running)):
        if not running[b]:
            continue
        hidden = hide(b, masks, taken)
        for c in range(len(epsilons)):
            left[c] = allowed_weight(c, hidden, cumulative, taken)
        if greedily:
            best(b, order, masks, recent, greedy)
        if not given:
            c = components[b]
            if epsilons[c] == 1.0 or rng.uniform(keys[b], steps[b], rng.AGENT, COIN) < epsilons[c]:
                draw(c, b, left[c], hidden, cumulative, keys[b], steps[b], actions, taken)
            else:
                for slot in range(actions.shape[1]):
                    actions[b, slot] = greedy[b, slot]
        same = greedily
        for slot in range(actions.shape[1]):
            same = same and actions[b, slot] == greedy[b, slot]
        total = 0.0
        for c in range(len(epsilons)):
            p = 0.0 if epsilons[c] == 0.0 else epsilons[c] * chance(c, b, left[c], cumulative, masks, actions)
            joint[c] = posterior[b, c] * (p + (1.0 - epsilons[c] if same else 0.0))
            total += joint[c]
        propensities[b] = min(total, 1.0)
        if total > 0.0:  # what the policy would never have shown tells nothing of which component it follows
            for c in range(len(epsilons)):
                posterior[b, c] = joint[c] / total
        steps[b] += 1
        remember(b, actions, recent)
