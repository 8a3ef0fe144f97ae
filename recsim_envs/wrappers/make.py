"""From the `EnvSpec` of a wrapped environment to the vector environment with the same wrappers."""

from __future__ import annotations

import importlib
from copy import deepcopy
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, WrapperSpec
from gymnasium.vector import VectorEnv

from recsim_envs.errors import ConfigurationError


def make_vec(spec: EnvSpec, num_envs: int, **options: Any) -> VectorEnv[Any, Any, Any]:
    """What `gymnasium.make_vec` refuses: the native vector environment of a spec that has wrappers, wrapped.

    For each wrapper of the spec its twin "Vector..." of the same module is put on, with the same arguments.
    `options` go to `gymnasium.make_vec`. Raises `ConfigurationError` for a wrapper that has no such twin, and for
    `max_episode_steps`, of which vector environments know nothing.
    """
    if spec.max_episode_steps is not None:
        raise ConfigurationError(
            f"{spec.id} has max_episode_steps={spec.max_episode_steps}, which a vector environment cannot honour; "
            "pass horizon=... to the environment instead"
        )
    bare = deepcopy(spec)
    bare.additional_wrappers = ()
    env: VectorEnv[Any, Any, Any] = gymnasium.make_vec(bare, num_envs, **options)
    for wrapper in spec.additional_wrappers:
        env = _twin(wrapper)(env, **(wrapper.kwargs or {}))
    return env


def _twin(wrapper: WrapperSpec) -> Any:
    module, _, name = wrapper.entry_point.partition(":")
    twin = getattr(importlib.import_module(module), f"Vector{name}", None)
    if twin is None:
        raise ConfigurationError(f"wrapper {name} of {module} has no twin Vector{name} for vector environments")
    return twin
