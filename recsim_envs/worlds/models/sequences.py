"""Logs as sequences: a user's rows cut into pieces to train on, and a state carried along whole logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.storage import Arrays

_TOGETHER: Final = 4096  # users whose states move at once: few enough for the processor's cache


@dataclass(frozen=True, eq=False)
class Pieces:
    """Consecutive rows of one user each: int64 (pieces,) first rows and lengths, and whether the next goes on.

    shares: float32, which part of its user's rows a piece is.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    continued: NDArray[np.bool_]
    shares: NDArray[np.float32]

    @classmethod
    def of(cls, log: Interactions, num_users: int, longest: int) -> Pieces:
        """Cut the rows of each user into pieces of `longest` rows; the last may be shorter."""
        indptr = user_rows(log, num_users)
        counts = np.diff(indptr)
        pieces = -(-counts // longest)
        owner = np.repeat(np.arange(num_users), pieces)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        starts = indptr[owner] + within * longest
        lengths = np.minimum(longest, indptr[owner + 1] - starts)
        return cls(starts, lengths, within + 1 < pieces[owner], (lengths / counts[owner]).astype(np.float32))


def user_rows(log: Interactions, num_users: int) -> NDArray[np.int64]:
    """Where each user's rows begin (num_users + 1). Raises `LogError` for a log that is not sorted by user."""
    falls = np.flatnonzero(np.diff(log.users) < 0)
    if len(falls):
        raise LogError(
            f"row {falls[0] + 1} is of an earlier user than the row before it; sort the log by user and time"
        )
    return log.indptr(num_users)


Visit = Callable[[NDArray[np.int64], torch.Tensor], None]
"""Called with rows (k,) of different users and the states (k, width) before them."""


@torch.no_grad()
def carry(arrays: Arrays, log: Interactions, lengths: NDArray[np.int64], visit: Visit | None = None) -> torch.Tensor:
    """The states (users, width) after the first so many rows (users,) of each user's, from zero.

    arrays: those of the reward model "gru". Users with equally long logs move together, so nothing is padded.
    """
    indptr, width = user_rows(log, len(lengths)), arrays["hidden_bias"].shape[1]
    states = torch.zeros(len(lengths), width)
    item_gates = torch.from_numpy(arrays["item_gates"]).flatten(1)
    value_gates, hidden_bias = (torch.from_numpy(arrays[n]).flatten() for n in ("value_gates", "hidden_bias"))
    hidden_gates = torch.from_numpy(arrays["hidden_gates"]).flatten(1)
    longest_first = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
    for group in np.array_split(longest_first, max(1, -(-len(longest_first) // _TOGETHER))):
        state, ends = torch.zeros(len(group), width), lengths[group]
        for position in range(ends[0] if len(ends) else 0):
            active = int(np.searchsorted(-ends, -position))  # ends fall: how many are beyond this position
            rows, before = indptr[group[:active]] + position, state[:active]
            if visit is not None:
                visit(rows, before)
            values = torch.from_numpy(log.values[rows])[:, None]
            given = item_gates[torch.from_numpy(log.items[rows])] + values * value_gates
            moved(before, given, torch.addmm(hidden_bias, before, hidden_gates))
        states[torch.from_numpy(group)] = state
    return states


def moved(state: torch.Tensor, given: torch.Tensor, carried: torch.Tensor) -> None:
    """Move states (n, width) in place, by torch.nn.GRU's equations; gates (n, 3 width): reset, update, new."""
    width = state.shape[1]
    reset, update = torch.split((given[:, : 2 * width] + carried[:, : 2 * width]).sigmoid_(), width, 1)
    fresh = (given[:, 2 * width :] + reset * carried[:, 2 * width :]).tanh_()
    state.sub_(fresh).mul_(update).add_(fresh)
