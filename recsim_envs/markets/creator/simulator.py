"""`CreatorMarket`: creators compete for the clicks of users that they can wear out together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.families.options import choice, integer, number
from recsim_envs.markets.base import JointPolicy, Market, MarketSpec, checked_horizon, unit_box
from recsim_envs.markets.creator import kernel
from recsim_envs.markets.creator.response import respond

MECHANISMS: Final = ("engagement", "quality", "viability")

_FIELDS: Final = (
    "rounds-left", "creators-left", "visitors", "mean-quality", "mean-clickbait",
    *(f"supply-{k}" for k in range(kernel.TOPICS)),
    *(f"clicks-{k}" for k in range(kernel.TOPICS)),
    *(f"own-topic-{k}" for k in range(kernel.TOPICS)),
    "own-quality", "own-clickbait", "own-shown", "own-clicks", "own-audience",
)  # fmt: skip


class CreatorMarket(Market):
    """Creators who choose topic, quality and clickbait; options are documented on the package's page."""

    def __init__(
        self,
        num_lanes: int,
        *,
        num_creators: int = 20,
        num_users: int = 50,
        mechanism: str = "engagement",
        viability: float = 12.0,
        fatigue_gain: float = 0.05,
        horizon: int = 200,
        split: str = "train",
    ) -> None:
        creators = integer("num_creators", num_creators, 2, 1000)
        self.num_users = integer("num_users", num_users, 1, 10_000)
        self.mechanism = choice("mechanism", mechanism, MECHANISMS)
        self._ranking = MECHANISMS.index(self.mechanism)
        self.viability = number("viability", viability, 0.0, kernel.FIRST_AUDIENCE * kernel.AUDIENCE_KEPT)
        self.fatigue_gain = number("fatigue_gain", fatigue_gain, 0.0, 10.0)
        spec = MarketSpec(
            name="creator_market_v0",
            agents=tuple(f"creator_{i}" for i in range(creators)),
            observation_space=unit_box(kernel.FIELDS),
            fields=_FIELDS,
            action_space=spaces.Discrete(kernel.TOPICS * kernel.LEVELS**2),
            horizon=checked_horizon(horizon),
            reward_range=(-kernel.QUALITY_COST, float(self.num_users)),
        )
        super().__init__(
            num_lanes, spec, num_creators=creators, num_users=num_users, mechanism=mechanism, viability=viability,
            fatigue_gain=fatigue_gain, horizon=horizon, split=split,
        )  # fmt: skip
        self._tastes = np.zeros((num_lanes, self.num_users, kernel.TOPICS))
        self._clusters = np.zeros((num_lanes, self.num_users), np.int64)
        self._users = np.zeros((2, num_lanes, self.num_users))
        self._audience = np.zeros((num_lanes, creators))
        self._last = np.zeros((num_lanes, creators, 3), np.int32)
        self._last[:, :, kernel.ACTION] = -1
        self._visitors = np.zeros(num_lanes, np.int32)

    def _begin(self, lanes: NDArray[np.int64]) -> None:
        kernel.begin(
            lanes, self._seeds, self._tastes, self._clusters, self._users, self._audience, self._last,
            self._visitors,
        )  # fmt: skip

    def _advance(self, actions: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        kernel.step(
            actions, self._ranking, self.viability, self.fatigue_gain, self.spec.horizon, self._seeds, self._rounds,
            self._status, self._tastes, self._users, self._audience, self._last, self._visitors, rewards,
        )  # fmt: skip

    def observe(self) -> NDArray[np.float32]:
        """What each creator sees: float32 (B, N, 25), in the order of `spec.fields`."""
        out = np.empty((*self._status.shape, kernel.FIELDS), np.float32)
        kernel.observe(
            self.spec.horizon, self.viability, self._rounds, self._status, self._users, self._audience, self._last,
            self._visitors, out,
        )  # fmt: skip
        return out

    def hidden(self) -> dict[str, NDArray[Any]]:
        """`tastes` (B, U, K), `clusters` (B, U), `fatigue` and `habit` (B, U), `audience` (B, N)."""
        return {
            "tastes": self._tastes.copy(),
            "clusters": self._clusters.copy(),
            "fatigue": self._users[kernel.FATIGUE].copy(),
            "habit": self._users[kernel.HABIT].copy(),
            "audience": self._audience.copy(),
        }

    def render_ansi(self, lane: int) -> str:
        """The round, how many users came, and a line a creator: what it made, how often shown, clicked."""
        head = (
            f"{self.spec.name}  round {self._rounds[lane]} of {self.spec.horizon}, {self.mechanism} ranking, "
            f"{self._visitors[lane]} of {self.num_users} users came"
        )
        return "\n".join([head, *(self._line(lane, i) for i in range(self.spec.num_agents))])

    def _line(self, lane: int, creator: int) -> str:
        action, shown, clicks = self._last[lane, creator].tolist()
        name, cause = self.spec.agents[creator], self.causes()[lane, creator]
        made = (
            f"topic {kernel.topic_of(action)}  quality {kernel.quality_of(action):.1f}  "
            f"clickbait {kernel.bait_of(action):.1f}  shown {shown:3d}  clicked {clicks:3d}"
            if action >= 0
            else "nothing yet"
        )
        return f"  {name:<10}  {made}  audience {self._audience[lane, creator]:5.1f}  {cause}".rstrip()

    def respond(self, plan: NDArray[np.int64], first: int, stride: int) -> None:
        """Creators first, first + stride, ... answer in turn to the `plan` (B, N) of all, in place; for references."""
        respond(
            first, stride, plan, self.spec.num_actions, self._ranking, self._seeds, self._rounds, self._status,
            self._tastes, self._users, self._audience,
        )  # fmt: skip

    def constants(self) -> dict[str, int | float | str]:
        """The constants of the dynamics."""
        return {
            "num_creators": self.spec.num_agents,
            "num_users": self.num_users,
            "mechanism": self.mechanism,
            "viability": self.viability,
            "horizon": self.spec.horizon,
            "slate_size": kernel.SLATE,
            "topics": kernel.TOPICS,
            "quality_pull": kernel.QUALITY_PULL,
            "clickbait_pull": kernel.BAIT_PULL,
            "fatigue_pull": kernel.FATIGUE_PULL,
            "fatigue_gain": self.fatigue_gain,
            "fatigue_kept": kernel.FATIGUE_KEPT,
            "quality_cost": kernel.QUALITY_COST,
            "audience_kept": kernel.AUDIENCE_KEPT,
            "outside_logit": kernel.OUTSIDE,
            "harm": kernel.HARM,
            "habit_learning": kernel.LEARNING,
            "exploration": kernel.EXPLORATION,
        }

    def references(self) -> dict[str, Callable[[], JointPolicy]]:
        """The policies "myopic", "rule-honest" and "planner", see `recsim_envs.markets.creator.references`."""
        from recsim_envs.markets.creator.references import make_honest, make_myopic, make_planner

        return {
            "myopic": lambda: make_myopic(self),
            "rule-honest": lambda: make_honest(self),
            "planner": lambda: make_planner(self),
        }
