"""`TaskSpec` as a message, and back: what agents elsewhere are told of a task is what agents here may see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from leaderboard.hosting.wire import Message
from recsim_envs.errors import AgentError
from recsim_envs.spec import Catalogue, TaskSpec

_ARRAYS = {
    "category_indptr": np.int64,
    "category_ids": np.int32,
    "popularity": np.int64,
    "mean_reward": np.float32,
}
_PLAIN = ("env_id", "horizon", "protocol", "domain", "candidates")


def task_message(task: TaskSpec) -> Message:
    """A task as a message. Raises `AgentError` for a space that the protocol has no word for."""
    catalogue = task.catalogue
    return {
        **{name: getattr(task, name) for name in _PLAIN},
        "slate_size": task.slate_size,
        "reward_range": list(task.reward_range),
        "observation_space": {key: _space_message(space) for key, space in task.observation_space.items()},
        "action_space": _space_message(task.action_space),
        "catalogue": {
            "titles": list(catalogue.titles),
            "category_names": list(catalogue.category_names),
            **{name: getattr(catalogue, name) for name in _ARRAYS},
        },
    }


def task_of(message: Mapping[str, Any]) -> TaskSpec:
    """The task of a message."""
    told, (low, high) = message["catalogue"], message["reward_range"]
    return TaskSpec(
        **{name: message[name] for name in _PLAIN},
        observation_space=spaces.Dict({key: _space_of(told) for key, told in message["observation_space"].items()}),
        action_space=_space_of(message["action_space"]),
        catalogue=Catalogue(
            titles=told["titles"],
            category_names=told["category_names"],
            **{name: np.asarray(told[name], dtype) for name, dtype in _ARRAYS.items()},
        ),
        reward_range=(-math.inf if low is None else low, math.inf if high is None else high),
    )


def _space_message(space: spaces.Space[Any]) -> Message:
    if isinstance(space, spaces.Box):
        low, high = _bound(space.low), _bound(space.high)
        return {"type": "box", "shape": list(space.shape), "dtype": space.dtype.name, "low": low, "high": high}
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return {"type": "discrete", "n": int(space.n)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"type": "multi_discrete", "nvec": space.nvec.tolist()}
    raise AgentError(f"the protocol has no word for the space {space}; run the agent inside the harness")


def _bound(values: NDArray[Any]) -> Any:
    """One number where all are the same."""
    uniform = values.size and (values == values.flat[0]).all()
    return values.flat[0].item() if uniform else values


def _space_of(told: Mapping[str, Any]) -> spaces.Space[Any]:
    if told["type"] == "discrete":
        return spaces.Discrete(told["n"])
    if told["type"] == "multi_discrete":
        return spaces.MultiDiscrete(told["nvec"])
    dtype = np.dtype(told["dtype"])
    low, high = (_limit(told[name], missing, dtype) for name, missing in (("low", -np.inf), ("high", np.inf)))
    return spaces.Box(low, high, tuple(told["shape"]), dtype.type)


def _limit(told: Any, missing: float, dtype: np.dtype[Any]) -> Any:
    """A limit of a box, null where there is none: one number for all, or an array."""
    if not isinstance(told, list):
        return missing if told is None else told
    array = np.array(told, np.float64)  # null becomes NaN
    return np.where(np.isnan(array), missing, array).astype(dtype)
