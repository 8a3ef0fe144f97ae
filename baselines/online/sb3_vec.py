"""A Gymnasium vector environment as a Stable-Baselines3 `VecEnv`: B sessions advanced by one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from baselines.states import StateReader
from baselines.tally import tally_of
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Batch, TaskSpec

FORBIDDEN = "forbidden"
"""Observation key of the items a protocol forbids: uint8 (b, ceil(n_items / 8)), a bit an item."""
TALLY = "tally"
"""Observation key of the session's sums, see `baselines.tally`."""

States = dict[str, NDArray[Any]]


class PolicyView:
    """What the policies of SB3 agents are shown: `StateReader`'s arrays, forbidden items as bits, the session's tally.

    SB3's own algorithms know no action masks. As part of the observation they also travel through its buffers;
    packed, so that a replay buffer over 14 thousand items stays small. `masked` is whether they are there; `tally` is
    None where the observations hold more than the last step.
    """

    def __init__(self, task: TaskSpec, *, masks: bool = True) -> None:
        self._reader = StateReader(task)
        self._count = task.catalogue.num_items
        self.masked = masks and task.protocol != "FB"
        self.tally = tally_of(task, self._reader)

    @property
    def space(self) -> spaces.Dict:
        """The space of one row. Item ids are int32, which is what buffers keep them in."""
        known: dict[str, spaces.Space[Any]] = dict(self._reader.space.spaces)
        for key, box in known.items():
            if box.dtype == np.int64:
                known[key] = spaces.Box(-1, self._count - 1, box.shape or (), np.int32)
        if self.masked:
            known[FORBIDDEN] = spaces.Box(0, 255, ((self._count + 7) // 8,), np.uint8)
        if self.tally is not None:
            known[TALLY] = self.tally.space
        return spaces.Dict(known)

    def nothing(self, count: int) -> NDArray[np.float32]:
        """The tallies of so many sessions before their first observations."""
        return np.zeros((count, *(() if self.tally is None else self.tally.shape)), np.float32)

    def read(self, observations: Batch, infos: Batch, before: NDArray[np.float32] | None = None) -> States:
        """A batch of the task's observations and infos in the form of `space`.

        before: the tallies of these sessions before these observations; None: they begin.
        """
        out = {
            key: value.astype(np.int32) if value.dtype == np.int64 else value
            for key, value in self._reader.read(observations).items()
        }
        if self.masked:
            out[FORBIDDEN] = np.packbits(np.asarray(infos["action_mask"]) == 0, axis=1, bitorder="little")
        if self.tally is not None:
            count = len(next(iter(out.values())))
            out[TALLY] = self.tally.after(self.nothing(count) if before is None else before, out)
        return out


def allowed_in(states: Mapping[str, NDArray[Any]], num_items: int) -> NDArray[np.bool_] | None:
    """Which items the states of a `PolicyView` allow, bool (b, num_items); None where the protocol forbids none."""
    bits = states.get(FORBIDDEN)
    return None if bits is None else np.unpackbits(bits, axis=1, count=num_items, bitorder="little") == 0


class GymVecEnv(VecEnv):  # type: ignore[misc]
    """Adapts a vector environment in autoreset mode SAME_STEP, natively: no list of single environments.

    Rewards are divided by the largest reward of the task, so that value targets have the size that SB3's
    defaults expect; `returns` and `lengths` record every ended session, undivided. Of SB3's per-environment calls
    there is `env_method("action_masks")`; others (`set_attr`) have no meaning here and raise `ConfigurationError`.

    `value_of_cut`, where an algorithm sets it, gives values (m,) of the last states of m sessions that were cut off by
    the horizon; `discount` times these is added to their rewards, and they are told as ended. SB3 does the same, with
    one call of its network a session. Where it is not set, SB3 is told which sessions were cut off.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any], task: TaskSpec, *, masks: bool = True) -> None:
        self.envs, self.task, self.view = envs, task, PolicyView(task, masks=masks)
        largest = max(abs(task.reward_range[0]), abs(task.reward_range[1]))
        self._scale = largest if 0 < largest < np.inf else 1.0
        self.returns: list[float] = []
        self.lengths: list[int] = []
        self.running_return, self.running_length = np.zeros(envs.num_envs), np.zeros(envs.num_envs, np.int64)
        self.discount = 1.0
        self.value_of_cut: Callable[[States], NDArray[np.float32]] | None = None
        self._actions: NDArray[np.int64] = np.zeros(0, np.int64)
        self._infos: Mapping[str, Any] = {}
        self.tallies = self.view.nothing(envs.num_envs)
        super().__init__(envs.num_envs, self.view.space, task.action_space)

    def reset(self) -> States:
        """Start a session in every lane, with the first of the seeds that SB3 has set."""
        observations, self._infos = self.envs.reset(seed=self._seeds[0])
        self._reset_seeds()
        self.running_return[:], self.running_length[:] = 0.0, 0
        return self.read(observations, self._infos, np.ones(self.num_envs, np.bool_))

    def read(self, observations: Batch, infos: Batch, begun: NDArray[np.bool_]) -> States:
        """The states of all lanes, with a new observation each; in those that have `begun`, of a new session."""
        before = np.where(begun.reshape(-1, *[1] * (self.tallies.ndim - 1)), np.float32(0), self.tallies)
        states = self.view.read(observations, infos, before)
        self.tallies = states.get(TALLY, self.tallies)
        return states

    def go_on_from(self, observations: Batch, infos: Batch) -> States:
        """Take over an environment that stands at these observations and infos, in the middle of its sessions.

        `tallies` are to be what they were: the observations are counted in them already.
        """
        self._infos = infos
        states = self.view.read(observations, infos)
        return states | ({TALLY: self.tallies} if TALLY in states else {})

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = np.asarray(actions, np.int64)

    def step_wait(self) -> tuple[States, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """One step of all lanes: states, float32 rewards, dones, and SB3's infos.

        An ended lane's info has `terminal_observation` and `TimeLimit.truncated`; its state is already the first of
        the next session. The other lanes share one empty info.
        """
        observations, rewards, terminated, truncated, self._infos = self.envs.step(self._actions)
        dones = terminated | truncated
        self.count(rewards, dones)
        scaled = (rewards / self._scale).astype(np.float32)
        infos: list[dict[str, Any]] = [{}] * self.num_envs
        if dones.any():
            self._end(np.flatnonzero(dones), truncated & ~terminated, scaled, infos)
        return self.read(observations, self._infos, dones), scaled, dones, infos

    def count(self, rewards: NDArray[np.float64], ended: NDArray[np.bool_]) -> None:
        """Take in a step's rewards, and record the sessions that ended with it."""
        self.running_return += rewards
        self.running_length += 1
        self.returns += self.running_return[ended].tolist()
        self.lengths += self.running_length[ended].tolist()
        self.running_return[ended], self.running_length[ended] = 0.0, 0

    def _end(
        self,
        lanes: NDArray[np.int64],
        cut: NDArray[np.bool_],
        rewards: NDArray[np.float32],
        infos: list[dict[str, Any]],
    ) -> None:
        """Fill in the infos of ended sessions, or the values of what was cut off."""
        masks = {key: mask[lanes] for key, mask in self._infos.get("final_info", {}).items() if key == "action_mask"}
        ends = {key: value[lanes] for key, value in self._infos["final_obs"].items()}
        last = self.view.read(ends, masks, self.tallies[lanes])
        cut = cut[lanes]
        if self.value_of_cut is None:
            for row, lane in enumerate(lanes):
                state = {key: value[row] for key, value in last.items()}
                infos[lane] = {"terminal_observation": state, "TimeLimit.truncated": bool(cut[row])}
        elif cut.any():
            rewards[lanes[cut]] += self.discount * self.value_of_cut({key: value[cut] for key, value in last.items()})

    def progress(self) -> dict[str, NDArray[Any]]:
        """What is kept of sessions, ended and running, by name; the vector environment itself stands apart."""
        return {
            "returns": np.array(self.returns, np.float64),
            "lengths": np.array(self.lengths, np.int64),
            "running_return": self.running_return,
            "running_length": self.running_length,
            "tallies": self.tallies,
        }

    def take_up(self, kept: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `progress` gave."""
        self.returns, self.lengths = kept["returns"].tolist(), kept["lengths"].tolist()
        self.running_return[:], self.running_length[:] = kept["running_return"], kept["running_length"]
        self.tallies = kept["tallies"]

    def close(self) -> None:
        """Close the vector environment."""
        self.envs.close()

    def has_attr(self, attr_name: str) -> bool:
        """True of "action_masks", which sb3-contrib looks for, and of what the vector environment has."""
        return attr_name == "action_masks" or hasattr(self.envs, attr_name)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The vector environment's attribute, once for each lane asked for."""
        return [getattr(self.envs, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not available: lanes are no objects."""
        raise ConfigurationError(f"cannot set {attr_name!r} of single lanes: a vector environment is one object")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """What sb3-contrib asks for, "action_masks": bool (n,) for each lane. Nothing else is available."""
        if method_name == "action_masks":
            allowed = np.asarray(self._infos["action_mask"]) != 0
            return list(allowed | ~allowed.any(axis=1, keepdims=True))  # nothing left: the session is over anyway
        raise ConfigurationError(f"cannot call {method_name!r} of single lanes: a vector environment is one object")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No lane has a wrapper of its own."""
        return [False] * len(list(self._get_indices(indices)))
