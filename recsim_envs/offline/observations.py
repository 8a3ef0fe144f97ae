"""What agents could see in the sessions of a log, rebuilt bit for bit, and transitions for offline agents.

Where observations are a history and a window of what was shown, they follow from the log's own tables. Anywhere else
(clicks, drawn candidates, delayed or noisy feedback) the sessions are replayed from their seeds and actions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsim_envs.errors import LogError
from recsim_envs.families.base import Simulator
from recsim_envs.offline.log import OfflineLog
from recsim_envs.registration import make_simulator

Arrays = dict[str, NDArray[Any]]
MASK: Final = "action_mask"


@dataclass(frozen=True, eq=False)
class Transitions:
    """A batch of m steps, those of a session one after another.

    observations, next_observations: (m, ...) a key. actions: int32 (m,) or (m, k). rewards: float32; propensities:
    float64, None where the log does not tell them; terminated, truncated: bool; sessions, steps: int64, each (m,).
    masks, next_masks: bool (m, n_items), which items might be shown; None where all might, or if not asked for.
    """

    observations: Arrays
    actions: NDArray[np.int32]
    rewards: NDArray[np.float32]
    next_observations: Arrays
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    propensities: NDArray[np.float64] | None
    sessions: NDArray[np.int64]
    steps: NDArray[np.int64]
    masks: NDArray[np.bool_] | None = None
    next_masks: NDArray[np.bool_] | None = None


def transitions(log: OfflineLog, sessions: int = 1024, *, masks: bool = False) -> Iterator[Transitions]:
    """The steps of a log in batches of so many whole sessions, in order; with `masks` also what might be shown.

    Raises `LogError` where the environment is not what the log was made on.
    """
    told = log.tells_propensities
    masked = masks and MASK in simulator_of(log, 1).infos()
    numbers, steps, last = log.sessions(), log.steps(), log.last_rows()
    for start in range(0, len(log), sessions):
        stop = min(start + sessions, len(log))
        rows = slice(int(log.offsets[start]), int(log.offsets[stop]))
        seen, allowed = _with_masks(log, start, stop) if masked else (observations(log, start, stop), None)
        before = np.ones(rows.stop - rows.start + stop - start, np.bool_)
        ends = log.offsets[start + 1 : stop + 1] - rows.start + np.arange(stop - start)
        before[ends] = False
        after = np.roll(before, 1)
        left = log.terminated[numbers[rows]]
        yield Transitions(
            observations={key: array[before] for key, array in seen.items()},
            actions=log.actions[rows],
            rewards=log.rewards[rows],
            next_observations={key: array[after] for key, array in seen.items()},
            terminated=last[rows] & left,
            truncated=last[rows] & ~left,
            propensities=log.propensities[rows] if told else None,
            sessions=numbers[rows],
            steps=steps[rows],
            masks=None if allowed is None else allowed[before],
            next_masks=None if allowed is None else allowed[after],
        )


def observations(log: OfflineLog, start: int, stop: int) -> Arrays:
    """What was seen in the sessions `start:stop`, before each step and after the last: steps + 1 rows a session.

    Raises `LogError` where the environment is not what the log was made on.
    """
    return _from_tables(log, start, stop) if log.facts["observations"] == "tables" else _replayed(log, start, stop)[0]


def rebuilt_from(simulator: Simulator) -> str:
    """Whether observations follow from a log's "tables" or need a "replay"."""
    from recsim_envs.families.departure.simulator import DepartureSimulator

    return "tables" if isinstance(simulator, DepartureSimulator) else "replay"


def shape_of(simulator: Simulator) -> dict[str, Any]:
    """What the facts of a log say of the environment itself."""
    return {
        "horizon": simulator.task.horizon,
        "num_items": simulator.task.catalogue.num_items,
        "slate_size": simulator.task.slate_size,
        "observations": rebuilt_from(simulator),
    }


def simulator_of(log: OfflineLog, lanes: int) -> Simulator:
    """The simulator that a log was made on; raises `LogError` if the data behind it or its shape are other ones."""
    facts = log.facts
    simulator = make_simulator(facts["env_id"], lanes, **(dict(facts["options"]) | {"split": facts["split"]}))
    name, sha256 = simulator.provenance()
    if sha256 != facts["world_sha256"]:
        raise LogError(
            f"log {facts['id']} was made on {facts['world']} {facts['world_sha256'][:12]}, and {facts['env_id']} now "
            f"stands on {name} {sha256[:12]}; make the log again"
        )
    for what, value in shape_of(simulator).items():
        if facts[what] != value:
            raise LogError(
                f"log {facts['id']}: {what} is {facts[what]} in its footer, and {value} of {facts['env_id']}; make the "
                "log again"
            )
    return simulator


