"""`Replay`: all steps of a log as tensors, from which mini-batches are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.states import ITEMS, StateReader
from recsim_envs.errors import AgentError
from recsim_envs.spec import TrainingLog

_CELLS: Final = 2**27
"""Bytes of masks at a time, while a log is read."""


@dataclass(frozen=True, eq=False)
class Steps:
    """A mini-batch of b steps.

    rows: int64 (b,), their places in the log. state, next_state: what `StateReader.read` gives. actions: int64 (b, k),
    k = 1 for single items. rewards: (b,), in units of `Replay.scale`. ended: (b,), 1 where the user left with this
    step and 0 elsewhere, at the horizon too. allowed, next_allowed: bool (b, n), None where everything is.
    """

    rows: torch.Tensor
    state: dict[str, torch.Tensor]
    actions: torch.Tensor
    rewards: torch.Tensor
    next_state: dict[str, torch.Tensor]
    ended: torch.Tensor
    allowed: torch.Tensor | None
    next_allowed: torch.Tensor | None


class Replay:
    """The steps of a log in its order, session after session. Kept in memory: some 400 bytes a step on Games.

    scale: the largest reward in the log, by its absolute value; rewards are divided by it.
    propensities: float64 (rows,), None where the log does not tell them. sessions, steps: int64 (rows,), the session
    of each step and its number in it, from 0. Raises `AgentError` for a log without steps.
    """

    def __init__(self, log: TrainingLog, device: torch.device) -> None:
        self.name, self.device = log.name, device
        self._num_items = log.task.catalogue.num_items
        reader, parts = StateReader(log.task), []
        for told in log.transitions(_sessions_at_a_time(log)):
            parts.append(
                {"actions": told.actions.astype(np.int64).reshape(len(told.actions), -1)}
                | {"rewards": told.rewards, "ended": told.terminated, "sessions": told.sessions, "steps": told.steps}
                | {"propensities": told.propensities, "masks": _packed(told.masks), "later": _packed(told.next_masks)}
                | {"now/" + key: _lean(key, array) for key, array in reader.read(told.observations).items()}
                | {"next/" + key: _lean(key, array) for key, array in reader.read(told.next_observations).items()}
            )
        if not parts:
            raise AgentError(f"log {log.name} has no sessions to learn from; make a larger one")
        whole = {key: _joined(part[key] for part in parts) for key in parts[0]}
        self.propensities = whole["propensities"]
        self.sessions, self.steps = whole["sessions"], whole["steps"]
        self.scale = float(np.abs(whole["rewards"]).max()) or 1.0
        self.actions = self._tensor(whole["actions"])
        self.rewards = self._tensor((whole["rewards"] / self.scale).astype(np.float32))
        self.ended = self._tensor(whole["ended"].astype(np.float32))
        self.state = {k[4:]: self._tensor(v) for k, v in whole.items() if k.startswith("now/")}
        self._next = {k[5:]: self._tensor(v) for k, v in whole.items() if k.startswith("next/")}
        self._masks = None if whole["masks"] is None else self._tensor(whole["masks"])
        self._later = None if whole["later"] is None else self._tensor(whole["later"])

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def __len__(self) -> int:
        return len(self.rewards)

    def last_steps(self) -> torch.Tensor:
        """Rows of each session's last step, int64 (sessions,): what is seen after it is all that the session shows."""
        ends = np.append(np.flatnonzero(self.sessions[1:] != self.sessions[:-1]), len(self) - 1)
        return torch.from_numpy(ends).to(self.device)

    def draw(self, count: int) -> Steps:
        """`count` steps, each of the log's with the same chance, from torch's generator of the CPU."""
        return self.at(torch.randint(len(self), (count,)).to(self.device))

    def at(self, rows: torch.Tensor) -> Steps:
        """The steps in `rows`, int64 (b,)."""
        return Steps(
            rows=rows,
            state={key: array[rows] for key, array in self.state.items()},
            actions=self.actions[rows],
            rewards=self.rewards[rows],
            next_state={key: array[rows] for key, array in self._next.items()},
            ended=self.ended[rows],
            allowed=self._allowed(self._masks, rows),
            next_allowed=self._allowed(self._later, rows),
        )

    def _allowed(self, packed: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor | None:
        if packed is None:
            return None
        bits = (packed[rows].unsqueeze(2) >> torch.arange(8, device=self.device)) & 1
        return bits.flatten(1)[:, : self._num_items].bool()

    def returns(self, gamma: float) -> NDArray[np.float64]:
        """The discounted sum of the rewards from each step to its session's end, in units of `scale`: (rows,)."""
        out = self.rewards.cpu().numpy().astype(np.float64)
        longest = int(self.steps.max())
        for step in range(longest - 1, -1, -1):
            rows = np.flatnonzero(self.steps == step)
            rows = rows[(rows + 1 < len(out))]
            rows = rows[self.sessions[rows + 1] == self.sessions[rows]]
            out[rows] += gamma * out[rows + 1]
        return out

    def demand_propensities(self, agent: str) -> NDArray[np.float64]:
        """The propensities; raises `AgentError` naming the log where it does not tell them."""
        if self.propensities is None:
            raise AgentError(
                f"{agent} weighs steps by the propensities of their actions, and log {self.name} does not tell them; "
                "make a log with `longrec logs make`, or use an agent that needs none"
            )
        return self.propensities


def _sessions_at_a_time(log: TrainingLog) -> int:
    """As many as fit, should each step have a mask."""
    width = log.task.catalogue.num_items * (2 if not log.task.candidates else 1)
    a_session = max(1.0, log.num_steps / max(1, log.num_sessions)) * width
    return int(min(1024, max(1, _CELLS // a_session)))


def _lean(key: str, array: NDArray[Any]) -> NDArray[Any]:
    """Item ids in half the memory."""
    return array.astype(np.int32) if key.endswith(ITEMS) else array


def _packed(mask: NDArray[np.bool_] | None) -> NDArray[np.uint8] | None:
    return None if mask is None else np.packbits(mask, axis=1, bitorder="little")


def _joined(parts: Iterable[NDArray[Any] | None]) -> Any:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None
