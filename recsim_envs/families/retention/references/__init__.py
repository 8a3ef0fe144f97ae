"""Reference policies of the retention family. All know the true user; they differ in how far they look.

No action changes the next reward, which is paid for a visit when it begins. "Myopic" therefore stands for what
platforms maximise at once: the expected clicks on the next slate. "Views" does the same with long views, the better
proxy, and "return" with the chance to come back if the visit ended now. "Rotation" is a habit. The planner maximises
the marginal value of each answer for the rest of the life: it prices trust, interest and satiation (shadow prices of a
fluid model, one for all users) beside long views and disappointments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Reference
from recsim_envs.families.retention.kernel import BAIT, FAVOURITES, NATURE, QUALITY
from recsim_envs.families.retention.references import kernel

if TYPE_CHECKING:
    from recsim_envs.families.retention.simulator import RetentionSimulator

Prices = tuple[float, float, float, float, float, float]
CLICKS: Final[Prices] = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
VIEWS: Final[Prices] = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
ANSWERS: Final[Prices] = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
PLANNED: Final[Prices] = (-0.1, 1.0, -0.5, 35.0, 6.0, -15.0)
"""In units of a long view; found by coordinate search on the mean return ("both") of 300 train users."""
POOL_RANKS: Final = 8
ROTATED: Final = 7
"""Topics in the rotation of favourites; 6 to 9 return the same within 3 %."""
ROTATION_DEPTH: Final = 5
"""Items of a topic that the rotation shows before it starts again: just as many as it takes to forget the first."""


def make_references(simulator: RetentionSimulator) -> dict[str, Callable[[], Reference]]:
    """Makers of the policies, by name. Under `reference` only the last slate of a visit counts, so no plan helps."""
    if simulator.reference:
        return {name: lambda: priced(simulator, ANSWERS) for name in ("myopic", "planner")}
    return {
        "myopic": lambda: priced(simulator, CLICKS),
        "myopic-no-repeat": lambda: priced(simulator, CLICKS, repeats=False),
        "myopic-views": lambda: priced(simulator, VIEWS),
        "myopic-return": lambda: priced(simulator, return_prices(simulator)),
        "rule-rotation": lambda: rotation(simulator),
        "planner": lambda: priced(simulator, PLANNED),
    }


def priced(simulator: RetentionSimulator, prices: Prices, *, repeats: bool = True) -> Reference:
    """Slates of the highest worth at these prices; without `repeats`, an item again only once all were shown."""
    topics, size = simulator.items.topics, simulator.slate_size
    shown = np.zeros((0, 0) if repeats else (simulator.num_lanes, len(topics)), np.int32)
    known = (topics, simulator.items.facets, simulator.dynamics, *simulator.state)

    def act() -> NDArray[np.int64]:
        slates = np.zeros((simulator.num_lanes, size), np.int64)
        kernel.build(*known, np.array(prices), shown, slates)
        return slates

    return act


def return_prices(simulator: RetentionSimulator) -> Prices:
    """What each answer adds to the log odds of coming back, if the visit ended with this slate (see `kernel.pull`)."""
    c = simulator.dynamics
    mood = c.pull_mood * c.mood_rate / simulator.slate_size
    habit = c.pull_habit * c.habit_gain * (1.0 - c.habit_start) / c.habit_views
    return (0.0, mood + habit, -mood * c.disappointment, c.pull_trust, 0.0, 0.0)


def rotation(simulator: RetentionSimulator) -> Reference:
    """The user's first favourites in turn, each topic's items from the best downwards: a habit, and no plan.

    Looks at tastes of the first day, and at quality and bait. The session's state beside its length is not used.
    """
    facets, topics = simulator.items.facets, simulator.items.topics
    order = np.lexsort((facets[:, BAIT] - facets[:, QUALITY], topics))
    first = np.searchsorted(topics[order], np.arange(simulator.state.tastes.shape[2] + 1))
    depths = np.minimum(np.diff(first), ROTATION_DEPTH)
    tastes = np.where(depths > 0, simulator.state.tastes[:, NATURE], -1.0)  # small catalogues lack some topics
    liked = np.argsort(-tastes, axis=1, kind="stable")[:, : min(ROTATED, np.count_nonzero(depths))]
    slots, step = np.arange(simulator.slate_size), -1

    def act() -> NDArray[np.int64]:
        nonlocal step
        step += 1
        turn, place = np.divmod(step * simulator.slate_size + slots, liked.shape[1])
        topic = liked[:, place]
        return order[first[topic] + turn % depths[topic]]

    return act


def logging(simulator: RetentionSimulator) -> Reference:
    """A mildly random recommender of a platform: each slot a random item, or one of the user's favourite topics.

    Under it the gaps between visits are calibrated to the log. Both halves are uniform.
    """
    order = np.argsort(simulator.items.topics, kind="stable")
    first = np.searchsorted(simulator.items.topics[order], np.arange(simulator.state.tastes.shape[2] + 1))
    slots, step = np.arange(simulator.slate_size), -1
    keys = simulator.user_ids().astype(np.uint64)[:, None]

    def act() -> NDArray[np.int64]:
        nonlocal step
        step += 1
        liked = np.argsort(-simulator.state.tastes[:, NATURE], axis=1, kind="stable")[:, :FAVOURITES]
        topic = np.take_along_axis(liked, rng.below_array(FAVOURITES, keys, step, rng.POLICY, slots), axis=1)
        rank = rng.uniform_array(keys, step, rng.POLICY, slots + 100) * (first[topic + 1] - first[topic])
        anything = rng.below_array(len(order), keys, step, rng.POLICY, slots + 200)
        either = rng.uniform_array(keys, step, rng.POLICY, slots + 300) < 0.5
        return np.where(either, anything, order[np.minimum(first[topic] + rank.astype(np.int64), len(order) - 1)])

    return act


def cycle_pool(simulator: RetentionSimulator) -> NDArray[np.int64]:
    """Slates for a fixed cycle: topics in turn, each with its items from the best downwards: (p, slate_size)."""
    quality, topics = simulator.items.facets[:, QUALITY], simulator.items.topics
    order = np.lexsort((-quality, topics))
    rank = np.empty(len(order), np.int64)
    start = np.searchsorted(topics[order], topics[order])
    rank[order] = np.arange(len(order)) - start
    best = np.lexsort((topics, rank))  # the best item of each topic, then the second of each, ...
    size, count = simulator.slate_size, min(POOL_RANKS * simulator.state.tastes.shape[2], len(best))
    pages = max(count // size, 1)
    return np.resize(best[: max(count, size)], (pages, size))
