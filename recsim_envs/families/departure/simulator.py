"""`DepartureSimulator`: the departure dynamics over a world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import InvalidActionError
from recsim_envs.families.actions import integers
from recsim_envs.families.base import ALL, Reference, Simulator, Step
from recsim_envs.families.departure import kernel
from recsim_envs.families.departure.rules import Rules
from recsim_envs.families.options import integer
from recsim_envs.spec import TaskSpec
from recsim_envs.worlds import resolve
from recsim_envs.worlds.rewards.factors import FACTORS
from recsim_envs.worlds.world import World

MEMORY: Final = 10
"""Items of history and of the session that an observation shows: the paper's state is the last ten titles."""

NO_MASK: Final = np.zeros((0, 0), np.bool_)
POOL: Final = 40
"""How many items a fixed cycle is sought among."""

_BOUND: Final = {"_visible", "_log", "_arguments", "_kernel", "_test", "_dearest", "_test_arguments", "_advance"}
_CAUSES = np.array(kernel.CAUSES, dtype=object)
_INT64 = np.dtype(np.int64)


class DepartureSimulator(Simulator):
    """Users who leave when items are too alike, of one category too often, or too poor.

    Arguments beside `num_lanes` and `env_id` are the environment's options, see the page of the family; None takes
    the world's own constant. Raises `ConfigurationError` for an option without meaning and `WorldError` for a world
    that cannot be read.
    """

    def __init__(
        self,
        num_lanes: int,
        *,
        world: str | Path | World,
        split: str = "train",
        protocol: str = "FB",
        leave_by: str | None = None,
        window: int | None = None,
        threshold: float | None = None,
        category_limit: int | None = None,
        legacy_window: bool = False,
        r_min: float | None = None,
        leaving_pays: bool | None = None,
        horizon: int | None = None,
        env_id: str = "",
    ) -> None:
        self.world = resolve(world)
        self._users = np.ascontiguousarray(self.world.users(split))
        self.rules = Rules.of(
            self.world, protocol, legacy_window, leave_by=leave_by, window=window, threshold=threshold,
            category_limit=category_limit, r_min=r_min, leaving_pays=leaving_pays, horizon=horizon,
        )  # fmt: skip
        self.window, self.threshold = self.rules.window, self.rules.threshold
        self.r_min, self.horizon = self.rules.r_min, self.rules.horizon
        self.leaving_earns = self.rules.leaving_pays
        self._allocate(integer("number of lanes", num_lanes, 1, 2**31 - 1))
        self._bind()
        self.task = self._task_spec(env_id)

    def _allocate(self, lanes: int) -> None:
        self.num_lanes, width = lanes, max(self.window, MEMORY)
        self._state = np.zeros((3, lanes), np.int32)
        self._state[kernel.CAUSE] = kernel.IDLE
        self._items = np.full((2, lanes, width), -1, np.int32)
        self._earned = np.zeros((2, lanes, width), np.float32)
        self._blank_rewards, self._blank_flags = np.zeros(lanes), np.zeros((2, lanes), np.bool_)
        self._shown = np.zeros((lanes, self.world.num_items) if self.rules.no_repeat else (0, 0), np.bool_)
        self._memory = np.zeros((lanes, self.world.rewards.width), np.float32)

    def _bind(self) -> None:
        """Views of the state and of the world that every step uses."""
        self._visible = self._items[:, :, -MEMORY:], self._earned[:, :, -MEMORY:], self._state[kernel.STEPS, :, None]
        # Plain views of what is memory-mapped: numba compiles one version for all worlds.
        plain = {name: np.asarray(array).view(np.ndarray) for name, array in self.world.arrays.items()}
        self._log = plain["log_indptr"], plain["log_items"], plain["log_rewards"]
        rules = self.rules
        by_category = rules.leave_by == "category"
        shelves = (plain["category_indptr"], plain["category_ids"], rules.category_limit, rules.legacy_window)
        rule = shelves if by_category else (plain["vectors"], rules.threshold)
        rule = (*rule, rules.r_min, rules.window, rules.horizon, rules.leaving)
        self._test = kernel.stays_by_category if by_category else kernel.stays_by_distance
        self._dearest = kernel.dearest_by_category if by_category else kernel.dearest_by_distance
        self._test_arguments = (*rule, self._state, self._items)
        arrays = self._state, self._items, self._earned, self._shown
        self._arguments: tuple[Any, ...]
        if self.world.info.reward_model == "table":
            self._kernel = kernel.step_table_by_category if by_category else kernel.step_table
            self._arguments = (plain["rewards"], *rule, *arrays)
        elif self.world.info.reward_model == "factors" and not self.world.rewards.calibrated:
            self._kernel = kernel.step_factors_by_category if by_category else kernel.step_factors
            factors = tuple(plain[name] for name in FACTORS)
            self._arguments = (factors, *self.world.info.reward_range, *rule, *arrays)
        else:
            self._kernel, self._advance = self._step_in_parts, kernel.advance_by_category
            if not by_category:
                self._advance = kernel.advance
                rule = (plain["vectors"], np.float32(rules.threshold) * np.float32(rules.threshold), *rule[2:])
            self._arguments = (*rule, *arrays)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _BOUND}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bind()  # copied views would show the arrays of the original

    def _task_spec(self, env_id: str) -> TaskSpec:
        low, high = self.world.info.reward_range
        items = spaces.Box(-1, self.world.num_items - 1, (MEMORY,), np.int32)
        rewards = spaces.Box(min(low, 0.0), max(high, 0.0), (MEMORY,), np.float32)
        space: dict[str, spaces.Space[Any]] = {
            "history_items": items,
            "history_rewards": rewards,
            "session_items": items,
            "session_rewards": rewards,
            "length": spaces.Box(0, self.horizon, (1,), np.int32),
        }
        return TaskSpec(
            env_id=env_id,
            observation_space=spaces.Dict(space),
            action_space=spaces.Discrete(self.world.num_items),
            catalogue=self.world.catalogue,
            horizon=self.horizon,
            protocol=self.rules.protocol,
            reward_range=(min(low, 0.0), max(high, 0.0)),  # a step that is forfeited earns 0
            domain=self.world.info.domain,
        )

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`."""
        arrays = self._state, self._items, self._earned, self._shown
        kernel.begin(lanes, seeds, self._users, *self._log, *arrays)
        if self.world.rewards.sequential:
            self._memory[lanes] = self.world.rewards.fresh(self._state[kernel.USER, lanes])

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by one item a lane: integers (B,), 0..n_items-1, not shown before where repeats are forbidden."""
        if type(actions) is not np.ndarray or actions.dtype is not _INT64 or actions.shape != (self.num_lanes,):
            actions = integers(actions, (self.num_lanes,), f"item ids 0..{self.world.num_items - 1}")
        rewards, flags = self._blank_rewards.copy(), self._blank_flags.copy()
        wrong = self._kernel(actions, *self._arguments, rewards, flags)
        if wrong != kernel.FINE:
            raise self._refusal(wrong, int(actions[wrong]))
        return Step(rewards, flags[0], flags[1])

    def _step_in_parts(self, actions: NDArray[np.int64], *arguments: Any) -> int:
        """A step as the fused kernels make it, for reward models that have none: rewards, memory, then departures."""
        *rule, rewards, flags = arguments
        wrong = self._rate(actions, self._shown, rewards)
        if wrong == kernel.FINE:
            if self.world.rewards.sequential:
                self.world.rewards.remember(self._memory, actions, rewards, ~self.over)
            self._advance(actions, *rule, rewards, flags)
        return wrong

    def _rate(self, actions: NDArray[np.int64], shown: NDArray[np.bool_], out: NDArray[np.float64]) -> int:
        """Write what users would feel now in running lanes; FINE, or the first wrong lane, and nothing is written."""
        wrong: int = kernel.first_wrong(actions, self.world.num_items, self._state, shown)
        if wrong == kernel.FINE:
            self.world.rewards.rate(self._state[kernel.USER], actions, self._memory, ~self.over, out)
        return wrong

    def _refusal(self, lane: int, action: int) -> InvalidActionError:
        last = self.world.num_items - 1
        where = f"lane {lane}, step {self._state[kernel.STEPS, lane]}"
        if not 0 <= action <= last:
            return InvalidActionError(f"{where}: action {action} is out of range; items are 0..{last}")
        return InvalidActionError(
            f"{where}: item {action} was already shown and protocol {self.task.protocol} forbids repeats; "
            'choose where info["action_mask"] is 1'
        )

    def observe(self) -> dict[str, NDArray[Any]]:
        """Fresh arrays (B, ...) under the keys of the observation space."""
        items, earned, length = self._visible
        return _named(items.copy(), earned.copy(), length.copy())

    def observe_lane(self, lane: int) -> dict[str, NDArray[Any]]:
        """The same of one lane, without its axis."""
        items, earned, length = self._visible
        return _named(items[:, lane].copy(), earned[:, lane].copy(), length[lane].copy())

    def infos(self) -> dict[str, NDArray[Any]]:
        """`action_mask` int8 (B, n_items), 1 where an item may be shown, under a protocol that forbids repeats."""
        return {"action_mask": (~self._shown).view(np.int8)} if self.rules.no_repeat else {}

    @property
    def over(self) -> NDArray[np.bool_]:
        """Lanes without a running session (B,)."""
        return self._state[kernel.CAUSE] != kernel.RUNNING

    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        """Why each session ended: "repeat", "too-alike", "same-category", "low-reward", "horizon"; "" while it runs."""
        return _CAUSES[self._state[kernel.CAUSE, lanes]]

    def hidden(self) -> dict[str, Any]:
        """User ids (B,) beside the world and the constants that decide when they leave.

        Where rewards depend on the session also `memory` (B, width), the state of the reward model.
        """
        memory = {"memory": self._memory.copy()} if self.world.rewards.sequential else {}
        return {"user": self.user_ids(), "world": self.world, **memory, **self.constants()}

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane (B,)."""
        return self._state[kernel.USER].astype(np.int64)

    def constants(self) -> dict[str, int | float | str | bool]:
        """The constants that decide when users leave."""
        return self.rules.constants()

    def provenance(self) -> tuple[str, str]:
        """The world's name and content hash."""
        return self.world.info.name, self.world.hash

    @property
    def steps(self) -> NDArray[np.int64]:
        """Items that each session has shown (B,)."""
        return self._state[kernel.STEPS].astype(np.int64)

    @property
    def settled(self) -> bool:
        """Whether what users would give hangs on nothing but who they are."""
        return not self.world.rewards.sequential

    def opinions(self, lanes: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the users in these lanes would give every item now: float32 (len(lanes), n_items)."""
        return self._opinions_of(self._state[kernel.USER, lanes], lanes)

    def _opinions_of(self, users: NDArray[Any], lanes: NDArray[np.int64]) -> NDArray[np.float32]:
        """What these users would give every item if they remembered what the lanes do."""
        return self.world.user_rewards(users, self._memory[lanes])

    def changed(self) -> NDArray[np.bool_]:
        """Running lanes in which opinions, or what may be shown, may differ from the last step's beyond its item."""
        begun = self.world.rewards.sequential | (self._state[kernel.STEPS] == 0)
        return begun & ~self.over

    def forbidden(self) -> NDArray[np.bool_] | None:
        """Items that may not be shown now (B, n_items); None where all may."""
        return self._shown.copy() if self.rules.no_repeat else None

    def stays(self, actions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the users would stay at these items (B,)."""
        return self._test(actions, self._rewards_of(actions), *self._test_arguments)

    def dearest_staying(self, lanes: NDArray[np.int64], opinions: NDArray[np.float32]) -> NDArray[np.int64]:
        """The item of the highest opinion (len(lanes), n_items) at which each user would stay; -1 if at none.

        The lanes are such as `stays` has found an item for at which the user leaves.
        """
        return self._dearest(lanes, opinions, *self._test_arguments)

    def _rewards_of(self, actions: NDArray[np.int64]) -> NDArray[np.float32]:
        rewards = np.zeros(self.num_lanes)
        wrong = self._rate(actions, NO_MASK, rewards)
        if wrong != kernel.FINE:
            raise self._refusal(wrong, int(actions[wrong]))
        return rewards.astype(np.float32)

    def references(self) -> dict[str, Callable[[], Reference]]:
        """Policies that know every user: "myopic", "myopic-no-repeat", "rule-staying" and "planner"."""
        from recsim_envs.families.departure.references import makers

        return makers(self)

    def bound(self) -> NDArray[np.float64] | None:
        """What a session earns at most (B,), see `bounds.py`; None where rewards change in a session."""
        if not self.settled or self.rules.legacy_window:
            return None
        from recsim_envs.families.departure.bounds import session_bounds

        member = self.world.catalogue.category_matrix().astype(np.int64)
        return session_bounds(self.opinions(np.arange(self.num_lanes)), member, self.rules)

    def cycle_pool(self) -> NDArray[np.int64]:
        """The best items by popularity x mean reward and by mean reward; none where items may not recur."""
        if self.rules.no_repeat:
            return np.zeros(0, np.int64)
        return self._best_items(POOL)

    def _best_items(self, count: int) -> NDArray[np.int64]:
        catalogue = self.world.catalogue
        means = catalogue.mean_reward.astype(np.float64)
        ranked = [np.argsort(-scores, kind="stable")[: count // 2] for scores in (catalogue.popularity * means, means)]
        return np.unique(np.concatenate(ranked)).astype(np.int64)

    def fatigue(self) -> NDArray[np.float64]:
        """The share of the catalogue that would make each user leave now (B,), estimated on 200 items; 1 once gone."""
        sample = np.linspace(0, self.world.num_items - 1, min(200, self.world.num_items)).astype(np.int64)
        leaves = [~self.stays(np.full(self.num_lanes, item)) for item in sample.tolist()]
        return np.where(self.over, 1.0, np.mean(leaves, axis=0))

    def render_ansi(self, lane: int) -> str:
        """History, what was shown with its reward, and how the session stands."""
        catalogue = self.task.catalogue

        def lines(items: NDArray[np.int32], rewards: NDArray[np.float32]) -> list[str]:
            return [
                f"  {reward:4.1f}  {catalogue.titles[item]}  "
                f"[{', '.join(catalogue.category_names[c] for c in catalogue.categories(item))}]"
                for item, reward in zip(items.tolist(), rewards.tolist(), strict=True)
                if item >= 0
            ]

        ended = kernel.CAUSES[self._state[kernel.CAUSE, lane]]
        state = f"ended: {ended}" if ended else "running"
        past = lines(self._items[kernel.HISTORY, lane], self._earned[kernel.HISTORY, lane])
        session = lines(self._items[kernel.SESSION, lane], self._earned[kernel.SESSION, lane])
        name, step = self.task.env_id or self.world.info.name, self._state[kernel.STEPS, lane]
        head = f"{name}  step {step} of {self.horizon}, {state}"
        return "\n".join([head, "Before:", *past, "Session:", *session])


def _named(items: NDArray[np.int32], earned: NDArray[np.float32], length: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
    return {
        "history_items": items[kernel.HISTORY],
        "history_rewards": earned[kernel.HISTORY],
        "length": length,
        "session_items": items[kernel.SESSION],
        "session_rewards": earned[kernel.SESSION],
    }
