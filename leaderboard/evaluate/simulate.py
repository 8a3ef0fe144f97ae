"""`simulate`: a fixed quota of sessions on a simulator, its lanes refilled as sessions end.

Every session of the quota runs to its end: "the first n to finish" would favour short sessions, and here a short
session is an early departure. The hot loop has no Python per session; what happened is kept as one small array
a step and put in order at the end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leaderboard.traces import Trace, step_tags
from recsim_envs.errors import AgentError, InvalidActionError, LongrecError
from recsim_envs.families.base import Simulator
from recsim_envs.spec import Agent, Batch, Feedback, Sessions

Progress = Callable[[int], None]
T = TypeVar("T")


class Witness(Protocol):
    """Looks on while an agent plays; see `leaderboard.evaluate.witness`."""

    def acted(self, agent: Agent, episodes: NDArray[np.int64], sessions: Sessions, seconds: float) -> None:
        """`act` took so long for these sessions, whose numbers are `episodes` (b,). Nothing was done with it yet."""


class _Log:
    """What happened, one chunk of arrays a step, and its ordering by session."""

    def __init__(self, episodes: int, shape: tuple[int, ...]) -> None:
        self._shape = shape  # of one action
        self.lengths = np.zeros(episodes, np.int64)
        self.ends = np.full(episodes, "", dtype=object)
        self._chunks: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]] = []

    def add(self, episodes: NDArray[np.int64], actions: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        self._chunks.append((episodes, actions.astype(np.int32), rewards.astype(np.float32)))

    def trace(self, task: int, training_seed: int, seeds: NDArray[np.uint64]) -> Trace:
        offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        placed, rewards = np.empty((offsets[-1], *self._shape), np.int32), np.empty(offsets[-1], np.float32)
        cursor = offsets[:-1].copy()
        for chunk in self._chunks:
            _place(*chunk, cursor, placed, rewards)
        actions = placed.reshape(-1)
        return Trace(
            task=np.full(len(seeds), task),
            training_seed=np.full(len(seeds), training_seed),
            episode=np.arange(len(seeds)),
            episode_seed=seeds,
            offsets=offsets,
            item_offsets=offsets * math.prod(self._shape),
            actions=actions,
            rewards=rewards,
            tags=step_tags(seeds, offsets, actions, rewards),
            ends=self.ends,
        )


class _Lanes:
    """Which session each lane holds, and how far it is. Lanes of ended sessions are refilled until none are left."""

    def __init__(self, simulator: Simulator, seeds: NDArray[np.uint64], keys: NDArray[np.uint64]) -> None:
        self._simulator, self._seeds, self._all_keys = simulator, seeds, keys
        self._session = np.zeros(simulator.num_lanes, np.int64)
        self._steps = np.zeros(simulator.num_lanes, np.int64)
        self._keys = np.zeros(simulator.num_lanes, np.uint64)
        self._started = 0
        self.active = np.arange(min(simulator.num_lanes, len(seeds)))
        self._begin(self.active)

    @property
    def finished(self) -> int:
        """Sessions that have ended."""
        return self._started - len(self.active)

    @property
    def rows(self) -> NDArray[np.int64] | None:
        """The lanes that hold a running session; None where all do, which spares copies."""
        return None if len(self.active) == self._simulator.num_lanes else self.active

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

    def end(self, ended: NDArray[np.int64], log: _Log) -> None:
        """Log how the sessions of these lanes ended, and start the next ones in them."""
        sessions = self._session[ended]
        log.lengths[sessions] = self._steps[ended]
        log.ends[sessions] = self._simulator.causes(ended)
        refilled = ended[: len(self._seeds) - self._started]
        if len(refilled):
            self._begin(refilled)
        if len(refilled) < len(ended):
            self.active = np.setdiff1d(self.active, ended[len(refilled) :], assume_unique=True)

    def _begin(self, lanes: NDArray[np.int64]) -> None:
        fresh = slice(self._started, self._started + len(lanes))
        self._session[lanes] = np.arange(fresh.start, fresh.stop)
        self._keys[lanes] = self._all_keys[fresh]
        self._steps[lanes] = 0
        self._started = fresh.stop
        self._simulator.begin(lanes, self._seeds[fresh])


@njit(cache=True)  # type: ignore[untyped-decorator]
def _place(episodes: Any, actions: Any, rewards: Any, cursor: Any, all_actions: Any, all_rewards: Any) -> None:
    """Put one step of some sessions where each session's steps go, and move these sessions' cursors on."""
    for i in range(len(episodes)):
        place = cursor[episodes[i]]
        all_actions[place] = actions[i]  # an item, or a row of them
        all_rewards[place] = rewards[i]
        cursor[episodes[i]] = place + 1


def simulate(
    agent: Agent,
    simulator: Simulator,
    seeds: NDArray[np.uint64],
    keys: NDArray[np.uint64],
    *,
    task: int = 0,
    training_seed: int = 0,
    privileged: bool = False,
    progress: Progress | None = None,
    witness: Witness | None = None,
) -> Trace:
    """Run one session for each of `seeds` (n,) and return them in this order, however many lanes there are.

    The agent must have been `reset` for `simulator.task` and at least `simulator.num_lanes` lanes; it gets the
    rows of running lanes only. `keys` (n,) are its session keys. `privileged` is what its record says, whatever
    the instance says by now. `progress` is called with the number of finished sessions, `witness` after each `act`.
    Raises `AgentError` when the agent fails or answers with something that is no action.
    """
    shape: tuple[int, ...] = simulator.task.action_space.shape or ()
    lanes, log = _Lanes(simulator, seeds, keys), _Log(len(seeds), shape)
    watches = type(agent).observe is not Agent.observe
    while len(lanes.active):
        rows, sessions = lanes.rows, lanes.sessions()
        seen, told = _rows(simulator.observe(), rows), _infos(simulator, rows, privileged)
        start = time.perf_counter()
        actions = _act(agent, seen, told, sessions, shape)
        if witness is not None:
            witness.acted(agent, lanes.episodes, sessions, time.perf_counter() - start)
        step = _step(simulator, agent, actions, rows)
        rewards, terminated, truncated = step if rows is None else (a[rows] for a in step)
        over = terminated | truncated
        log.add(lanes.step(), actions, rewards)
        if watches:
            after = _rows(simulator.observe(), rows), _infos(simulator, rows, privileged)
            _observe(agent, sessions, Feedback(actions, rewards, terminated, truncated, *after))
        if over.any():
            lanes.end(lanes.active[over], log)
            if progress is not None:
                progress(lanes.finished)
    return log.trace(task, training_seed, seeds)


def _rows(arrays: Batch, rows: NDArray[np.int64] | None) -> dict[str, NDArray[Any]]:
    return dict(arrays) if rows is None else {key: array[rows] for key, array in arrays.items()}


def _lane_rows(value: Any, rows: NDArray[np.int64], simulator: Simulator) -> Any:
    """The rows of an array that has one a lane; other arrays are constants, such as the items' vectors."""
    by_lane = isinstance(value, np.ndarray) and value.ndim > 0 and len(value) == simulator.num_lanes
    return value[rows] if by_lane else value


