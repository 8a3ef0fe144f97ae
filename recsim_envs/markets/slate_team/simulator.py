"""`SlateTeam`: one agent a slot of a slate, all paid by the clicks on the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.families.options import integer, number
from recsim_envs.markets.base import JointPolicy, Market, MarketSpec, checked_horizon, unit_box
from recsim_envs.markets.slate_team import kernel


class SlateTeam(Market):
    """Slots that choose topics; options are documented on the package's page."""

    def __init__(
        self, num_lanes: int, *, num_slots: int = 5, tiring: float = 0.8, horizon: int = 100, split: str = "train"
    ) -> None:
        slots = integer("num_slots", num_slots, 2, 100)
        self.tiring = number("tiring", tiring, 0.0, 100.0)
        fields = _fields(slots)
        spec = MarketSpec(
            name="slate_team_v0",
            agents=tuple(f"slot_{n}" for n in range(slots)),
            observation_space=unit_box(len(fields)),
            fields=fields,
            action_space=spaces.Discrete(kernel.TOPICS),
            horizon=checked_horizon(horizon),
            reward_range=(0.0, float(slots)),
            shared_reward=True,
        )
        super().__init__(num_lanes, spec, num_slots=num_slots, tiring=tiring, horizon=horizon, split=split)
        self._tastes = np.zeros((num_lanes, kernel.TOPICS))
        self._exposure = np.zeros((num_lanes, kernel.TOPICS))
        self._mood = np.zeros((2, num_lanes))
        self._last = np.zeros((2, num_lanes, slots), np.int32)
        self._last[kernel.SHOWN] = -1
        self._counts = np.zeros((2, num_lanes, kernel.TOPICS), np.int32)

    def _begin(self, lanes: NDArray[np.int64]) -> None:
        kernel.begin(lanes, self._seeds, self._tastes, self._exposure, self._mood, self._last, self._counts)

    def _advance(self, actions: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        kernel.step(
            actions, self.tiring, self.spec.horizon, self._seeds, self._rounds, self._status, self._tastes,
            self._exposure, self._mood, self._last, self._counts, rewards,
        )  # fmt: skip

    def observe(self) -> NDArray[np.float32]:
        """What each slot sees: float32 (B, N, 2 + N + 36), in the order of `spec.fields`."""
        out = np.empty((*self._status.shape, len(self.spec.fields)), np.float32)
        kernel.observe(self.spec.horizon, self._rounds, self._exposure, self._last, self._counts, out)
        return out

    def greedy(self, value: NDArray[np.float64], distinct: bool = False) -> NDArray[np.int64]:
        """Slates (B, N) by true chance of a click minus `value` (B,) of the redundancy they add; for references."""
        out = np.zeros(self._status.shape, np.int64)
        kernel.greedy(value, distinct, self._tastes, self._exposure, self._mood, out)
        return out

    def hidden(self) -> dict[str, NDArray[Any]]:
        """`tastes` (B, K), `exposure` (B, K), `weariness` (B,), `patience` (B,)."""
        return {
            "tastes": self._tastes.copy(),
            "exposure": self._exposure.copy(),
            "weariness": self._mood[kernel.WEARINESS].copy(),
            "patience": self._mood[kernel.PATIENCE].copy(),
        }

    def render_ansi(self, lane: int) -> str:
        """The round, the last slate from the top down, what was clicked, and what the session has shown."""
        cause = self.causes()[lane, 0]
        head = (
            f"{self.spec.name}  round {self._rounds[lane]} of {self.spec.horizon}{', ended: ' + cause if cause else ''}"
        )
        slate = [
            f"  {agent}  topic {topic}{'  clicked' if clicked else ''}"
            for agent, topic, clicked in zip(self.spec.agents, *self._last[:, lane].tolist(), strict=True)
            if topic >= 0
        ]
        shares = "  ".join(f"{share:.2f}" for share in self._exposure[lane])
        return "\n".join([head, *slate, f"  lately by topic: {shares}"])

    def constants(self) -> dict[str, int | float | str]:
        """The constants of the dynamics."""
        return {
            "num_slots": self.spec.num_agents,
            "tiring": self.tiring,
            "horizon": self.spec.horizon,
            "topics": kernel.TOPICS,
            "taste_mean": kernel.MEAN,
            "taste_spread": kernel.SPREAD,
            "exposure_kept": kernel.EXPOSURE_KEPT,
            "weariness_kept": kernel.WEARINESS_KEPT,
            "examined": kernel.EXAMINED,
            "double": kernel.DOUBLE,
            "first_patience": kernel.FIRST_PATIENCE,
            "expected": kernel.EXPECTED,
        }

    def references(self) -> dict[str, Callable[[], JointPolicy]]:
        """Three that do not plan, and the planner: see `recsim_envs.markets.slate_team.references`."""
        from recsim_envs.markets.slate_team.references import make_myopic, make_planner, make_rotation

        return {
            "myopic": lambda: make_myopic(self),
            "myopic-no-repeat": lambda: make_myopic(self, distinct=True),
            "rule-rotation": lambda: make_rotation(self),
            "planner": lambda: make_planner(self),
        }


def _fields(slots: int) -> tuple[str, ...]:
    topics = range(kernel.TOPICS)
    return (
        "rounds-left", *(f"exposure-{k}" for k in topics), *(f"click-rate-{k}" for k in topics),
        *(f"own-topic-{k}" for k in topics), "own-clicked", *(f"slot-{n}" for n in range(slots)),
    )  # fmt: skip
