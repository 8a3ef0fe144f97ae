"""Which sessions of a quota run in which lanes of a simulator, and what happened in them, in order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leaderboard.traces import Trace, step_tags
from recsim_envs.families.base import Simulator
from recsim_envs.spec import Sessions


class Log:
    """What happened in a cell's sessions, one chunk of arrays a step, and its ordering by session.

    `seeds` (n,) are those of the sessions, `shape` is that of one action. A session ended where `ends` has a word.
    """

    def __init__(self, task: int, training_seed: int, seeds: NDArray[np.uint64], shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.lengths = np.zeros(len(seeds), np.int64)
        self.ends = np.full(len(seeds), "", dtype=object)
        self.finished = 0
        self._task, self._training_seed, self._seeds = task, training_seed, seeds
        self._chunks: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]] = []

    def add(self, episodes: NDArray[np.int64], actions: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        """Keep a step of some sessions."""
        self._chunks.append((episodes, actions.astype(np.int32), rewards.astype(np.float32)))

    def end(self, episodes: NDArray[np.int64], lengths: NDArray[np.int64], causes: Any) -> None:
        """Note how some sessions ended, and after how many steps."""
        self.lengths[episodes], self.ends[episodes] = lengths, causes
        self.finished += len(episodes)

    def take(self, trace: Trace) -> None:
        """Know sessions that were played before, as if they had been played here."""
        numbers = np.repeat(trace.episode, trace.lengths)
        self._chunks.append((numbers, trace.actions.reshape(-1, *self.shape), trace.rewards))
        self.end(trace.episode, trace.lengths, trace.ends)

    def forget(self, episodes: NDArray[np.int64]) -> None:
        """Drop the steps of sessions that have not ended: they are begun again."""
        kept = [(chunk, ~np.isin(chunk[0], episodes)) for chunk in self._chunks]
        self._chunks = [(numbers[k], actions[k], rewards[k]) for (numbers, actions, rewards), k in kept]

    def trace(self, episodes: NDArray[np.int64]) -> Trace:
        """Sessions that have ended, by number and in order."""
        seeds, offsets = self._seeds[episodes], np.concatenate([[0], np.cumsum(self.lengths[episodes])])
        placed, rewards = np.empty((offsets[-1], *self.shape), np.int32), np.empty(offsets[-1], np.float32)
        cursor = np.full(len(self.ends), -1)
        cursor[episodes] = offsets[:-1]
        for chunk in self._chunks:
            _place(*chunk, cursor, placed, rewards)
        actions = placed.reshape(-1)
        return Trace(
            task=np.full(len(seeds), self._task),
            training_seed=np.full(len(seeds), self._training_seed),
            episode=episodes,
            episode_seed=seeds,
            offsets=offsets,
            item_offsets=offsets * math.prod(self.shape),
            actions=actions,
            rewards=rewards,
            tags=step_tags(seeds, offsets, actions, rewards),
            ends=self.ends[episodes],
        )


class Lanes:
    """Which session each lane holds, and how far it is. Lanes of ended sessions are refilled until none are left.

    `episodes`, int64 (m,), are the numbers of the sessions to be played, indices into `seeds` and `keys`. No other
    session may run on the simulator.
    """

    def __init__(
        self,
        simulator: Simulator,
        seeds: NDArray[np.uint64],
        keys: NDArray[np.uint64],
        episodes: NDArray[np.int64],
    ) -> None:
        self.simulator = simulator
        self._seeds, self._all_keys, self._all_episodes = seeds, keys, episodes
        self._session = np.zeros(simulator.num_lanes, np.int64)
        self._steps = np.zeros(simulator.num_lanes, np.int64)
        self._keys = np.zeros(simulator.num_lanes, np.uint64)
        self._started = 0
        self.active = np.arange(min(simulator.num_lanes, len(episodes)))
        self._begin(self.active)

    @property
    def waiting(self) -> NDArray[np.int64]:
        """The numbers of the sessions that have not begun."""
        return self._all_episodes[self._started :]

    @property
    def rows(self) -> NDArray[np.int64] | None:
        """The lanes that hold a running session; None where all do, which spares copies."""
        return None if len(self.active) == self.simulator.num_lanes else self.active

    @property
    def episodes(self) -> NDArray[np.int64]:
        """The numbers of the running sessions."""
        return self._session[self.active]

    def sessions(self) -> Sessions:
        """The running sessions, as agents see them: copies, whatever they write into them."""
        return Sessions(lanes=self.active.copy(), keys=self._keys[self.active], steps=self._steps[self.active])

    def step(self) -> NDArray[np.int64]:
        """Count a step of every running session; their numbers."""
        self._steps[self.active] += 1
        return self.episodes

    def end(self, ended: NDArray[np.int64], log: Log) -> None:
        """Log how the sessions of these lanes ended, and start the next ones in them."""
        log.end(self._session[ended], self._steps[ended], self.simulator.causes(ended))
        refilled = ended[: len(self.waiting)]
        if len(refilled):
            self._begin(refilled)
        if len(refilled) < len(ended):
            self.active = np.setdiff1d(self.active, ended[len(refilled) :], assume_unique=True)

    def lose(self, cause: str, log: Log) -> None:
        """Log that the running sessions ended after the steps that they had, through no doing of their users."""
        log.end(self.episodes, self._steps[self.active], cause)

    def _begin(self, lanes: NDArray[np.int64]) -> None:
        fresh = self._all_episodes[self._started : self._started + len(lanes)]
        self._session[lanes] = fresh
        self._keys[lanes] = self._all_keys[fresh]
        self._steps[lanes] = 0
        self._started += len(lanes)
        self.simulator.begin(lanes, self._seeds[fresh])


@njit(cache=True)  # type: ignore[untyped-decorator]
def _place(episodes: Any, actions: Any, rewards: Any, cursor: Any, all_actions: Any, all_rewards: Any) -> None:
    """Put one step of some sessions where each session's steps go, and move these sessions' cursors on; below 0 it is
    none of those that are wanted.
    """
    for i in range(len(episodes)):
        place = cursor[episodes[i]]
        if place >= 0:
            all_actions[place] = actions[i]  # an item, or a row of them
            all_rewards[place] = rewards[i]
            cursor[episodes[i]] = place + 1