def _from_tables(log: OfflineLog, start: int, stop: int) -> Arrays:
    lengths, rows = log.lengths[start:stop], slice(int(log.offsets[start]), int(log.offsets[stop]))
    total, width = int(lengths.sum()) + stop - start, log.starts["session_items"].shape[1]
    length, items = np.empty((total, 1), np.int32), np.full((total, width), -1, np.int32)
    earned = np.zeros((total, width), np.float32)
    _fill_windows(lengths, log.actions[rows], log.rewards[rows], length, items, earned)
    history = {
        key: np.repeat(log.starts[key][start:stop], lengths + 1, axis=0) for key in ("history_items", "history_rewards")
    }
    return history | {"length": length, "session_items": items, "session_rewards": earned}


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill_windows(lengths: Any, actions: Any, rewards: Any, length: Any, items: Any, earned: Any) -> None:
    """The last items shown and what they earned, right-aligned, before each step and after the last."""
    row, first, width = 0, 0, items.shape[1]
    for i in range(len(lengths)):
        for t in range(lengths[i] + 1):
            length[row, 0] = t
            for k in range(min(t, width)):
                items[row, width - 1 - k] = actions[first + t - 1 - k]
                earned[row, width - 1 - k] = rewards[first + t - 1 - k]
            row += 1
        first += lengths[i]


def _with_masks(log: OfflineLog, start: int, stop: int) -> tuple[Arrays, NDArray[np.bool_] | None]:
    """Observations, and which items might be shown. What was not made from seeds forbids repeats and nothing else."""
    if log.replayable:
        return _replayed(log, start, stop)
    lengths, rows = log.lengths[start:stop], slice(int(log.offsets[start]), int(log.offsets[stop]))
    masks = np.ones((int(lengths.sum()) + stop - start, log.facts["num_items"]), np.bool_)
    _forbid_repeats(lengths, log.actions[rows], masks)
    return _from_tables(log, start, stop), masks


@njit(cache=True)  # type: ignore[untyped-decorator]
def _forbid_repeats(lengths: Any, actions: Any, masks: Any) -> None:
    row, first = 0, 0
    for i in range(len(lengths)):
        for t in range(1, lengths[i] + 1):
            masks[row + t] = masks[row + t - 1]
            masks[row + t, actions[first + t - 1]] = False
        row += lengths[i] + 1
        first += lengths[i]


def _replayed(log: OfflineLog, start: int, stop: int) -> tuple[Arrays, NDArray[np.bool_] | None]:
    """Observations, and which items might be shown, bool (rows, n_items), where a protocol forbids some."""
    lengths, lanes = log.lengths[start:stop], np.arange(stop - start)
    simulator = simulator_of(log, len(lanes))
    simulator.begin(lanes, log.seeds[start:stop])
    places = np.concatenate([[0], np.cumsum(lengths + 1)])[:-1]
    first = log.offsets[start:stop]
    seen = {k: np.empty((int(lengths.sum()) + len(lanes), *v.shape[1:]), v.dtype) for k, v in _shown(simulator).items()}
    for t in range(int(lengths.max()) + 1):
        active = lanes[t <= lengths]
        for key, array in _shown(simulator).items():
            seen[key][places[active] + t] = array[active]
        playing = lanes[t < lengths]
        if len(playing):
            _step(log, simulator, playing, first[playing] + t)
    masks = seen.pop(MASK, None)
    return seen, None if masks is None else masks.view(np.bool_)


def _shown(simulator: Simulator) -> Arrays:
    """What agents see of all lanes: observations, and the mask beside them where there is one."""
    infos = simulator.infos()
    return simulator.observe() | ({MASK: infos[MASK]} if MASK in infos else {})


def _step(log: OfflineLog, simulator: Simulator, lanes: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
    actions = np.zeros((simulator.num_lanes, *log.actions.shape[1:]), np.int64)
    actions[lanes] = log.actions[rows]
    rewards = simulator.step(actions).rewards[lanes].astype(np.float32)
    if (wrong := np.flatnonzero(rewards != log.rewards[rows])).size:
        row = int(rows[wrong[0]])
        session = int(np.searchsorted(log.offsets, row, side="right")) - 1
        raise LogError(
            f"log {log.facts['id']}, session {session}, step {row - int(log.offsets[session])}: reward "
            f"{log.rewards[row]:g} is {rewards[wrong[0]]:g} here; make the log again with this version of longrec"
        )
