"""`simulate`: a fixed quota of sessions on a simulator, its lanes refilled as sessions end.

Every session of the quota runs to its end: "the first n to finish" would favour short sessions, and here a short
session is an early departure. The hot loop has no Python per session; what happened is kept as one small array
a step and put in order at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from leaderboard.evaluate.lanes import Lanes, Log
from leaderboard.hosting.failures import AgentLostError
from leaderboard.traces import Trace
from recsim_envs.errors import AgentError, InvalidActionError, LongrecError
from recsim_envs.families.base import Simulator
from recsim_envs.spec import Agent, Batch, Feedback, Sessions

MOST_LOST: Final = 20
"""Sessions one after another in which an agent may fail, each played alone, before the run is given up."""

Progress = Callable[[int], None]
T = TypeVar("T")


class Witness(Protocol):
    """Looks on while an agent plays; see `leaderboard.evaluate.witness`."""

    def acted(self, agent: Agent, episodes: NDArray[np.int64], sessions: Sessions, seconds: float) -> None:
        """`act` took so long for these sessions, whose numbers are `episodes` (b,). Nothing was done with it yet."""


class Keeper(Protocol):
    """Keeps sessions that have ended, for when the harness is killed; see `leaderboard.evaluate.played`."""

    @property
    def trace(self) -> Trace | None:
        """Those that were kept before, and are not played again."""

    def keep(self, log: Log) -> None:
        """After each step, once the agent has observed it: the time to keep what has ended."""


class Rescue(Protocol):
    """What goes on where an agent in a process of its own has failed; see `leaderboard.evaluate.player`."""

    def again(self, error: AgentLostError) -> Agent:
        """The agent started anew, as ready to act as it was before it failed with `error`."""

    def simulator(self, num_lanes: int) -> Simulator:
        """A simulator of the same task, on which nothing runs."""


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
    rescue: Rescue | None = None,
    keeper: Keeper | None = None,
) -> Trace:
    """Run one session for each of `seeds` (n,) and return them in this order, however many lanes there are.

    The agent must have been `reset` for `simulator.task` and at least `simulator.num_lanes` lanes; it gets the
    rows of running lanes only. `keys` (n,) are its session keys. `privileged` is what its record says, whatever
    the instance says by now. `progress` is called with the number of finished sessions, `witness` after each `act`.
    Sessions that `keeper` kept before are taken from it.

    Where the agent is lost, or answers with something that is no action, its running sessions are begun again by
    `rescue`, one at a time; one in which it fails once more ends there, see `leaderboard.ends.LOST`. Raises
    `AgentError` when the agent fails and there is no rescue, or fails in `MOST_LOST` sessions one after another.
    """
    log = Log(task, training_seed, seeds, simulator.task.action_space.shape or ())
    if keeper is not None and keeper.trace is not None:
        log.take(keeper.trace)
    play = _Play(log, seeds, keys, privileged, progress, witness, keeper)
    waiting = np.flatnonzero(log.ends == "")
    while len(waiting):
        lanes = Lanes(simulator, seeds, keys, waiting)
        try:
            play.all_of(lanes, agent)
        except AgentLostError as error:
            if rescue is None:
                raise
            agent = play.one_by_one(lanes.episodes, rescue, error)
            simulator = rescue.simulator(simulator.num_lanes)
        waiting = lanes.waiting
    return log.trace(np.arange(len(seeds)))


class _Play:
    """One call of `simulate`: what is the same however its sessions are played."""

    def __init__(
        self,
        log: Log,
        seeds: NDArray[np.uint64],
        keys: NDArray[np.uint64],
        privileged: bool,
        progress: Progress | None,
        witness: Witness | None,
        keeper: Keeper | None,
    ) -> None:
        self.log, self._seeds, self._keys, self._privileged = log, seeds, keys, privileged
        self._progress, self._witness, self._keeper = progress, witness, keeper
        self._lost_in_a_row = 0

    def all_of(self, lanes: Lanes, agent: Agent) -> None:
        """Play until every session has ended: the hot loop."""
        simulator, shape, witness = lanes.simulator, self.log.shape, self._witness
        watches = type(agent).observe is not Agent.observe
        while len(lanes.active):
            rows, sessions = lanes.rows, lanes.sessions()
            seen, told = _rows(simulator.observe(), rows), _infos(simulator, rows, self._privileged)
            start = time.perf_counter()
            actions = _act(agent, seen, told, sessions, shape)
            if witness is not None:
                witness.acted(agent, lanes.episodes, sessions, time.perf_counter() - start)
            step = _step(simulator, agent, actions, rows)
            rewards, terminated, truncated = step if rows is None else (a[rows] for a in step)
            over = terminated | truncated
            self.log.add(lanes.step(), actions, rewards)
            if watches:
                after = _rows(simulator.observe(), rows), _infos(simulator, rows, self._privileged)
            if over.any():
                lanes.end(lanes.active[over], self.log)
                if self._progress is not None:
                    self._progress(self.log.finished)
            if watches:  # once the ends are logged: whatever comes of it, those sessions are over
                _observe(agent, sessions, Feedback(actions, rewards, terminated, truncated, *after))
            if self._keeper is not None:
                self._keeper.keep(self.log)

    def one_by_one(self, episodes: NDArray[np.int64], rescue: Rescue, error: AgentLostError) -> Agent:
        """Begin sessions again, each alone, with an agent that is started anew whenever it fails; that agent."""
        self.log.forget(episodes)
        agent = rescue.again(error)
        for episode in episodes:
            lanes = Lanes(rescue.simulator(1), self._seeds, self._keys, np.array([episode]))
            try:
                self.all_of(lanes, agent)
                self._lost_in_a_row = 0
            except AgentLostError as failure:
                self._lose(lanes, failure)
                agent = rescue.again(failure)
        return agent

    def _lose(self, lanes: Lanes, error: AgentLostError) -> None:
        lanes.lose(error.cause, self.log)
        self._lost_in_a_row += 1
        if self._lost_in_a_row == MOST_LOST:
            raise AgentError(
                f"{error} (and so in {MOST_LOST} sessions one after another, each played alone)"
            ) from error


def _rows(arrays: Batch, rows: NDArray[np.int64] | None) -> dict[str, NDArray[Any]]:
    return dict(arrays) if rows is None else {key: array[rows] for key, array in arrays.items()}


def _infos(simulator: Simulator, rows: NDArray[np.int64] | None, privileged: bool) -> dict[str, Any]:
    infos: dict[str, Any] = _rows(simulator.infos(), rows)
    if privileged:
        infos["privileged"] = _privileged(simulator, rows)
    return infos


def _privileged(simulator: Simulator, rows: NDArray[np.int64] | None) -> dict[str, Any]:
    """What a simulator tells oracles, of lanes only these rows."""
    found = simulator.privileged()
    if rows is None:
        return found
    by_lane = {name for name, value in found.items() if isinstance(value, np.ndarray)} - simulator.shared
    return {name: value[rows] if name in by_lane else value for name, value in found.items()}


def _act(agent: Agent, observations: Batch, infos: Batch, sessions: Sessions, shape: tuple[int, ...]) -> NDArray[Any]:
    """What the agent answers, int64 (b, *shape): `shape` is that of one action, () or (k,)."""
    actions = guarded(agent, "act", lambda: np.asarray(agent.act(observations, infos, sessions)))
    if actions.shape != (len(sessions.lanes), *shape) or actions.dtype.kind not in "iu":
        wanted = f"a slate of {shape[0]} integer item ids" if shape else "one integer item id"
        raise AgentLostError(
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
        raise AgentLostError(f"{type(agent).__name__}.act chose an impossible action: {error}") from error


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
