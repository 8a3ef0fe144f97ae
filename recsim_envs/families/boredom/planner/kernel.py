"""The planner as compiled code: try a few ways of filling slates in the true model, and take the best one's next slate.

A way is a pair (cap, spread). It fills a slate from its first slot on with the item of highest relevance less
`spread` times the clicks that its topic has or is expected to get, among topics in which these stay within `cap`;
where that is above 0 for none, the slot is wasted. Low caps keep users fresh, an infinite cap earns now and pays in
boredom. Each way is followed for `depth` steps on the same random numbers (a rollout; Tesauro & Galperin, NIPS 1996),
with the user's vector held where it is now.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs.families.boredom.kernel import RUNNING, enlist, is_dulled, relevance, remember, tire

WASTED: Final = -1
FINALISTS: Final = 4  # ways that get all rollouts
DULL: Final = 0.05  # a topic whose best item has so small a share of the best item's relevance is not worth a slot


class Search(NamedTuple):
    """The ways float64 (w, 2), and the random numbers of the rollouts, float64 (rollouts, depth, k)."""

    ways: NDArray[np.float64]
    noise: NDArray[np.float64]


class Menu(NamedTuple):
    """What a user can be shown, as far as it matters.

    `item` and `chance` (T, m): the best items of each topic and their relevance, best first, below 0 where there is
    none worth showing; `weakest`: the item least likely to be clicked, with its `weak_chance`; `bored_chance`: that
    of any item for a user who is bored.
    """

    item: NDArray[np.int64]
    chance: NDArray[np.float64]
    weakest: int
    weak_chance: float
    bored_chance: float


class Mind(NamedTuple):
    """Scratch: the part of a user's state that a rollout changes, and the slate (topics and chances) it is shown."""

    left: NDArray[np.int32]
    log_topic: NDArray[np.int32]
    log_slate: NDArray[np.int32]
    counts: NDArray[np.int64]
    load: NDArray[np.float64]
    used: NDArray[np.int64]
    topic: NDArray[np.int64]
    chance: NDArray[np.float64]


@njit(cache=True)
def new_mind(topics, slots, memory):
    """Scratch of the right sizes."""
    return Mind(
        np.zeros(topics, np.int32), np.zeros(memory, np.int32), np.zeros(memory, np.int32), np.zeros(topics, np.int64),
        np.zeros(topics), np.zeros(topics, np.int64), np.zeros(slots, np.int64), np.zeros(slots),
    )  # fmt: skip


@njit(cache=True)
def read_menu(b, items, item_topic, rules, state, item, chance):
    """The menu of lane b. `item` and `chance` (T, m) are overwritten."""
    left = state.left[b] if rules.topic_only else np.zeros(len(item), np.int32)
    item[:], chance[:] = 0, -1.0
    weakest, weak_chance = 0, 2.0
    for i in range(len(items)):
        r = relevance(state.user[b], left, False, items[i], rules)
        if r < weak_chance:
            weakest, weak_chance = i, r
        enlist(i, r, item[item_topic[i]], chance[item_topic[i]])
    least = DULL * chance.max()
    for j in range(len(chance)):
        if chance[j, 0] < least:
            chance[j, :] = -1.0
    return Menu(item, chance, weakest, weak_chance, relevance(state.user[b], left, True, items[0], rules))


@njit(cache=True, inline="always")
def recall(mind, state, b):
    """Set the mind to what the user of lane b is like now."""
    mind.left[:], mind.log_topic[:], mind.log_slate[:] = state.left[b], state.log_topic[b], state.log_slate[b]


