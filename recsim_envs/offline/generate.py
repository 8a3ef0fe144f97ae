"""`generate`: a log from its spec. Lanes are refilled as sessions end; no line of Python runs once a session."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs.families.base import Simulator
from recsim_envs.offline.log import OfflineLog, returns_of
from recsim_envs.offline.policies import LogPolicy
from recsim_envs.offline.spec import DatasetSpec
from recsim_envs.registration import make_simulator

LANES: Final = 4096
MASKED_LANES: Final = 256
MASK_BYTES: Final = 2**27  # a mask has a byte for every item and lane
PACKAGES: Final = ("longrec", "numpy", "numba", "pyarrow")


def generate(spec: DatasetSpec, *, lanes: int | None = None) -> OfflineLog:
    """Play the sessions of `spec` on the users of its split. The number of lanes changes nothing but speed and memory.

    Takes about 40 bytes a step. Raises what `make_simulator` raises, and `ConfigurationError` where the environment
    gives the policy nothing public to go by.
    """
    simulator = log_simulator(spec, lanes or fitting_lanes(log_simulator(spec, 1), spec.sessions))
    policy = LogPolicy(spec.policy, simulator.task, simulator.num_lanes, spec.epsilon)
    seeds = spec.episode_seeds()
    starts = _starts(simulator, seeds)
    sessions, rows = _play(simulator, policy, seeds, spec.session_keys())
    offsets = np.concatenate([[0], np.cumsum(sessions.lengths)])
    actions, rewards, propensities = rows.in_order(offsets)
    return OfflineLog(
        offsets=offsets,
        actions=actions if simulator.task.slate_size is not None else actions[:, 0],
        rewards=rewards,
        propensities=propensities,
        components=sessions.components,
        terminated=sessions.terminated,
        ends=sessions.ends,
        seeds=seeds,
        starts=starts,
        facts=facts(spec, simulator, policy.components),
    )


def returns(
    spec: DatasetSpec, policy: str, seeds: NDArray[np.uint64], keys: NDArray[np.uint64], steps: int | None = None
) -> NDArray[np.float64]:
    """What any named policy earns in sessions of these seeds on the environment of `spec`, or in their first `steps`.

    `seeds` and `keys` are uint64 (n,), the result float64 (n,).
    """
    simulator = log_simulator(spec, fitting_lanes(log_simulator(spec, 1), len(seeds)))
    played = LogPolicy(policy, simulator.task, simulator.num_lanes, spec.epsilon)
    sessions, rows = _play(simulator, played, seeds, keys)
    offsets = np.concatenate([[0], np.cumsum(sessions.lengths)])
    return returns_of(offsets, rows.in_order(offsets)[1], steps)


def log_simulator(spec: DatasetSpec, lanes: int) -> Simulator:
    """The simulator that a log of `spec` is played on."""
    return make_simulator(spec.env_id, lanes, **(dict(spec.options) | {"split": spec.split}))


def fitting_lanes(simulator: Simulator, sessions: int) -> int:
    """How many lanes of such a simulator are quick and small enough: fewer where masks of all items are shown."""
    if "action_mask" not in simulator.infos():
        return min(sessions, LANES)
    fitting = MASK_BYTES // simulator.task.catalogue.num_items
    return max(1, min(sessions, MASKED_LANES, fitting))


def facts(spec: DatasetSpec, simulator: Simulator, components: tuple[str, ...]) -> dict[str, Any]:
    """Where a log comes from: JSON. Nothing in it depends on when or by whom the log was made."""
    from recsim_envs.fingerprint import golden
    from recsim_envs.offline.observations import shape_of

    world, sha256 = simulator.provenance()
    return {
        "id": spec.id,
        "env_id": spec.env_id,
        "options": dict(spec.options),
        "split": spec.split,
        "world": world,
        "world_sha256": sha256,
        "fingerprint": "" if spec.options else golden().get(spec.env_id, ""),
        "policy": spec.policy,
        "parameters": {"epsilon": spec.epsilon},
        "components": list(components),
        "sessions": spec.sessions,
        "seed": spec.seed,
        "version": spec.version,
        **shape_of(simulator),
        "packages": {name: version(name) for name in PACKAGES},
    }


class _Sessions:
    """What there is one of for each session."""

    def __init__(self, count: int) -> None:
        self.lengths = np.zeros(count, np.int64)
        self.components = np.zeros(count, np.int8)
        self.terminated = np.zeros(count, np.bool_)
        self.ends = np.full(count, "", dtype=object)


class _Rows:
    """Steps in the order in which they happened, in arrays that double when they are full."""

    def __init__(self, lanes: int, width: int) -> None:
        self._count, size = np.zeros(1, np.int64), 16 * lanes
        self._arrays: list[NDArray[Any]] = [
            np.empty(size, np.int32),
            np.empty((size, width), np.int32),
            np.empty(size, np.float32),
            np.empty(size, np.float64),
        ]

    def add(
        self, running: Any, sessions: Any, actions: NDArray[np.int64], rewards: Any, propensities: Any, lengths: Any
    ) -> None:
        """Append a step of every running lane and count it in `lengths` of its session."""
        if int(self._count[0]) + len(running) > len(self._arrays[0]):
            self._arrays = [np.concatenate([a, np.empty_like(a)]) for a in self._arrays]
        wide = actions.reshape(len(running), -1)
        _append(running, sessions, wide, rewards, propensities, lengths, self._count, *self._arrays)

    def in_order(self, offsets: NDArray[np.int64]) -> tuple[Any, Any, Any]:
        """Actions (rows, k), rewards and propensities, session by session."""
        count = int(self._count[0])
        sessions, *columns = (array[:count] for array in self._arrays)
        placed = [np.empty_like(column) for column in columns]
        _place(sessions, offsets[:-1].copy(), *columns, *placed)
        return placed[0], placed[1], placed[2]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _append(
    running: Any, sessions: Any, actions: Any, rewards: Any, propensities: Any, lengths: Any, count: Any,
    all_sessions: Any, all_actions: Any, all_rewards: Any, all_propensities: Any,
) -> None:  # fmt: skip
    place = count[0]
    for b in range(len(running)):
        if running[b]:
            all_sessions[place] = sessions[b]
            for slot in range(actions.shape[1]):
                all_actions[place, slot] = actions[b, slot]
            all_rewards[place] = rewards[b]
            all_propensities[place] = propensities[b]
            lengths[sessions[b]] += 1
            place += 1
    count[0] = place


@njit(cache=True)  # type: ignore[untyped-decorator]
def _place(
    sessions: Any, cursor: Any, actions: Any, rewards: Any, propensities: Any,
    to_actions: Any, to_rewards: Any, to_propensities: Any,
) -> None:  # fmt: skip
    for i in range(len(sessions)):
        place = cursor[sessions[i]]
        for slot in range(actions.shape[1]):
            to_actions[place, slot] = actions[i, slot]
        to_rewards[place] = rewards[i]
        to_propensities[place] = propensities[i]
        cursor[sessions[i]] = place + 1


def _starts(simulator: Simulator, seeds: NDArray[np.uint64]) -> dict[str, NDArray[Any]]:
    """What can be seen at the start of each session. Looked at beforehand, so that play copies no observation."""
    blocks = []
    for first in range(0, len(seeds), simulator.num_lanes):
        some = seeds[first : first + simulator.num_lanes]
        simulator.begin(np.arange(len(some)), some)
        blocks.append({key: array[: len(some)] for key, array in simulator.observe().items()})
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


def _play(
    simulator: Simulator, policy: LogPolicy, seeds: NDArray[np.uint64], keys: NDArray[np.uint64]
) -> tuple[_Sessions, _Rows]:
    """Play every session to its end. There are no more lanes than sessions."""
    rows = _Rows(simulator.num_lanes, policy.width)
    found, session = _Sessions(len(seeds)), np.zeros(simulator.num_lanes, np.int64)
    running, started, free = np.zeros(simulator.num_lanes, np.bool_), 0, np.arange(simulator.num_lanes)
    while True:
        if len(free) and started < len(seeds):
            lanes = free[: len(seeds) - started]
            fresh = slice(started, started + len(lanes))
            session[lanes], started = np.arange(fresh.start, fresh.stop), fresh.stop
            simulator.begin(lanes, seeds[fresh])
            policy.begin(lanes, keys[fresh])
            found.components[fresh] = policy.chosen[lanes]
            running[lanes] = True
        if not running.any():
            return found, rows
        actions, propensities = policy.act(running, simulator)
        step = simulator.step(actions)
        rows.add(running, session, actions, step.rewards, propensities, found.lengths)
        free = np.flatnonzero(running & (step.terminated | step.truncated))
        if len(free):
            ended = session[free]
            found.terminated[ended] = step.terminated[free]
            found.ends[ended] = simulator.causes(free)
            running[free] = False
