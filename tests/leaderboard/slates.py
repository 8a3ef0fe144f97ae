"""A tiny family with slates, of items that stay or of candidates drawn anew, for tests of the harness."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

import recsim_envs
from recsim_envs import Catalogue, TaskSpec, rng
from recsim_envs.families.actions import check_range, integers
from recsim_envs.families.base import ALL, Simulator, Step

FAMILY = "tests.leaderboard.slates:SlateSimulator"
SLATES, SLOTS, ONE = "tests/Slates-v0", "tests/Slots-v0", "tests/SlateOfOne-v0"
RUNNING, LEFT, ENDED, IDLE = range(4)
CAUSES = np.array(["", "bored", "horizon", ""], dtype=object)


def register() -> None:
    """Register three ids: slates of items, of candidate slots, and of one item."""
    recsim_envs.register(SLATES, family=FAMILY)
    recsim_envs.register(SLOTS, family=FAMILY, candidates=True, slate_size=2)
    recsim_envs.register(ONE, family=FAMILY, slate_size=1)


class SlateSimulator(Simulator):
    """Pays the user's hidden taste for the first item and a tenth of the second's; who gets bored leaves by chance.

    The order of a slate therefore matters. Every session draws a user of its own.
    """

    def __init__(
        self, num_lanes: int, *, items: int = 12, slate_size: int = 3, candidates: bool = False, earns: bool = True,
        shift: float = 0.0, split: str = "train", env_id: str = "",
    ) -> None:  # fmt: skip
        self.num_lanes, self._items, self._shift = num_lanes, items, shift
        self.leaving_earns = earns
        self._seeds, self._steps = np.zeros(num_lanes, np.uint64), np.zeros(num_lanes, np.int64)
        self._cause, self._last = np.full(num_lanes, IDLE), np.zeros((num_lanes, 1), np.float32)
        self.task = TaskSpec(
            env_id=env_id,
            observation_space=spaces.Dict({"last_reward": spaces.Box(0, 3, (1,), np.float32)}),
            action_space=spaces.MultiDiscrete([items] * slate_size),
            catalogue=Catalogue.of_slots(items),
            horizon=9,
            protocol="FB",
            reward_range=(0.0, 3.0),
            domain="things",
            candidates=candidates,
        )

    def begin(self, lanes: Any, seeds: Any) -> None:
        self._seeds[lanes], self._steps[lanes], self._cause[lanes], self._last[lanes] = seeds, 0, RUNNING, 0

    def step(self, actions: Any) -> Step:
        slate = self.task.slate_size
        slates = integers(actions, (self.num_lanes, slate), f"slates of items 0..{self._items - 1}")
        running = ~self.over
        check_range(slates, running, self._items, "slate")
        taste = rng.uniform_array(self._seeds[:, None], 0, rng.USER, slates) + self._shift
        leaves = rng.uniform_array(self._seeds, self._steps, rng.FAMILY) < 0.2
        rewards = taste[:, 0] + 0.1 * taste[:, -1]
        rewards = np.where(running & (self.leaving_earns | ~leaves), rewards.astype(np.float32), 0.0)
        self._steps += running
        self._cause[running & (self._steps >= self.task.horizon)] = ENDED
        self._cause[running & leaves] = LEFT
        self._last[running, 0] = rewards[running]
        return Step(rewards, self._cause == LEFT, self._cause == ENDED)

    def observe(self) -> dict[str, Any]:
        return {"last_reward": self._last.copy()}

    @property
    def over(self) -> Any:
        return self._cause != RUNNING

    def causes(self, lanes: Any = ALL) -> Any:
        return CAUSES[self._cause[lanes]]

    def hidden(self) -> dict[str, Any]:
        return {"user": self.user_ids()}

    def user_ids(self) -> Any:
        return (self._seeds >> np.uint64(1)).astype(np.int64)

    def references(self) -> dict[str, Any]:
        return {"myopic": lambda: self._best, "planner": lambda: self._best}

    def _best(self) -> Any:
        taste = rng.uniform_array(self._seeds[:, None], 0, rng.USER, np.arange(self._items))
        return np.argsort(-taste, axis=1, kind="stable")[:, : self.task.slate_size]

    def render_ansi(self, lane: int) -> str:
        return f"step {self._steps[lane]}"
