"""The world of short videos from its recipe, the same bits on every platform: see `synthetic` for how."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds import recipe_kernels as kernel
from recsim_envs.worlds.public import popularity_and_means
from recsim_envs.worlds.storage import Arrays, StringColumn
from recsim_envs.worlds.titles import invent
from recsim_envs.worlds.video_recipe import VideoRecipe
from recsim_envs.worlds.world import DepartureDefaults, WorldInfo


def video_arrays(recipe: VideoRecipe) -> Arrays:
    """All arrays of the world, in memory: under a second and four bytes a pair of user and item."""
    first = np.arange(recipe.items)
    indptr, ids = _categories(recipe, first)
    hundredths = kernel.watch_ratios(
        recipe.seed, recipe.users, indptr, ids, len(recipe.categories), np.array(recipe.effects), np.array(recipe.knots)
    )
    logged, log_indptr = _logs(recipe, hundredths)
    rewards = (hundredths / 100.0).astype(np.float32)
    log_rewards = rewards[np.repeat(np.arange(recipe.users), np.diff(log_indptr)), logged]
    nouns = [words.split() for _, _, words in recipe.categories]
    mains = ids[indptr[:-1]].astype(np.int64)
    titles = StringColumn.of(invent(recipe.seed, recipe.domain, nouns, mains, first))
    of_train = slice(0, log_indptr[recipe.train_users])
    vectors = kernel.styles(recipe.seed, first, mains, recipe.dim, *recipe.style_weights)
    return {
        "rewards": rewards,
        "vectors": (vectors / (100 * kernel.SD)).astype(np.float32),
        "train_users": np.arange(recipe.train_users, dtype=np.int32),
        "test_users": np.arange(recipe.train_users, recipe.users, dtype=np.int32),
        "log_indptr": log_indptr,
        "log_items": logged,
        "log_rewards": log_rewards,
        "category_indptr": indptr,
        "category_ids": ids,
        "title_bytes": titles.data,
        "title_offsets": titles.offsets,
        **popularity_and_means(logged[of_train], log_rewards[of_train], recipe.items),
    }


def _categories(recipe: VideoRecipe, first: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    weights = np.cumsum([weight for _, weight, _ in recipe.categories])
    no_taste = np.zeros(recipe.items, np.int64)
    return kernel.overlapping_categories(recipe.seed, first, no_taste, weights, 0, np.cumsum(recipe.category_counts), 0)


def _logs(recipe: VideoRecipe, hundredths: NDArray[np.int16]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """What users met by fame and went on watching the more, the more of it they watched."""
    fame = np.cumsum(100_000_000 // (kernel.shuffled(recipe.seed, recipe.items) + recipe.fame_flatness))
    level = (1 + np.searchsorted(recipe.levels, hundredths, side="right")).astype(np.int8)
    indptr, items = kernel.logs(recipe.seed, level, fame, *recipe.log_lengths, np.array(recipe.watched))
    return items, indptr


def video_info(recipe: VideoRecipe, card: dict[str, object]) -> WorldInfo:
    """`world.json` of the world."""
    return WorldInfo(
        name=recipe.name,
        domain=recipe.domain,
        description="Synthetic short videos: invented titles and users, of the sizes and the mean of KuaiRec.",
        source=f"recipe {recipe.name!r} of recsim_envs.worlds.video_recipe",
        licence="MIT",
        reward_model="table",
        reward_range=(0.0, recipe.knots[-1][1] / 100),
        category_names=tuple(name for name, _, _ in recipe.categories),
        departure=DepartureDefaults(
            leave_by="category",
            window=recipe.window,
            category_limit=recipe.category_limit,
            threshold=0.0,
            r_min=0.0,
            horizon=recipe.horizon,
            leaving_pays=True,
        ),
        recipe=recipe.record(),
        card=card,
    )