def _infos(simulator: Simulator, rows: NDArray[np.int64] | None, privileged: bool) -> dict[str, Any]:
    infos: dict[str, Any] = _rows(simulator.infos(), rows)
    if privileged:
        hidden = simulator.privileged()
        infos["privileged"] = {k: v if rows is None else _lane_rows(v, rows, simulator) for k, v in hidden.items()}
    return infos


def _act(agent: Agent, observations: Batch, infos: Batch, sessions: Sessions, shape: tuple[int, ...]) -> NDArray[Any]:
    """What the agent answers, int64 (b, *shape): `shape` is that of one action, () or (k,)."""
    actions = guarded(agent, "act", lambda: np.asarray(agent.act(observations, infos, sessions)))
    if actions.shape != (len(sessions.lanes), *shape) or actions.dtype.kind not in "iu":
        wanted = f"a slate of {shape[0]} integer item ids" if shape else "one integer item id"
        raise AgentError(
            f"{type(agent).__name__}.act returned {actions.dtype} of shape {actions.shape} for {len(sessions.lanes)} "
            f"sessions; return {wanted} a row, of shape {(len(sessions.lanes), *shape)}"
        )
    return actions.astype(np.int64, copy=False)


def _step(simulator: Simulator, agent: Agent, actions: NDArray[Any], rows: NDArray[np.int64] | None) -> Any:
    if rows is not None:
        whole = np.zeros((simulator.num_lanes, *actions.shape[1:]), np.int64)  # lanes that are over ignore their action
        whole[rows] = actions
        actions = whole
    try:
        return simulator.step(actions)
    except InvalidActionError as error:
        raise AgentError(f"{type(agent).__name__}.act chose an impossible action: {error}") from error


def _observe(agent: Agent, sessions: Sessions, feedback: Feedback) -> None:
    guarded(agent, "observe", lambda: agent.observe(sessions, feedback))


def guarded(agent: Agent, method: str, call: Callable[[], T]) -> T:
    """Call an agent's method; whatever it raises that is not ours becomes an `AgentError` naming the method.

    `sys.exit` too: it would end the harness as if all were done.
    """
    try:
        return call()
    except LongrecError:
        raise
    except (Exception, SystemExit) as error:
        raise AgentError(f"{type(agent).__name__}.{method} failed: {error!r}") from error
