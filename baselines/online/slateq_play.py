"""Slates played on the environments of training, as transitions that tell what was taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from baselines.online.responses import ResponseReader
from baselines.online.sb3_vec import GymVecEnv, States
from recsim_envs.spec import Batch, TaskSpec


class SlatePlay(GymVecEnv):
    """A `GymVecEnv` that is played by `play` instead of SB3's `step`, and keeps what was observed and told last."""

    def __init__(self, envs: VectorEnv[Any, Any, Any], task: TaskSpec) -> None:
        super().__init__(envs, task)
        self._responses = ResponseReader(task)
        self._checked = False
        self.observations: Batch = {}
        self.infos: Batch = {}
        self.states: States = {}

    def begin(self, seed: int) -> None:
        """Start a session in every lane."""
        self.observations, self.infos = self.envs.reset(seed=seed)
        self.states = self.read(self.observations, self.infos, np.ones(self.num_envs, np.bool_))

    def go_on_from(self, observations: Batch, infos: Batch) -> States:
        """As in `GymVecEnv`."""
        self.observations, self.infos = observations, infos
        self.states = super().go_on_from(observations, infos)
        return self.states

    def play(self, slates: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Show slates (b, k), one a lane, and give what came of it: arrays of b rows.

        "now KEY", "next KEY": the states before and after, of ended sessions their last; "slates" int32 and "taken"
        bool (b, k); "rewards" float32, divided by the largest of the task; "terminated" bool.
        """
        before = self.states
        shown = slates if self.task.slate_size else slates[:, 0]
        observations, rewards, terminated, truncated, infos = self.envs.step(shown)
        ended = terminated | truncated
        last, last_infos = _last(observations, infos, ended)
        if not self._checked:
            self._responses.require_shown(last, slates)
            self._checked = True
        self.count(rewards, ended)
        after = self.view.read(last, last_infos, self.tallies)
        self.observations, self.infos = observations, infos
        self.states = self.read(observations, infos, ended)
        return (
            {f"now {key}": value for key, value in before.items()}
            | {f"next {key}": value for key, value in after.items()}
            | {
                "slates": slates.astype(np.int32),
                "taken": self._responses.taken(last),
                "rewards": (rewards / self._scale).astype(np.float32),
                "terminated": terminated,
            }
        )


def _last(observations: Batch, infos: Batch, ended: NDArray[np.bool_]) -> tuple[Batch, Batch]:
    """What followed the step: where a session has ended, its own last observation and not the next one's first."""
    if not ended.any():
        return observations, infos
    ends: Any = infos["final_obs"]
    told: Any = infos.get("final_info", {})

    def choose(new: Any, old: Any) -> NDArray[Any]:
        new = np.asarray(new)
        return np.where(ended.reshape(-1, *[1] * (new.ndim - 1)), old, new)

    masks = {key: choose(infos[key], told[key]) for key in ("action_mask",) if key in infos}
    return {key: choose(value, ends[key]) for key, value in observations.items()}, masks
