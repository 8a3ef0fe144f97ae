"""`simulate`: a fixed quota of sessions on a simulator, its lanes refilled as sessions end.

Every session of the quota runs to its end: "the first n to finish" would favour short sessions, and here a short
session is an early departure. The hot loop has no Python per session; what happened is kept as one small array
a step and put in order at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leaderboard.traces import Trace, step_tags
from recsim_envs.errors import AgentError, InvalidActionError, LongrecError
from recsim_envs.families.base import Simulator
from recsim_envs.spec import Agent, Batch, Feedback, Sessions

Progress = Callable[[int], None]


class _Log:
    """What happened, one chunk of arrays a step, and its ordering by session."""

    def __init__(self, episodes: int) -> None:
        self.lengths = np.zeros(episodes, np.int64)
        self.ends = np.full(episodes, "", dtype=object)
        self._chunks: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]] = []

    def add(self, episodes: NDArray[np.int64], actions: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        self._chunks.append((episodes, actions.astype(np.int32), rewards.astype(np.float32)))
        self.lengths[episodes] += 1

    def trace(self, task: int, training_seed: int, seeds: NDArray[np.uint64]) -> Trace:
        offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        actions, rewards = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.float32)
        cursor = offsets[:-1].copy()
        for chunk in self._chunks:
            _place(*chunk, cursor, actions, rewards)
        return Trace(
            task=np.full(len(seeds), task),
            training_seed=np.full(len(seeds), training_seed),
            episode=np.arange(len(seeds)),
            episode_seed=seeds,
            offsets=offsets,
            actions=actions,
            rewards=rewards,
            tags=step_tags(seeds, offsets, actions, rewards),
            ends=self.ends,
        )


@njit(cache=True)  # type: ignore[untyped-decorator]
def _place(episodes: Any, actions: Any, rewards: Any, cursor: Any, all_actions: Any, all_rewards: Any) -> None:
    """Put one step of some sessions where each session's steps go, and move these sessions' cursors on."""
    for i in range(len(episodes)):
        place = cursor[episodes[i]]
        all_actions[place], all_rewards[place] = actions[i], rewards[i]
        cursor[episodes[i]] = place + 1


def simulate(
    agent: Agent,
    simulator: Simulator,
    seeds: NDArray[np.uint64],
    keys: NDArray[np.uint64],
    *,
    task: int = 0,
    training_seed: int = 0,
    progress: Progress | None = None,
) -> Trace:
    """Run one session for each of `seeds` (n,) and return them in this order, however many lanes there are.

    The agent must have been `reset` for `simulator.task` and at least `simulator.num_lanes` lanes; it gets the
    rows of running lanes only. `keys` (n,) are its session keys. `progress` is called with the number of
    finished sessions. Raises `AgentError` when the agent fails or answers with something that is no action.
    """
    total, lanes = len(seeds), min(simulator.num_lanes, len(seeds))
    log = _Log(total)
    session = np.arange(simulator.num_lanes)  # which session each lane holds
    active = np.arange(lanes)
    started = lanes
    simulator.begin(active, seeds[:lanes])
    watches = type(agent).observe is not Agent.observe
    while len(active):
        episodes = session[active]
        rows = None if len(active) == simulator.num_lanes else active
        sessions = Sessions(lanes=active, keys=keys[episodes], steps=log.lengths[episodes])
        actions = _act(agent, _rows(simulator.observe(), rows), _infos(simulator, agent, rows), sessions)
        step = _step(simulator, agent, actions, active, rows)
        rewards, terminated, truncated = step if rows is None else (a[rows] for a in step)
        log.add(episodes, actions, rewards)
        if watches:
            after = _rows(simulator.observe(), rows), _infos(simulator, agent, rows)
            _call(agent, "observe", sessions, Feedback(actions, rewards, terminated, truncated, *after))
        ended = active[terminated | truncated]
        if len(ended):
            log.ends[session[ended]] = np.array(simulator.causes(), dtype=object)[ended]
            refilled = ended[: total - started]
            session[refilled] = np.arange(started, started + len(refilled))
            started += len(refilled)
            if len(refilled):
                simulator.begin(refilled, seeds[session[refilled]])
            if len(refilled) < len(ended):
                active = np.setdiff1d(active, ended[len(refilled) :], assume_unique=True)
            if progress is not None:
                progress(started - len(active))
    return log.trace(task, training_seed, seeds)


def _rows(arrays: Batch, rows: NDArray[np.int64] | None) -> dict[str, NDArray[Any]]:
    return dict(arrays) if rows is None else {key: array[rows] for key, array in arrays.items()}


def _infos(simulator: Simulator, agent: Agent, rows: NDArray[np.int64] | None) -> dict[str, Any]:
    infos: dict[str, Any] = _rows(simulator.infos(), rows)
    if agent.privileged:
        hidden = simulator.hidden()  # its arrays have one row a lane
        infos["privileged"] = {
            k: v[rows] if rows is not None and isinstance(v, np.ndarray) else v for k, v in hidden.items()
        }
    return infos


def _act(agent: Agent, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[Any]:
    actions = np.asarray(_call(agent, "act", observations, infos, sessions))
    if actions.shape != sessions.lanes.shape or actions.dtype.kind not in "iu":
        raise AgentError(
            f"{type(agent).__name__}.act returned {actions.dtype} of shape {actions.shape} for {len(sessions.lanes)} "
            f"sessions; return one integer item id a row"
        )
    return actions.astype(np.int64, copy=False)


def _step(
    simulator: Simulator, agent: Agent, actions: NDArray[Any], active: NDArray[np.int64], rows: NDArray[np.int64] | None
) -> Any:
    if rows is not None:
        whole = np.zeros(simulator.num_lanes, np.int64)  # lanes that are over ignore their action
        whole[active] = actions
        actions = whole
    try:
        return simulator.step(actions)
    except InvalidActionError as error:
        raise AgentError(f"{type(agent).__name__}.act chose an impossible action: {error}") from error


def _call(agent: Agent, method: str, *arguments: Any) -> Any:
    try:
        return getattr(agent, method)(*arguments)
    except LongrecError:
        raise
    except Exception as error:
        raise AgentError(f"{type(agent).__name__}.{method} failed: {error!r}") from error
