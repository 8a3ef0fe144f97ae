"""A Gymnasium vector environment as a Stable-Baselines3 `VecEnv`: B sessions advanced by one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Batch, TaskSpec

FORBIDDEN = "forbidden"
"""Observation key of the items a protocol forbids: uint8 (b, ceil(n_items / 8)), a bit an item."""


def policy_space(task: TaskSpec) -> spaces.Dict:
    """The observations of a policy: the task's, and the forbidden items as bits where the protocol forbids some.

    SB3 knows no action masks. As part of the observation they also travel through its buffers; packed, so that
    a replay buffer over 14 thousand items stays small.
    """
    known = dict(task.observation_space.spaces)
    if task.protocol != "FB":
        known[FORBIDDEN] = spaces.Box(0, 255, ((task.catalogue.num_items + 7) // 8,), np.uint8)
    return spaces.Dict(known)


def policy_observations(observations: Batch, infos: Batch) -> dict[str, NDArray[Any]]:
    """A batch of the task's observations and infos as observations of `policy_space`."""
    out = {key: np.asarray(value) for key, value in observations.items()}
    if "action_mask" in infos:
        out[FORBIDDEN] = np.packbits(np.asarray(infos["action_mask"]) == 0, axis=1, bitorder="little")
    return out


def allowed_in(observations: Mapping[str, NDArray[Any]], num_items: int) -> NDArray[np.bool_] | None:
    """Which items `policy_observations` allow, bool (b, num_items); None where the protocol forbids none."""
    bits = observations.get(FORBIDDEN)
    return None if bits is None else np.unpackbits(bits, axis=1, count=num_items, bitorder="little") == 0


class GymVecEnv(VecEnv):  # type: ignore[misc]
    """Adapts a vector environment in autoreset mode SAME_STEP, natively: no list of single environments.

    Rewards are divided by the largest reward of the task, so that value targets have the size that SB3's
    defaults expect; `returns` and `lengths` record every ended session, undivided. SB3's per-environment calls
    (`set_attr`, `env_method`) have no meaning here and raise `ConfigurationError`.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any], task: TaskSpec) -> None:
        self.envs, self.task = envs, task
        self._scale = max(abs(task.reward_range[0]), abs(task.reward_range[1])) or 1.0
        self.returns: list[float] = []
        self.lengths: list[int] = []
        self._return, self._length = np.zeros(envs.num_envs), np.zeros(envs.num_envs, np.int64)
        self._actions = np.zeros(envs.num_envs, np.int64)
        super().__init__(envs.num_envs, policy_space(task), task.action_space)

    def reset(self) -> dict[str, NDArray[Any]]:
        """Start a session in every lane, with the first of the seeds that SB3 has set."""
        observations, infos = self.envs.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._return[:], self._length[:] = 0.0, 0
        return policy_observations(observations, infos)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = np.asarray(actions, np.int64)

    def step_wait(
        self,
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """One step of all lanes: observations, float32 rewards, dones, and SB3's infos.

        An ended lane's info has `terminal_observation` and `TimeLimit.truncated`; its observation is already the
        first of the next session.
        """
        observations, rewards, terminated, truncated, infos = self.envs.step(self._actions)
        dones = terminated | truncated
        self._return += rewards
        self._length += 1
        sb3_infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            final = policy_observations(infos["final_obs"], infos.get("final_info", {}))
            for lane in np.flatnonzero(dones):
                sb3_infos[lane] = {
                    "terminal_observation": {key: value[lane] for key, value in final.items()},
                    "TimeLimit.truncated": bool(truncated[lane] and not terminated[lane]),
                }
                self.returns.append(float(self._return[lane]))
                self.lengths.append(int(self._length[lane]))
            self._return[dones], self._length[dones] = 0.0, 0
        scaled = (rewards / self._scale).astype(np.float32)
        return policy_observations(observations, infos), scaled, dones, sb3_infos

    def close(self) -> None:
        """Close the vector environment."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The vector environment's attribute, once for each lane asked for."""
        return [getattr(self.envs, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not available: lanes are no objects."""
        raise ConfigurationError(f"cannot set {attr_name!r} of single lanes: a vector environment is one object")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Not available: lanes are no objects."""
        raise ConfigurationError(f"cannot call {method_name!r} of single lanes: a vector environment is one object")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No lane has a wrapper of its own."""
        return [False] * len(list(self._get_indices(indices)))
