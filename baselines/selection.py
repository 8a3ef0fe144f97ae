"""Choosing items, alone or k at a time, where a protocol may forbid some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent, Batch, Catalogue, TaskSpec

RATINGS = ("history_items", "history_rewards", "session_items", "session_rewards")
"""Observations that say what a user was shown, and what each item earned."""


def require_items(agent: Agent, task: TaskSpec) -> None:
    """Raise `AgentError` where items are drawn anew for each step, so that a slot tells nothing of what is in it."""
    if task.candidates:
        raise AgentError(
            f"{type(agent).__name__} chooses among the items of a catalogue, and {task.env_id or 'this environment'} "
            "draws its items anew for each step; use random, or an agent that reads them in the observations"
        )


def require_single_items(agent: Agent, task: TaskSpec, observations: Sequence[str] = ()) -> None:
    """Raise `AgentError` unless one lasting item is shown a step and the task has all these `observations`."""
    require_items(agent, task)
    missing = [key for key in observations if key not in task.observation_space.spaces]
    if missing or task.slate_size is not None:
        lacks = f"has no {', '.join(missing)}" if missing else f"shows slates of {task.slate_size}"
        reads = f" and reads the observations {', '.join(observations)}" if observations else ""
        raise AgentError(
            f"{type(agent).__name__} shows one item a step{reads}; {task.env_id or 'this environment'} {lacks}; use "
            "another agent there, such as random"
        )


def allowed_items(infos: Batch) -> NDArray[np.bool_] | None:
    """Which items may be shown, bool (b, n), or None where all may."""
    mask = infos.get("action_mask")
    return None if mask is None else np.asarray(mask) != 0


def ranking(scores: NDArray[Any]) -> NDArray[np.int64]:
    """Items by descending score, int64 (n,); equal scores in the order of their ids."""
    return np.argsort(-scores.astype(np.float64), kind="stable").astype(np.int64)


def category_rows(catalogue: Catalogue) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`category_indptr` and `category_ids` as int64 arrays of our own, so that compiled code meets one type only."""
    return np.array(catalogue.category_indptr, np.int64), np.array(catalogue.category_ids, np.int64)


def category_sets(catalogue: Catalogue) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The different sets of categories: which one each item has (n,), and the sets as `indptr` (g + 1,) and `ids`."""
    numbers: dict[tuple[int, ...], int] = {}
    indptr, ids = category_rows(catalogue)
    sets = [tuple(sorted(ids[a:b].tolist())) for a, b in zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)]
    group = np.array([numbers.setdefault(found, len(numbers)) for found in sets], np.int64)
    starts = np.concatenate([[0], np.cumsum([len(found) for found in numbers])]).astype(np.int64)
    return group, starts, np.array([c for found in numbers for c in found], np.int64)


def categories_in_turn(
    catalogue: Catalogue, scores: NDArray[Any], categories: int | None = None, depth: int | None = None
) -> NDArray[np.int64]:
    """Items in rounds over the main categories: the best item of each by `scores` (n,), then the second best, ...

    Categories are in the order of their best items; the first `categories` of them and `depth` rounds, None for all.
    One that has run out of items is passed over.
    """
    main = catalogue.category_ids[catalogue.category_indptr[:-1]]
    best = ranking(scores)
    rounds: dict[int, list[int]] = {}  # in the order of their best items
    for item, category in zip(best.tolist(), main[best].tolist(), strict=True):
        rounds.setdefault(category, []).append(item)
    turns = [items[:depth] for items in list(rounds.values())[:categories]]
    return np.array([items[n] for n in range(max(map(len, turns))) for items in turns if n < len(items)], np.int64)


def rescaled(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores (b, n) moved to 0..1 row by row; 0 where all are equal."""
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    out: NDArray[np.float64] = (scores - low) / np.where(high > low, high - low, 1.0)
    return out


def best_allowed(scores: NDArray[Any], allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The allowed item of the highest score in each row; the lowest id among equals.

    `scores` is (b, n), or (n,) for the same scores in every row of `allowed`; `allowed` is (b, n) or None.
    """
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    return scores.argmax(axis=1).astype(np.int64)


def best_slates(scores: NDArray[Any], size: int | None, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The `size` allowed items of the highest scores (b, n), best first: (b, size); or the best alone, (b,), for None.

    Equal scores are in the order of their ids. Where fewer are allowed than a slate holds, the best of them fill it up.
    """
    if size is None:
        return best_allowed(scores, allowed)
    scores = np.array(scores, np.float64) if allowed is None else np.where(allowed, scores, -np.inf)
    rows, slates = np.arange(len(scores)), np.zeros((len(scores), size), np.int64)
    for slot in range(size):
        best = scores.argmax(axis=1)
        slates[:, slot] = np.where(scores[rows, best] > -np.inf, best, slates[:, 0])
        scores[rows, best] = -np.inf
    return slates


def replace_forbidden(
    wanted: NDArray[np.int64], scores: NDArray[Any], allowed: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """`wanted` (b,), with forbidden items replaced by the allowed one of the highest score (n,).

    In slates (b, k) they are replaced by such as the slate does not hold already, as long as there are any.
    """
    if allowed is None:
        return wanted
    if wanted.ndim == 2:
        return _replace_in_slates(wanted, scores, allowed)
    blocked = ~allowed[np.arange(len(wanted)), wanted]
    out = wanted.copy()
    if blocked.any():
        out[blocked] = best_allowed(scores, allowed[blocked])
    return out


def _replace_in_slates(
    wanted: NDArray[np.int64], scores: NDArray[Any], allowed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    rows, out = np.arange(len(wanted)), wanted.copy()
    blocked = ~np.take_along_axis(allowed, wanted, axis=1)
    for slot in np.flatnonzero(blocked.any(axis=0)):
        fresh = allowed.copy()
        np.put_along_axis(fresh, out, False, axis=1)
        exhausted = ~fresh.any(axis=1)
        fresh[exhausted] = allowed[exhausted]
        best = best_allowed(scores, fresh)
        out[rows, slot] = np.where(blocked[:, slot], best, out[:, slot])
    return out
