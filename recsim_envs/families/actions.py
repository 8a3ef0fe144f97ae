"""What every family does alike with what comes in: actions are checked, seeds are told by split and by user."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError, InvalidActionError

SPLITS: Final = ("all", "train", "test", "fit", "held-out")
"""Whose sessions are drawn. "fit" and "held-out" are disjoint and of train users: to choose parameters by."""


def integers(actions: Any, shape: tuple[int, ...], what: str) -> NDArray[np.int64]:
    """`actions` as int64 of `shape`, or `InvalidActionError`; `what` says what to pass, as in "item ids 0..9"."""
    try:
        array = np.asarray(actions)
    except ValueError:  # ragged
        array = np.empty(0)
    if array.dtype.kind not in "iu" or array.shape != shape:
        wanted = " x ".join(str(n) for n in shape)
        raise InvalidActionError(
            f"actions must be {wanted} integers, got {array.dtype} of shape {array.shape}; pass {what}"
        )
    return np.ascontiguousarray(array, np.int64)


def check_range(actions: NDArray[np.int64], running: NDArray[np.bool_], count: int, what: str) -> None:
    """Raise `InvalidActionError` naming the first running lane with an action outside 0..count-1."""
    wrong = (actions < 0) | (actions >= count)
    lanes = (wrong if wrong.ndim == 1 else wrong.any(axis=1)) & running
    if lanes.any():
        lane = int(lanes.argmax())
        raise InvalidActionError(f"lane {lane}: {what} {actions[lane].tolist()} is out of range 0..{count - 1}")


def split_seeds(seeds: NDArray[np.uint64], split: str) -> NDArray[np.uint64]:
    """Session seeds of a family whose users are drawn: train and test users come from streams that never meet."""
    return rng.bits_array(seeds, SPLITS.index(checked_split(split)), rng.SPLIT)


def drawn_users(seeds: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The ids of users of whom each session draws its own: the episode seed shifted right by one, so that it fits."""
    return (seeds >> np.uint64(1)).astype(np.int64)


def checked_split(split: str) -> str:
    """The split itself, if it is one; raises `ConfigurationError` otherwise."""
    if split not in SPLITS:
        raise ConfigurationError(f"split {split!r} does not exist; use 'train', 'test' or 'all'")
    return split
