"""The items: unit vectors with two or three topics, drawn from a seed, and what a log of random slates says of them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.boredom import kernel
from recsim_envs.spec import Catalogue

VECTOR: Final = rng.WORLD + 0
PARTS: Final = rng.WORLD + 1
ORDER: Final = rng.WORLD + 2
LOG_USER: Final = rng.WORLD + 3

LOGGED_USERS: Final = 2000
"""Users of the log behind `popularity` and `mean_reward`; each saw `LOGGED_ITEMS` random items, one at a time."""
LOGGED_ITEMS: Final = 100
_PSEUDO: Final = 10.0  # pseudo-observations that shrink an item's mean, as in every catalogue


def item_vectors(count: int, topics: int, seed: int) -> NDArray[np.float64]:
    """Unit vectors float64 (count, topics): two or three topics each with equal chance, weights uniform before scaling.

    The recipe of SARDINE's generator, whose shipped vectors have 489 items of two topics and 511 of three.
    """
    item, topic = np.arange(count)[:, None], np.arange(topics)
    parts = 2 + rng.below_array(2, seed, 0, PARTS, item)
    rank = np.argsort(np.argsort(rng.bits_array(seed, item, ORDER, topic), axis=1, kind="stable"), axis=1)
    vectors = np.where(rank < parts, 1.0 - rng.uniform_array(seed, item, VECTOR, topic), 0.0)
    squares = np.zeros(count)
    for column in vectors.T:  # in a fixed order: the bits do not depend on how numpy sums
        squares += column * column
    return np.ascontiguousarray(vectors / np.sqrt(squares)[:, None])


def catalogue(vectors: NDArray[np.float64], rules: kernel.Rules, seed: int) -> Catalogue:
    """What is public: topics by weight, and clicks of `LOGGED_USERS` fresh users on random items."""
    shown, clicked = _log(vectors, rules, seed)
    order = np.argsort(-vectors, axis=1, kind="stable")
    sizes = (vectors > 0).sum(axis=1)
    mean = clicked.sum() / shown.sum()
    return Catalogue(
        titles=tuple(f"Item {i}" for i in range(len(vectors))),
        category_names=tuple(f"Topic {j}" for j in range(vectors.shape[1])),
        category_indptr=np.concatenate([[0], np.cumsum(sizes)]),
        category_ids=np.concatenate([row[:size] for row, size in zip(order, sizes, strict=True)]).astype(np.int32),
        popularity=clicked,
        mean_reward=((clicked + _PSEUDO * mean) / (shown + _PSEUDO)).astype(np.float32),
    )


def _log(vectors: NDArray[np.float64], rules: kernel.Rules, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    shown, clicked = np.zeros((2, len(vectors)), np.int64)
    users = rng.bits_array(seed, np.arange(LOGGED_USERS), LOG_USER)
    _fill_log(users, vectors, rules, LOGGED_ITEMS, shown, clicked)
    return shown, clicked


@njit(cache=True)
def _fill_log(users, vectors, rules, looks, shown, clicked):  # type: ignore[no-untyped-def]
    user, fresh = np.zeros(vectors.shape[1]), np.zeros(vectors.shape[1], np.int32)
    for seed in users:
        kernel.draw_user(seed, user)
        for n in range(looks):
            item = rng.below(len(vectors), seed, n, kernel.FIRST, 0)
            chance = rules.position[0] * kernel.relevance(user, fresh, False, vectors[item], rules)
            shown[item] += 1
            clicked[item] += rng.uniform(seed, n, kernel.CLICK, 0) < chance