@njit(cache=True)
def fill(cap, spread, now, menu, mind, rules):
    """Fill slate `now` in one way: `mind.topic` (WASTED for a wasted slot), `mind.used` items of each topic."""
    mind.load[:], mind.used[:] = 0.0, 0
    for n in range(len(mind.log_topic)):
        if mind.log_slate[n] > now - rules.window:
            mind.load[mind.log_topic[n]] += 1.0
    dulled = is_dulled(mind.left, rules)
    for k in range(len(mind.topic)):
        best, best_worth = WASTED, 0.0
        for j in range(len(mind.load)):
            chance = menu.chance[j, mind.used[j]] if mind.used[j] < menu.chance.shape[1] else -1.0
            if chance < 0.0:
                continue
            worth = chance - spread * mind.load[j]
            seen = rules.position[k] * (menu.bored_chance if dulled else chance)
            if worth > best_worth and mind.load[j] + seen <= cap:
                best, best_worth = j, worth
        mind.topic[k] = best
        if best == WASTED:
            mind.chance[k] = menu.weak_chance if k == 0 or rules.copies_count else 0.0
        else:
            mind.chance[k] = menu.chance[best, mind.used[best]]
            mind.load[best] += rules.position[k] * (menu.bored_chance if dulled else mind.chance[k])
            mind.used[best] += not rules.copies_count


@njit(cache=True)
def look(now, total, noise, menu, weak_topic, mind, rules):
    """The user of the rollout looks at the slate: the new number of clicks of the session."""
    dulled = is_dulled(mind.left, rules)
    for k in range(len(mind.topic)):
        topic = weak_topic if mind.topic[k] == WASTED else mind.topic[k]
        chance = mind.chance[k]
        if (dulled or (rules.topic_only and mind.left[topic] > 0)) and chance > 0.0:
            chance = menu.bored_chance
        if noise[k] < rules.position[k] * chance:
            total = remember(topic, now, mind.log_topic, mind.log_slate, total)
    tire(now, mind.log_topic, mind.log_slate, mind.left, mind.counts, rules)
    return total


@njit(cache=True)
def clicks(way, noise, b, menu, weak_topic, mind, rules, state):
    """Clicks that rollouts of a way bring together; boredom that outlasts one is charged at its mean rate."""
    rollouts, depth, _ = noise.shape
    depth = min(depth, rules.horizon - state.steps[b])
    after = rules.horizon - state.steps[b] - depth
    summed = 0.0
    for r in range(rollouts):
        recall(mind, state, b)
        start = total = state.total[b]
        for d in range(depth):
            now = state.steps[b] + 1 + d
            fill(way[0], way[1], now, menu, mind, rules)
            total = look(now, total, noise[r, d], menu, weak_topic, mind, rules)
        summed += (total - start) * (1.0 - min(mind.left.max(), after) / depth)
    return summed


@njit(cache=True)
def best_way(b, search, menu, weak_topic, mind, rules, state):
    """The way with most clicks: all ways on a quarter of the random numbers, the `FINALISTS` best of them on all."""
    if len(search.ways) == 1:
        return search.ways[0]
    scores, first = np.empty(len(search.ways)), len(search.noise) // 4
    for w in range(len(search.ways)):
        scores[w] = clicks(search.ways[w], search.noise[:first], b, menu, weak_topic, mind, rules, state)
    order = np.argsort(-scores, kind="mergesort")[:FINALISTS]
    for w in order:
        scores[w] += clicks(search.ways[w], search.noise[first:], b, menu, weak_topic, mind, rules, state)
    return search.ways[order[scores[order].argmax()]]


@njit(cache=True)
def plan(items, item_topic, rules, state, search, slates):
    """The next slate of every running lane, int64 (B, k)."""
    lanes, slots = slates.shape
    topics, memory = state.left.shape[1], state.log_topic.shape[1]
    mind = new_mind(topics, slots, memory)
    item, chance = np.zeros((topics, slots), np.int64), np.zeros((topics, slots))
    for b in range(lanes):
        if state.cause[b] != RUNNING:
            continue
        menu = read_menu(b, items, item_topic, rules, state, item, chance)
        way = best_way(b, search, menu, item_topic[menu.weakest], mind, rules, state)
        recall(mind, state, b)
        fill(way[0], way[1], state.steps[b] + 1, menu, mind, rules)
        write(menu, mind, rules, slates[b])


@njit(cache=True)
def write(menu, mind, rules, slate):
    """Items for the slate in mind. A wasted slot repeats the first item where copies are ignored."""
    mind.used[:] = 0
    for k in range(len(slate)):
        j = mind.topic[k]
        if j == WASTED:
            slate[k] = menu.weakest if k == 0 or rules.copies_count else slate[0]
        else:
            slate[k] = menu.item[j, mind.used[j]]
            mind.used[j] += not rules.copies_count
