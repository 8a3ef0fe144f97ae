"""A world with a part of its catalogue: what is played on a large one takes minutes, on a part of it seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.rng import WORLD, bits_array
from recsim_envs.worlds.storage import Arrays, StringColumn
from recsim_envs.worlds.world import World

LARGE: Final = 20_000
"""Items above which sessions are played on a random part of the catalogue of this size."""
LARGE_SEQUENTIAL: Final = 5_000
"""The same where every item moves tastes, and plans are made anew at every step."""

PATIENCE: Final = 100_000
"""Steps that each policy may take, so that a card takes a minute and not an hour."""
PATIENCE_SEQUENTIAL: Final = 7500
"""The same where plans are made anew at every step."""

_PART: Final = WORLD + 68
_PER_ITEM: Final = ("vectors", "popularity", "mean_reward")


def part_of_catalogue(world: World, seed: int) -> NDArray[np.int64] | None:
    """Which items are kept, sorted int64, each as likely as any other; None where all are."""
    most = LARGE_SEQUENTIAL if world.rewards.sequential else LARGE
    if world.num_items <= most:
        return None
    order = np.argsort(bits_array(seed, np.arange(world.num_items), _PART), kind="stable")
    return np.sort(order[:most])


def sessions_played(world: World, sessions: int) -> int:
    """Of so many sessions those that can be played in about half a minute, at least ten."""
    steps = PATIENCE_SEQUENTIAL if world.rewards.sequential else PATIENCE
    return min(sessions, max(10, steps // world.info.departure.horizon))


def with_items(world: World, items: NDArray[np.int64]) -> World:
    """The world with only these items (sorted, distinct), in memory; its users' logs keep what is left of them."""
    a = world.arrays
    arrays: Arrays = {name: a[name] for name in a if name not in _PER_ITEM and not name.startswith("item_")}
    arrays |= {name: a[name][items] for name in a if name in _PER_ITEM or name.startswith("item_")}
    if "rewards" in a:
        arrays["rewards"] = a["rewards"][:, items]
    titles = StringColumn(a["title_bytes"], a["title_offsets"])
    kept = StringColumn.of([titles[int(item)] for item in items])
    arrays |= {"title_bytes": kept.data, "title_offsets": kept.offsets}
    indptr, ids = _rows(a["category_indptr"], items)
    arrays |= {"category_indptr": indptr, "category_ids": a["category_ids"][ids]}
    return replace(world, arrays=arrays | _logs(a, items), path=None)


def _rows(indptr: NDArray[np.int64], chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets of the chosen rows of a ragged array, and where their entries lie in it."""
    sizes = indptr[chosen + 1] - indptr[chosen]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return offsets, np.arange(offsets[-1]) + np.repeat(indptr[chosen] - offsets[:-1], sizes)


def _logs(a: Arrays, items: NDArray[np.int64]) -> Arrays:
    place = np.full(len(a["popularity"]), -1, np.int32)
    place[items] = np.arange(len(items), dtype=np.int32)
    moved = place[a["log_items"]]
    left = np.concatenate([[0], np.cumsum(moved >= 0)]).astype(np.int64)
    return {
        "log_items": moved[moved >= 0],
        "log_rewards": a["log_rewards"][moved >= 0],
        "log_indptr": left[a["log_indptr"]],
    }
