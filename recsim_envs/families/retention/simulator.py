"""`RetentionSimulator`: lives of users on the platform, visit after visit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import InvalidActionError
from recsim_envs.families import options
from recsim_envs.families.actions import checked_split, drawn_users, integers, split_seeds
from recsim_envs.families.base import ALL, Reference, Simulator, Step
from recsim_envs.families.retention import kernel
from recsim_envs.families.retention.catalogue import TOPICS, generate
from recsim_envs.families.retention.parameters import FROZEN, GAP_LOGITS, LONGEST_GAP, Constants, gap_logits
from recsim_envs.spec import TaskSpec

MEMORY: Final = 50
"""Items that an observation shows."""
REWARDS: Final = {"sessions": (1.0, 0.0), "days": (0.0, 1.0), "both": (1.0, 1.0)}
"""What a visit earns, and what the first visit of a day earns on top."""

_CAUSES = np.array(kernel.CAUSES, dtype=object)
_INT64 = np.dtype(np.int64)
_PLANES: Final = ("items", "clicks", "views")
_LONGEST_REFERENCE: Final = kernel.SESSIONS * kernel.RETURN_DAYS


class State(NamedTuple):
    """What the kernel keeps of the lanes; `kernel` says what is where."""

    clock: NDArray[np.int32]
    mind: NDArray[np.float64]
    tastes: NDArray[np.float64]
    history: NDArray[np.int32]


class RetentionSimulator(Simulator):
    """Users who visit, leave, come back after days or never: see `recsim_envs.families.retention`.

    Arguments beside `num_lanes` and `env_id` are the environment's options. Raises `ConfigurationError` for one
    without meaning. `items`, `dynamics`, `gap_logits` and `state` are what reference policies read; the calibration
    also replaces the middle two between lives.
    """

    shared = frozenset({"quality", "bait", "topics"})

    def __init__(
        self,
        num_lanes: int,
        *,
        split: str = "train",
        reward: str = "both",
        days: int = 30,
        num_items: int = 1000,
        slate_size: int = 5,
        horizon: int | None = None,
        reference: bool = False,
        env_id: str = "",
    ) -> None:
        self._reward = options.choice("reward", reward, tuple(REWARDS))
        self._days = options.integer("days", days, 2, 3650)
        self.reference = options.flag("reference", reference)
        longest = kernel.SESSIONS * kernel.TEMPER if reference else self._days * kernel.VISITS_A_DAY * kernel.VISIT_CAP
        self.horizon = options.integer("horizon", longest if horizon is None else horizon, 1, 100_000)
        size = options.integer("slate_size", slate_size, 1, 20)
        self.dynamics = FROZEN if reference else Constants()
        self.gap_logits = gap_logits()
        self.items = generate(options.integer("num_items", num_items, len(TOPICS), 100_000), self.dynamics)
        self._split = checked_split(split)
        self._allocate(options.integer("number of lanes", num_lanes, 1, 2**31 - 1), size)
        self.task = self._task_spec(env_id)

    def _allocate(self, lanes: int, size: int) -> None:
        self.num_lanes, self.slate_size = lanes, size
        self._episodes, self._seeds = np.zeros(lanes, np.uint64), np.zeros(lanes, np.uint64)
        self.state = State(
            clock=np.zeros((lanes, 7), np.int32),
            mind=np.zeros((lanes, 5)),
            tastes=np.zeros((lanes, 3, len(TOPICS))),
            history=np.full((lanes, 3, MEMORY), -1, np.int32),
        )
        self.state.clock[:, kernel.CAUSE] = kernel.IDLE

    def _task_spec(self, env_id: str) -> TaskSpec:
        items = len(self.items.topics)
        longest = _LONGEST_REFERENCE if self.reference else self._days
        space: dict[str, spaces.Space[Any]] = {
            "day": spaces.Box(0, longest, (1,), np.int32),
            "days_away": spaces.Box(0, max(LONGEST_GAP, kernel.RETURN_DAYS), (1,), np.int32),
            "visit": spaces.Box(0, max(self._days * kernel.VISITS_A_DAY, kernel.SESSIONS), (1,), np.int32),
            "visit_step": spaces.Box(0, kernel.VISIT_CAP, (1,), np.int32),
        }
        for name, width in (("history", MEMORY), ("slate", self.slate_size)):
            for plane, high in zip(_PLANES, (items - 1, 1, 1), strict=True):
                space[f"{name}_{plane}"] = spaces.Box(-1, high, (width,), np.int32)
        return TaskSpec(
            env_id=env_id,
            observation_space=spaces.Dict(space),
            action_space=spaces.MultiDiscrete([items] * self.slate_size),
            catalogue=self.items.public,
            horizon=self.horizon,
            protocol="FB",
            reward_range=(-kernel.RETURN_DAYS / 10.0, 0.0) if self.reference else (0.0, sum(REWARDS[self._reward])),
            domain="videos",
        )

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a life with episode seed `seeds[i]` in lane `lanes[i]`."""
        self._episodes[lanes] = seeds
        kernel.begin(lanes, split_seeds(seeds, self._split), self.reference, self.dynamics, self._seeds, *self.state)

    def step(self, actions: NDArray[Any]) -> Step:
        """Show a slate in every lane: integers (B, slate_size), item ids."""
        shape = self.num_lanes, self.slate_size
        if type(actions) is not np.ndarray or actions.dtype is not _INT64 or actions.shape != shape:
            actions = integers(actions, shape, f"slates of {self.slate_size} item ids 0..{len(self.items.topics) - 1}")
        rewards, flags = np.zeros(self.num_lanes), np.zeros((2, self.num_lanes), np.bool_)
        wrong = kernel.step(
            np.ascontiguousarray(actions), self.items.topics, self.items.facets, self.reference, self._days,
            self.horizon, *REWARDS[self._reward], self.dynamics, self.gap_logits, self._seeds, *self.state,
            rewards, flags,
        )  # fmt: skip
        if wrong != kernel.FINE:
            raise InvalidActionError(
                f"lane {wrong}, step {self.state.clock[wrong, kernel.STEPS]}: slate {actions[wrong].tolist()} is out "
                f"of range; items are 0..{len(self.items.topics) - 1}"
            )
        return Step(rewards, flags[0], flags[1])

    def observe(self) -> dict[str, NDArray[Any]]:
        """What is public of all lanes: int32 (B, 1), (B, 50) and (B, slate_size)."""
        return _observed(self.state.clock.copy(), self.state.history.copy(), self.slate_size)

    def observe_lane(self, lane: int) -> dict[str, NDArray[Any]]:
        """The observation of one lane."""
        return _observed(self.state.clock[lane].copy(), self.state.history[lane].copy(), self.slate_size)

    @property
    def over(self) -> NDArray[np.bool_]:
        """Which lanes hold no running life (B,)."""
        return self.state.clock[:, kernel.CAUSE] != kernel.RUNNING

    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        """Why lives ended: "churned", "calendar-end", "sessions-end" (reference), "horizon"."""
        return _CAUSES[self.state.clock[lanes, kernel.CAUSE]]

    def hidden(self) -> dict[str, Any]:
        """Trust, habit, mood, interests and satiation of the users; facets of the items; constants."""
        return {
            "trust": self.state.mind[:, kernel.TRUST].copy(),
            "habit": self.state.mind[:, kernel.HABIT].copy(),
            "mood": self.state.mind[:, kernel.MOOD].copy(),
            "return_effect": self.state.mind[:, kernel.EFFECT].copy(),
            "interests": self.state.tastes[:, kernel.INTEREST].copy(),
            "satiation": self.state.tastes[:, kernel.SATIATION].copy(),
            "quality": self.items.facets[:, kernel.QUALITY].copy(),
            "bait": self.items.facets[:, kernel.BAIT].copy(),
            "topics": self.items.topics.copy(),
            **self.constants(),
        }

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane: every life is that of a user of its own."""
        return drawn_users(self._episodes)

    def constants(self) -> dict[str, int | float | str | bool]:
        """Options and constants of the dynamics."""
        set_here = {"reward": self._reward, "days": self._days, "reference": self.reference, "horizon": self.horizon}
        fixed = {
            "visit_cap": kernel.VISIT_CAP,
            "visits_a_day": kernel.VISITS_A_DAY,
            "longest_gap": LONGEST_GAP,
            "favourites": kernel.FAVOURITES,
            "remembered": kernel.REMEMBERED,
        }
        logits = {f"gap_logit_{day}": logit for day, logit in enumerate(GAP_LOGITS)}
        return {**set_here, **fixed, **self.dynamics._asdict(), **logits}

    def provenance(self) -> tuple[str, str]:
        """The generated catalogue."""
        return f"retention-catalogue-{len(self.items.topics)}", self.items.hash

    def references(self) -> dict[str, Callable[[], Reference]]:
        """Policies that know the true model."""
        from recsim_envs.families.retention.references import make_references

        return make_references(self)

    def cycle_pool(self) -> NDArray[np.int64]:
        """Slates that go round the topics, from the best items of each downwards: (p, slate_size)."""
        from recsim_envs.families.retention.references import cycle_pool

        return cycle_pool(self)

    def fatigue(self) -> NDArray[np.float64]:
        """Chance that the user, leaving now, would stay away tomorrow; 1 once gone for ever (B,)."""
        away = np.empty(self.num_lanes)
        kernel.chances_away(self.dynamics, self.gap_logits, self.state.mind, away)
        return np.where(self.state.clock[:, kernel.CAUSE] == kernel.CHURNED, 1.0, away)

    def render_ansi(self, lane: int) -> str:
        """Where the life stands, and what was shown last with its answers."""
        catalogue, clock = self.task.catalogue, self.state.clock[lane]
        cause = kernel.CAUSES[clock[kernel.CAUSE]]
        head = (
            f"{self.task.env_id or 'retention'}  day {clock[kernel.DAY]}, visit {clock[kernel.VISIT]} after "
            f"{clock[kernel.GAP]} days away, slate {clock[kernel.STEP]}, {f'ended: {cause}' if cause else 'running'}"
        )
        answers = {(0, 0): "passed over", (1, 0): "clicked", (1, 1): "watched"}
        lines = [
            f"  {answers[click, view]:11}  {catalogue.titles[item]}"
            for item, click, view in self.state.history[lane, :, -2 * self.slate_size :].T.tolist()
            if item >= 0
        ]
        return "\n".join([head, *lines])


def _observed(clock: NDArray[np.int32], history: NDArray[np.int32], size: int) -> dict[str, NDArray[Any]]:
    """Views of copies: clock (..., 7) and history (..., 3, 50)."""
    found = {
        "day": clock[..., kernel.DAY, None],
        "days_away": clock[..., kernel.GAP, None],
        "visit": clock[..., kernel.VISIT, None],
        "visit_step": clock[..., kernel.STEP, None],
    }
    for plane, name in enumerate(_PLANES):
        found[f"history_{name}"] = history[..., plane, :]
        found[f"slate_{name}"] = history[..., plane, -size:].copy()  # else writing to one key would change another
    return found
