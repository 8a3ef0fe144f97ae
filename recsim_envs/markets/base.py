"""`Market`: dynamics of B worlds with N agents each. The PettingZoo face and the baselines are thin layers on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import InvalidActionError
from recsim_envs.families.actions import checked_split, integers, split_seeds
from recsim_envs.families.options import integer

MAX_HORIZON: Final = 100_000

# How an agent stands. Above ACTIVE it plays no more.
ACTIVE: Final = 0
LEFT: Final = 1  # it had to leave, or its user left: terminated
HORIZON: Final = 2  # the cap on rounds: truncated
IDLE: Final = 3  # nothing was ever begun in this lane

M = TypeVar("M", bound="Market")
JointPolicy = Callable[[], NDArray[np.int64]]
"""A policy of all agents that may read everything. Called once before each round, it returns actions (B, N)."""


@dataclass(frozen=True, eq=False)
class MarketSpec:
    """What agents and their learners may know of a market before they play.

    `agents` are the N names; all share `observation_space`, a float32 Box (d,) whose components `fields` names, and
    `action_space`. `horizon` caps the rounds, `reward_range` bounds an agent's reward of one round, and with
    `shared_reward` all agents of a world earn the same.
    """

    name: str
    agents: tuple[str, ...]
    observation_space: spaces.Box
    fields: tuple[str, ...]
    action_space: spaces.Discrete
    horizon: int
    reward_range: tuple[float, float]
    shared_reward: bool = False

    @property
    def num_agents(self) -> int:
        """N: the agents at the start."""
        return len(self.agents)

    @property
    def num_actions(self) -> int:
        """Actions of an agent are 0..num_actions-1."""
        return int(self.action_space.n)


class MarketStep(NamedTuple):
    """What one round of B worlds returned: float64, bool and bool arrays (B, N)."""

    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


class Market(ABC):
    """B worlds of N agents, advanced by one kernel; a *round* is one action of every active agent of a world.

    A lane is a slot for a world. `begin` starts worlds in some lanes; `step` plays a round in every lane with an
    active agent. Agents that play no more are left alone: their action is ignored, their reward is 0 and their flags
    stay. All arrays returned are fresh. A market can be pickled and copied. Constructors take `num_lanes` and
    keyword-only options, of which `horizon` and `split` are common to all.
    """

    _causes = np.array(["", "left", "horizon", ""], dtype=object)

    def __init__(self, num_lanes: int, spec: MarketSpec, **options: Any) -> None:
        self.num_lanes, self.spec = integer("number of lanes", num_lanes, 1, 2**31 - 1), spec
        self.options = options
        self.split = checked_split(options["split"])
        self._status = np.full((num_lanes, spec.num_agents), IDLE, np.int8)
        self._rounds = np.zeros(num_lanes, np.int32)
        self._seeds = np.zeros(num_lanes, np.uint64)

    def resized(self: M, num_lanes: int) -> M:
        """A new market with the same options and other lanes, in which nothing was begun."""
        return type(self)(num_lanes, **self.options)

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a world with episode seed `seeds[i]` in lane `lanes[i]`."""
        self._seeds[lanes] = split_seeds(seeds, self.split)
        self._status[lanes], self._rounds[lanes] = ACTIVE, 0
        self._begin(np.ascontiguousarray(lanes, np.int64))

    def step(self, actions: NDArray[Any]) -> MarketStep:
        """Play a round: integers (B, N). Raises `InvalidActionError` before anything has moved."""
        count = self.spec.num_actions
        checked = integers(actions, self._status.shape, f"actions 0..{count - 1}, one an agent")
        wrong = ((checked < 0) | (checked >= count)) & self.active
        if wrong.any():
            lane, agent = np.unravel_index(int(wrong.argmax()), wrong.shape)
            raise InvalidActionError(
                f"lane {lane}, {self.spec.agents[agent]}: action {checked[lane, agent]} is out of range; "
                f"actions are 0..{count - 1}"
            )
        rewards = np.zeros(self._status.shape)
        self._advance(checked, rewards)
        return MarketStep(rewards, self._status == LEFT, self._status == HORIZON)

    @abstractmethod
    def _begin(self, lanes: NDArray[np.int64]) -> None:
        """Draw the worlds of these lanes from `_seeds`."""

    @abstractmethod
    def _advance(self, actions: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        """Play a round with valid actions: fill `rewards` (B, N), advance `_rounds` and `_status`."""

    @abstractmethod
    def observe(self) -> NDArray[np.float32]:
        """What each agent sees: (B, N, d), whether it still plays or not."""

    @abstractmethod
    def hidden(self) -> dict[str, NDArray[Any]]:
        """Hidden state for analysis: arrays with one row a lane."""

    @abstractmethod
    def render_ansi(self, lane: int) -> str:
        """One world as text, for `render_mode="ansi"`."""

    @abstractmethod
    def constants(self) -> Mapping[str, int | float | str]:
        """The constants of the dynamics as they are set here, for pages and tables."""

    @abstractmethod
    def references(self) -> dict[str, Callable[[], JointPolicy]]:
        """Policies of all agents that know the true model, by name, each with a function that makes one.

        Every market has "myopic", in which each agent maximises what it expects to earn in this round, and "planner",
        in which all agents follow the plan that earns them most together by the end.
        """

    @property
    def rounds(self) -> NDArray[np.int32]:
        """Rounds played in each lane (B,)."""
        return self._rounds.copy()

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which agents still play (B, N)."""
        return self._status == ACTIVE

    @property
    def over(self) -> NDArray[np.bool_]:
        """Lanes in which nobody plays any more (B,)."""
        return self._status.min(axis=1) > ACTIVE

    def causes(self) -> NDArray[np.object_]:
        """Why each agent stopped: "left" or "horizon", "" while it plays (B, N)."""
        return self._causes[self._status]


def checked_horizon(value: int) -> int:
    """The option `horizon`."""
    return integer("horizon", value, 1, MAX_HORIZON)


def unit_box(size: int) -> spaces.Box:
    """The space of observations whose components are all scaled to 0..1."""
    return spaces.Box(0.0, 1.0, (size,), np.float32)
