"""A tiny family with slates, so that wrappers are tested on them without any real family."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.actions import check_range, integers
from recsim_envs.families.base import ALL, Simulator, Step
from recsim_envs.spec import TaskSpec
from tests.recsim_envs.catalogues import catalogue

FAMILY = "tests.recsim_envs.wrappers.slates:SlateSimulator"
ITEMS, SLOTS, MEMORY = 6, 2, 4


class SlateSimulator(Simulator):
    """Pays a hidden taste for each item; a user leaves on seeing the item that they hate."""

    def __init__(
        self, num_lanes: int, *, horizon: int = 8, forbids: int = -1, split: str = "train", env_id: str = ""
    ) -> None:
        self.num_lanes, self._forbids = num_lanes, forbids
        self._seeds = np.zeros(num_lanes, np.uint64)
        self._steps = np.zeros(num_lanes, np.int64)
        self._flags = np.zeros((2, num_lanes), np.bool_)
        self._begun = np.zeros(num_lanes, np.bool_)
        self._items = np.full((num_lanes, MEMORY), -1, np.int32)
        self._earned = np.zeros((num_lanes, MEMORY), np.float32)
        self.task = TaskSpec(
            env_id=env_id,
            observation_space=spaces.Dict(
                {
                    "session_items": spaces.Box(-1, ITEMS - 1, (MEMORY,), np.int32),
                    "session_rewards": spaces.Box(0, 1, (MEMORY,), np.float32),
                    "taste": spaces.Box(0, 1, (ITEMS, 2), np.float32),
                }
            ),
            action_space=spaces.MultiDiscrete([ITEMS] * SLOTS),
            catalogue=catalogue([f"Title {name}" for name in ("Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta")]),
            horizon=horizon,
            protocol="FB",
            reward_range=(0.0, float(SLOTS)),
            domain="things",
        )

    @property
    def taste(self) -> NDArray[np.float64]:
        return rng.uniform_array(self._seeds[:, None], 0, rng.USER, np.arange(ITEMS))

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        self._seeds[lanes], self._steps[lanes], self._begun[lanes] = seeds, 0, True
        self._flags[:, lanes], self._items[lanes], self._earned[lanes] = False, -1, 0.0

    def step(self, actions: NDArray[Any]) -> Step:
        slates, running = integers(actions, (self.num_lanes, SLOTS), "slates"), ~self.over
        check_range(slates, running, ITEMS, "item")
        rewards, taste = np.zeros(self.num_lanes), self.taste
        for lane in np.flatnonzero(running):
            earned = taste[lane, slates[lane]]
            rewards[lane] = earned.sum()
            self._items[lane] = np.concatenate([self._items[lane, SLOTS:], slates[lane]])
            self._earned[lane] = np.concatenate([self._earned[lane, SLOTS:], earned])
            self._steps[lane] += 1
            self._flags[0, lane] = taste[lane].argmin() in slates[lane]
            self._flags[1, lane] = self._steps[lane] >= self.task.horizon and not self._flags[0, lane]
        return Step(rewards, self._flags[0].copy(), self._flags[1].copy())

    def observe(self) -> dict[str, NDArray[Any]]:
        taste = np.stack([self.taste, np.tile(np.linspace(0, 1, ITEMS), (self.num_lanes, 1))], axis=2)
        return {
            "session_items": self._items.copy(),
            "session_rewards": self._earned.copy(),
            "taste": taste.astype(np.float32),
        }

    def infos(self) -> dict[str, NDArray[Any]]:
        if self._forbids < 0:
            return {}
        mask = np.ones((self.num_lanes, ITEMS), np.int8)
        mask[:, self._forbids] = 0
        return {"action_mask": mask}

    @property
    def over(self) -> NDArray[np.bool_]:
        return ~self._begun | self._flags.any(axis=0)

    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        words = np.where(self._flags[0], "hated", np.where(self._flags[1], "horizon", ""))
        return words.astype(object)[lanes]

    def hidden(self) -> dict[str, Any]:
        return {"taste": self.taste}

    def fatigue(self) -> NDArray[np.float64]:
        return np.where(self.over, 1.0, self._steps / self.task.horizon)

    def render_ansi(self, lane: int) -> str:
        return f"step {self._steps[lane]}"
