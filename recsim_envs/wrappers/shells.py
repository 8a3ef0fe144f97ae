"""The two shells of a `Layer`: over a scalar environment and over a vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.faces.masks import flat_masks
from recsim_envs.wrappers.layer import Inner, Layer, Mask

_ONE: Final = np.ones(1, np.bool_)
_MASK: Final = "action_mask"


def face_of(env: Any, attribute: str) -> Any:
    """The longrec environment under all wrappers; raises `ConfigurationError` if `env` stands on another."""
    if not hasattr(env.unwrapped, attribute):
        raise ConfigurationError(f"{env} is no longrec environment: it has no {attribute}")
    return env.unwrapped


class LayerWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """A layer over a scalar environment. `options` are recorded in the environment's `EnvSpec`."""

    def __init__(self, env: gymnasium.Env[Any, Any], layer: type[Layer], **options: Any) -> None:
        RecordConstructorArgs.__init__(self, **options)
        super().__init__(env)
        self._face = face_of(env, "task")
        self._layer = layer(Inner(self._face, env.observation_space, env.action_space, 1), **options)
        self.observation_space, self.action_space = self._layer.observation_space, self._layer.action_space
        self._mask: Mask = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start the next session."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._layer.begin(_ONE, self._face.episode_seeds)
        return self._shown(observation, info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one step; raises `InvalidActionError` for an action that has no meaning."""
        inner = self._layer.act(_as_row(action), _ONE)
        one = inner[0]
        observation, reward, terminated, truncated, info = self.env.step(
            one.item() if isinstance(one, np.generic) else one
        )
        ended = np.array([terminated or truncated])
        self._layer.took(inner, _ONE, np.array([reward], np.float64), ended)
        if ended[0]:
            summaries = self._layer.summary(ended).items()
            info = info | {key: {name: value[0] for name, value in entry.items()} for key, entry in summaries}
        observation, info = self._shown(observation, info)
        return observation, reward, terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Allowed actions, as sb3-contrib's MaskablePPO asks for them: bool (n,), or (k * n,) for slates."""
        return flat_masks(self._mask, self.action_space, 1)[0]

    def _shown(self, observation: Any, info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        mask = info[_MASK][None] if _MASK in info else None
        observations, self._mask = self._layer.show(_as_row(observation), mask)
        return _first(observations), _with_mask(info, None if self._mask is None else self._mask[0])


class VectorLayerWrapper(VectorWrapper, RecordConstructorArgs):  # type: ignore[type-arg]
    """A layer over a vector environment, in each of Gymnasium's autoreset modes."""

    def __init__(self, env: VectorEnv[Any, Any, Any], layer: type[Layer], **options: Any) -> None:
        RecordConstructorArgs.__init__(self, **options)
        super().__init__(env)
        self._face, lanes = face_of(env, "task"), env.num_envs
        single = env.single_observation_space, env.single_action_space
        self._layer = layer(Inner(self._face, *single, lanes), **options)
        if self._layer.observation_space is not single[0]:
            self.single_observation_space = self._layer.observation_space
            self.observation_space = batch_space(self._layer.observation_space, lanes)
        if self._layer.action_space is not single[1]:
            self.single_action_space = self._layer.action_space
            self.action_space = batch_space(self._layer.action_space, lanes)
        self._mode = env.metadata["autoreset_mode"]
        self._ended = np.zeros(lanes, np.bool_)
        self._mask: Mask = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start sessions in all lanes, or in those of `options["reset_mask"]`."""
        # Read first: Gymnasium's own wrappers take the mask out of the dict.
        chosen = np.array((options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_)))
        observations, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        self._ended = self._ended & ~chosen
        self._layer.begin(chosen, self._face.episode_seeds)
        return self._shown(observations, infos)

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take one step in every lane; raises `InvalidActionError` naming the lane before any has moved."""
        running = ~self._ended
        inner = self._layer.act(actions, running)
        observations, rewards, terminated, truncated, infos = self.env.step(inner)
        ended = terminated | truncated
        self._layer.took(inner, running, rewards, ended)
        if ended.any():
            summaries = self._layer.summary(ended)
            infos = infos | dict(summaries) | {f"_{key}": ended.copy() for key in summaries}
        infos = self._restart(ended, infos)
        observations, infos = self._shown(observations, infos)
        return observations, rewards, terminated, truncated, infos

    def _restart(self, ended: NDArray[np.bool_], infos: dict[str, Any]) -> dict[str, Any]:
        """Begin the sessions that the environment beneath has started by itself in this step."""
        started = np.zeros_like(ended)
        if self._mode is AutoresetMode.NEXT_STEP:
            started, self._ended = self._ended, ended
        elif self._mode is AutoresetMode.SAME_STEP:
            started = ended
            if "final_obs" in infos:
                final_obs, final_info = self._shown(infos["final_obs"], infos["final_info"])
                infos = infos | {"final_obs": final_obs, "final_info": final_info}
        else:
            self._ended = ended
        if started.any():
            self._layer.begin(started, self._face.episode_seeds)
        return infos

    def action_masks(self) -> NDArray[np.bool_]:
        """Allowed actions now: bool (B, n), or (B, k * n) for slates."""
        return flat_masks(self._mask, self.single_action_space, self.num_envs)

    def _shown(self, observations: Any, infos: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        observations, self._mask = self._layer.show(observations, infos.get(_MASK))
        return observations, _with_mask(infos, self._mask)


def _with_mask(infos: dict[str, Any], mask: Any) -> dict[str, Any]:
    others = {key: value for key, value in infos.items() if key != _MASK}
    return others if mask is None else others | {_MASK: mask}


def _as_row(value: Any) -> Any:
    """One observation or action as a batch of one."""
    if isinstance(value, dict):
        return {key: part[None] for key, part in value.items()}
    if isinstance(value, str) or (isinstance(value, list | tuple) and any(isinstance(part, str) for part in value)):
        return [value]
    return np.asarray(value)[None]


def _first(batch: Any) -> Any:
    return {key: part[0] for key, part in batch.items()} if isinstance(batch, dict) else batch[0]
