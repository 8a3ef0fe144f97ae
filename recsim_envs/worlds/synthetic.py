"""Synthetic worlds from recipes, the same bits on every platform.

All draws are counter-based (`recsim_envs.rng`) and everything up to the reward table and the item vectors is
integer arithmetic (`recipe_kernels`). The few floats at the end are sums, products and divisions of integers in
float64 rounded once to float32, which IEEE 754 defines exactly. No matrix product, no exp, no sort on ties.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds import recipe_kernels as kernel
from recsim_envs.worlds.public import popularity_and_means
from recsim_envs.worlds.recipes import Recipe
from recsim_envs.worlds.storage import Arrays, StringColumn
from recsim_envs.worlds.titles import invent
from recsim_envs.worlds.video_recipe import VideoRecipe
from recsim_envs.worlds.video_world import video_arrays, video_info
from recsim_envs.worlds.world import DepartureDefaults, World, WorldInfo

CARDS: Final = Path(__file__).with_name("recipe_cards.json")


def generate(recipe: Recipe | VideoRecipe) -> World:
    """The world of a recipe, in memory: about two seconds and users x items bytes."""
    if isinstance(recipe, VideoRecipe):
        return World(video_info(recipe, _card(recipe)), video_arrays(recipe))
    seed = recipe.seed
    rank = kernel.shuffled(seed, recipe.items)
    first = kernel.series(seed, recipe.items, recipe.percent_sequel, recipe.longest_series)
    tastes = kernel.item_tastes(seed, first, recipe.tastes)
    effects, cuts = np.array(recipe.effects), np.array(recipe.cuts)
    table = kernel.rewards(
        seed, recipe.users, tastes, kernel.quality(seed, first), effects, recipe.ceiling, recipe.veto, cuts
    )
    indptr, items = kernel.logs(
        seed, table, _fame(rank, recipe.fame_flatness), *recipe.log_lengths, np.array(recipe.watched)
    )
    log_rewards = table[np.repeat(np.arange(recipe.users), np.diff(indptr)), items].astype(np.float32)
    arrays: Arrays = {
        "rewards": table,
        "vectors": _vectors(recipe, first, tastes),
        "train_users": np.arange(recipe.train_users, dtype=np.int32),
        "test_users": np.arange(recipe.train_users, recipe.users, dtype=np.int32),
        "log_indptr": indptr,
        "log_items": items,
        "log_rewards": log_rewards,
    }
    of_train = slice(0, indptr[recipe.train_users])
    arrays |= popularity_and_means(items[of_train], log_rewards[of_train], recipe.items)
    arrays |= _shelves(recipe, first, tastes)
    return World(_info(recipe), arrays)


def _card(recipe: Recipe | VideoRecipe) -> dict[str, Any]:
    """The card that `calibration` measured and wrote for these very constants, else none."""
    cards: dict[str, dict[str, Any]] = json.loads(CARDS.read_text("utf-8")) if CARDS.exists() else {}
    found = cards.get(recipe.name, {})
    return found if found.get("recipe") == recipe.digest() else {}


def _fame(rank: NDArray[np.int64], flatness: int) -> NDArray[np.int64]:
    """Running sums of the items' weights 1 / (rank + flatness), in billionths below 2**32 altogether."""
    running: NDArray[np.int64] = np.cumsum(100_000_000 // (rank + flatness))
    return running


def _vectors(recipe: Recipe, first: NDArray[np.int64], tastes: NDArray[np.int64]) -> NDArray[np.float32]:
    whole = kernel.styles(recipe.seed, first, tastes, recipe.dim, *recipe.style_weights)
    scaled: NDArray[np.float32] = (whole * recipe.distance_unit / (100 * kernel.SD)).astype(np.float32)
    return scaled


def _shelves(recipe: Recipe, first: NDArray[np.int64], tastes: NDArray[np.int64]) -> Arrays:
    """Categories and titles."""
    weights = np.cumsum([weight for _, weight, _ in recipe.categories])
    if recipe.sub_categories:
        indptr, ids = kernel.nested_categories(
            recipe.seed, first, tastes, weights, recipe.total_categories, recipe.percent_home
        )
    else:
        indptr, ids = kernel.overlapping_categories(
            recipe.seed, first, tastes, weights, recipe.broad_categories, np.cumsum(recipe.category_counts),
            recipe.percent_home,
        )  # fmt: skip
    nouns = [words.split() for _, _, words in recipe.categories]
    titles = StringColumn.of(invent(recipe.seed, recipe.domain, nouns, ids[indptr[:-1]].astype(np.int64), first))
    return {
        "category_indptr": indptr,
        "category_ids": ids,
        "title_bytes": titles.data,
        "title_offsets": titles.offsets,
    }


def category_names(recipe: Recipe) -> tuple[str, ...]:
    """Names in the order of the ids: the main ones, then "Main: Sub" in turn of the mains."""
    mains = [name for name, _, _ in recipe.categories]
    subs = [f"{main}: {sub}" for sub in recipe.sub_categories for main in mains]
    return tuple(mains + subs)[: recipe.total_categories or None]


def _info(recipe: Recipe) -> WorldInfo:
    record: dict[str, Any] = recipe.record()
    return WorldInfo(
        name=recipe.name,
        domain=recipe.domain,
        description=f"Synthetic {recipe.domain}: invented titles and users, calibrated to recorded sessions.",
        source=f"recipe {recipe.name!r} of recsim_envs.worlds.recipes",
        licence="MIT",
        reward_model="table",
        reward_range=(1.0, float(len(recipe.cuts) + 1)),
        category_names=category_names(recipe),
        departure=DepartureDefaults(
            window=recipe.window, threshold=recipe.threshold, r_min=recipe.r_min, horizon=recipe.horizon
        ),
        recipe=record,
        card=_card(recipe),
    )
