"""`PrivilegedInfo`: hidden state in `info["privileged"]`, for analysis and oracles only."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.vector import VectorEnv, VectorWrapper

from recsim_envs.wrappers.shells import face_of


class PrivilegedInfo(gymnasium.Wrapper[Any, Any, Any, Any], gymnasium.utils.RecordConstructorArgs):
    """Add `info["privileged"]`, the simulator's hidden state, to every reset and step of a scalar environment.

    What learns or acts on it is no longer a recommender; the harness gives it to agents that declare
    themselves `privileged` and shows that on the board.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self._simulator = face_of(env, "simulator").simulator

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and add the hidden state."""
        observation, info = self.env.reset(**kwargs)
        return observation, info | {"privileged": self._simulator.privileged()}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment and add the hidden state."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, info | {"privileged": self._simulator.privileged()}


class VectorPrivilegedInfo(VectorWrapper):
    """The same for a vector environment; arrays in it have one row a lane, but for those in `Simulator.shared`."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self._simulator = face_of(env, "simulator").simulator

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and add the hidden state."""
        observations, infos = self.env.reset(**kwargs)
        return observations, infos | {"privileged": self._simulator.privileged()}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step the environment and add the hidden state."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        return observations, rewards, terminated, truncated, infos | {"privileged": self._simulator.privileged()}
