"""The best fixed cycle: what a policy that knows nothing of its user can gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.cycle_search import CycleSearch
from baselines.files import read_json
from baselines.selection import allowed_items, replace_forbidden, require_items
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.files import write_json
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec, TrainingEnvs


class FixedCycleAgent(Agent):
    """Shows the same few items, or slates, to everybody, over and over: the cycle that earned most on training users.

    lengths: cycle lengths to choose from. pool: how many of the best items, by popularity x mean reward and by
    mean reward, cycles are made of. default_episodes: how many sessions to search for where the budget does not
    count them. See `baselines.cycle_search.CycleSearch` for the search.
    """

    trains = True

    def __init__(self, *, lengths: Sequence[int] = (2, 3, 4, 5), pool: int = 20, default_episodes: int = 1000) -> None:
        if not lengths or min(lengths) < 1 or pool < max(lengths) or default_episodes < 2:
            raise ConfigurationError(
                f"lengths {list(lengths)}, pool {pool}, default_episodes {default_episodes}: lengths must be at "
                "least 1, the pool at least the longest of them, and episodes at least 2"
            )
        self.lengths, self.pool, self.default_episodes = tuple(lengths), pool, default_episodes
        self._cycle: NDArray[np.int64] | None = None
        self._facts: dict[str, Any] = {}

    def train(self, envs: TrainingEnvs, seed: int) -> None:
        """Search within the budget; deterministic in `seed` and the environments.

        Raises `AgentError` for items that are drawn anew for each step.
        """
        require_items(self, envs.task)
        episodes = envs.remaining().episodes
        search = CycleSearch(envs, self.lengths, self.pool, episodes or self.default_episodes, seed)
        search.run()
        cycle, mean_return, sessions = search.best()
        self._cycle = np.array(cycle, np.int64)
        self._facts = {
            "cycle": self._cycle.tolist(),
            "train_return": mean_return,
            "train_sessions_of_cycle": sessions,
            "candidates": len(search.candidates),
        }

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Check that the cycle fits the catalogue."""
        if self._cycle is None:
            raise AgentError("fixed-cycle has no cycle yet; train it or load one")
        require_items(self, task)
        fits = self._cycle.shape[1:] == (() if task.slate_size is None else (task.slate_size,))
        if not fits or self._cycle.min() < 0 or self._cycle.max() >= task.catalogue.num_items:
            raise AgentError(f"the cycle {self._cycle.tolist()} is not of this catalogue; train on {task.env_id}")
        self._priority = task.catalogue.mean_reward

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The cycle's item or slate of this step; where it is forbidden, the best-rated allowed one."""
        assert self._cycle is not None
        wanted = self._cycle[sessions.steps % len(self._cycle)]
        return replace_forbidden(wanted, self._priority, allowed_items(infos))

    def describe(self) -> Mapping[str, Any]:
        """The cycle, and how it did in training."""
        return self._facts

    def save(self, path: Path) -> None:
        """Write `cycle.json`."""
        if self._cycle is None:
            raise AgentError("fixed-cycle has no cycle yet; there is nothing to save")
        write_json(path / "cycle.json", self._facts)

    def load(self, path: Path) -> None:
        """Read `cycle.json`."""
        self._facts = read_json(path / "cycle.json", "cycle")
        cycle = self._facts["cycle"]
        try:
            read = np.array(cycle)
        except ValueError:  # slates of different sizes
            read = np.zeros(0)
        if read.ndim not in (1, 2) or not read.size or read.dtype != np.int64:
            raise AgentError(
                f"{path / 'cycle.json'}: field cycle must be a list of item ids, or of slates; train the agent again"
            )
        self._cycle = read
