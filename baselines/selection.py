"""Choosing items, alone or k at a time, where a protocol may forbid some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent, Batch, TaskSpec

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
            f"{type(agent).__name__} shows one item a step{reads}; {task.env_id or 'this environment'} {lacks}"
        )


def allowed_items(infos: Batch) -> NDArray[np.bool_] | None:
    """Which items may be shown, bool (b, n), or None where all may."""
    mask = infos.get("action_mask")
    return None if mask is None else np.asarray(mask) != 0


def ranking(scores: NDArray[Any]) -> NDArray[np.int64]:
    """Items by descending score, int64 (n,); equal scores in the order of their ids."""
    return np.argsort(-scores.astype(np.float64), kind="stable").astype(np.int64)


def best_allowed(scores: NDArray[Any], allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The allowed item of the highest score in each row; the lowest id among equals.

    `scores` is (b, n), or (n,) for the same scores in every row of `allowed`; `allowed` is (b, n) or None.
    """
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    return scores.argmax(axis=1).astype(np.int64)


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
