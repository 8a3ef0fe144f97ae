"""`Duopoly`: two platforms compete for the time of the same users, and for whether they come at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.families.options import integer, number
from recsim_envs.markets.base import JointPolicy, Market, MarketSpec, checked_horizon, unit_box
from recsim_envs.markets.duopoly import kernel


class Duopoly(Market):
    """Platforms that choose feed, quality and clickbait; options are documented on the package's page."""

    def __init__(
        self, num_lanes: int, *, num_users: int = 60, harm: float = 0.6, horizon: int = 100, split: str = "train"
    ) -> None:
        self.num_users = integer("num_users", num_users, 1, 10_000)
        self.harm = number("harm", harm, 0.0, 10.0)
        spec = MarketSpec(
            name="duopoly_v0",
            agents=tuple(f"platform_{p}" for p in range(kernel.PLATFORMS)),
            observation_space=unit_box(len(_FIELDS)),
            fields=_FIELDS,
            action_space=spaces.Discrete(kernel.FEEDS * kernel.LEVELS**2),
            horizon=checked_horizon(horizon),
            reward_range=(-kernel.QUALITY_COST, kernel.TIME),
        )
        super().__init__(num_lanes, spec, num_users=num_users, harm=harm, horizon=horizon, split=split)
        self._tastes = np.zeros((num_lanes, self.num_users, kernel.TOPICS))
        self._returning = np.zeros((num_lanes, self.num_users))
        self._users = np.zeros((2, num_lanes, self.num_users, kernel.PLATFORMS))
        self._last = np.full((num_lanes, kernel.PLATFORMS), -1, np.int32)
        self._shares = np.zeros((num_lanes, kernel.PLATFORMS + 1))

    def _begin(self, lanes: NDArray[np.int64]) -> None:
        kernel.begin(lanes, self._seeds, self._tastes, self._returning, self._users, self._last, self._shares)

    def _advance(self, actions: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        kernel.step(
            actions, self.harm, self.spec.horizon, self._seeds, self._rounds, self._status, self._tastes,
            self._returning, self._users, self._last, self._shares, rewards,
        )  # fmt: skip

    def observe(self) -> NDArray[np.float32]:
        """What each platform sees: float32 (B, 2, 18), in the order of `spec.fields`."""
        out = np.empty((*self._status.shape, len(_FIELDS)), np.float32)
        kernel.observe(self.spec.horizon, self._rounds, self._last, self._shares, out)
        return out

    def respond(self, player: int, plan: NDArray[np.int64]) -> None:
        """A platform answers the other's action in `plan` (B, 2) with what earns it most now; for references."""
        kernel.respond(player, plan, self.spec.num_actions, self._tastes, self._returning, self._users)

    def hidden(self) -> dict[str, NDArray[Any]]:
        """`tastes` (B, U, K), `returning` (B, U), `satisfaction` and `habit` (B, U, 2)."""
        return {
            "tastes": self._tastes.copy(),
            "returning": self._returning.copy(),
            "satisfaction": self._users[kernel.SATISFACTION].copy(),
            "habit": self._users[kernel.HABIT].copy(),
        }

    def render_ansi(self, lane: int) -> str:
        """The round, how many users came, and a line a platform: what it offers, and its share of all time."""
        came = self._shares[lane, kernel.PLATFORMS]
        head = f"{self.spec.name}  round {self._rounds[lane]} of {self.spec.horizon}, {came:.0%} of users came"
        return "\n".join([head, *(self._line(lane, p) for p in range(kernel.PLATFORMS))])

    def _line(self, lane: int, platform: int) -> str:
        action, name = int(self._last[lane, platform]), self.spec.agents[platform]
        if action < 0:
            return f"  {name}  nothing yet"
        feed = kernel.feed_of(action)
        return (
            f"  {name}  {f'focus on topic {feed - 1}' if feed else 'all topics':<16}  "
            f"quality {kernel.quality_of(action):.1f}  clickbait {kernel.bait_of(action):.1f}  "
            f"{self._shares[lane, platform]:.1%} of all time"
        )

    def constants(self) -> dict[str, int | float | str]:
        """The constants of the dynamics."""
        return {
            "num_users": self.num_users,
            "harm": self.harm,
            "horizon": self.spec.horizon,
            "topics": kernel.TOPICS,
            "focus": kernel.FOCUS,
            "satisfaction_pull": kernel.SATISFACTION_PULL,
            "habit_pull": kernel.HABIT_PULL,
            "quality_pull": kernel.QUALITY_PULL,
            "clickbait_pull": kernel.BAIT_PULL,
            "outside_logit": kernel.OUTSIDE,
            "time": kernel.TIME,
            "quality_cost": kernel.QUALITY_COST,
            "satisfaction_learning": kernel.LEARNING,
            "habit_learning": kernel.HABIT_LEARNING,
            "return_learning": kernel.RETURN_LEARNING,
        }

    def references(self) -> dict[str, Callable[[], JointPolicy]]:
        """The policies "myopic", "rule-honest" and "planner", see `recsim_envs.markets.duopoly.references`."""
        from recsim_envs.markets.duopoly.references import make_honest, make_myopic, make_planner

        return {
            "myopic": lambda: make_myopic(self),
            "rule-honest": lambda: make_honest(self),
            "planner": lambda: make_planner(self),
        }


def _side(word: str) -> tuple[str, ...]:
    focuses = (f"{word}-focus-{k}" for k in range(kernel.TOPICS))
    return (f"{word}-even", *focuses, f"{word}-quality", f"{word}-clickbait", f"{word}-time")


_FIELDS = ("rounds-left", "visitors", *_side("own"), *_side("rival"))
