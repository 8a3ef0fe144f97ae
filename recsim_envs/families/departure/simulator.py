"""`DepartureSimulator`: the departure dynamics over a world."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.families.base import Simulator, Step
from recsim_envs.families.departure import kernel
from recsim_envs.spec import TaskSpec
from recsim_envs.worlds import resolve
from recsim_envs.worlds.world import World

MEMORY: Final = 10
"""Items of history and of the session that an observation shows: the paper's state is the last ten titles."""

_PROTOCOL = re.compile(r"FB|NX_(0|[1-9][0-9]{0,4})")


class DepartureSimulator(Simulator):
    """Users who leave when items are too alike or too poor.

    Arguments beside `num_lanes` and `env_id` are the environment's options, see `docs/environments/departure.md`;
    None takes the world's own constant. Raises `ConfigurationError` for an option without meaning and
    `WorldError` for a world that cannot be read.
    """

    def __init__(
        self,
        num_lanes: int,
        *,
        world: str | Path | World,
        split: str = "train",
        protocol: str = "FB",
        window: int | None = None,
        threshold: float | None = None,
        r_min: float | None = None,
        horizon: int | None = None,
        env_id: str = "",
    ) -> None:
        self.world = resolve(world)
        self._users = np.ascontiguousarray(self.world.users(split))
        defaults = self.world.info.departure
        self.window = _at_least(1, "window", defaults.window if window is None else window)
        self.horizon = _at_least(1, "horizon", defaults.horizon if horizon is None else horizon)
        self.threshold = _finite("threshold", defaults.threshold if threshold is None else threshold)
        self.r_min = _finite("r_min", defaults.r_min if r_min is None else r_min)
        if not _PROTOCOL.fullmatch(protocol):
            raise ConfigurationError(
                f"protocol {protocol!r} does not exist; use 'FB', 'NX_0' or 'NX_k' such as 'NX_10'"
            )
        forced = int(protocol.removeprefix("NX_")) if protocol != "FB" else 0
        self.horizon = forced or self.horizon
        self._leaves, self._no_repeat = not forced, protocol != "FB"
        if self._no_repeat and self.horizon > self.world.num_items:
            raise ConfigurationError(
                f"protocol {protocol} needs {self.horizon} different items, the catalogue has {self.world.num_items}; "
                "pass a smaller horizon"
            )
        self._allocate(_at_least(1, "number of lanes", num_lanes))
        self.task = self._task_spec(env_id, protocol)

    def _allocate(self, lanes: int) -> None:
        self.num_lanes, arrays = lanes, self.world.arrays
        width = max(self.window, MEMORY)
        self._user = np.zeros(lanes, np.int32)
        self._steps = np.zeros(lanes, np.int32)
        self._cause = np.full(lanes, kernel.IDLE, np.int8)
        self._shown = np.zeros((lanes, self.world.num_items) if self._no_repeat else (0, 0), np.bool_)
        self._history = np.full((lanes, MEMORY), -1, np.int32), np.zeros((lanes, MEMORY), np.float32)
        self._session = np.full((lanes, width), -1, np.int32), np.zeros((lanes, width), np.float32)
        self._found = np.zeros(lanes, np.float32)
        # A plain view: numba compiles one version for memory-mapped and in-memory worlds alike.
        self._vectors = np.asarray(arrays["vectors"]).view(np.ndarray)
        self._log = tuple(np.asarray(arrays[n]).view(np.ndarray) for n in ("log_indptr", "log_items", "log_rewards"))
        names = ("user_factors", "item_factors", "user_bias", "item_bias")
        self._table = np.asarray(arrays["rewards"]).view(np.ndarray) if "rewards" in arrays else None
        self._factors = (
            None if self._table is not None else tuple(np.asarray(arrays[n]).view(np.ndarray) for n in names)
        )

    def _task_spec(self, env_id: str, protocol: str) -> TaskSpec:
        low, high = self.world.info.reward_range
        items = spaces.Box(-1, self.world.num_items - 1, (MEMORY,), np.int32)
        rewards = spaces.Box(min(low, 0.0), max(high, 0.0), (MEMORY,), np.float32)
        space = {
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
            protocol=protocol,
            reward_range=(min(low, 0.0), high),
            domain=self.world.info.domain,
        )

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`."""
        kernel.begin(
            lanes, seeds, self._users, *self._log, self._user, self._steps, self._cause, self._shown,
            self._history, self._session,
        )  # fmt: skip

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by one item a lane: integers (B,), 0..n_items-1, not shown before where repeats are forbidden."""
        actions = self._checked(actions)
        if self._table is not None:
            wrong = kernel.look_up(
                actions, self._cause, self._shown, self.world.num_items, self._user, self._table, self._found
            )
        else:
            low, high = self.world.info.reward_range
            wrong = kernel.predict(
                actions, self._cause, self._shown, self.world.num_items, self._user, self._factors, low, high,
                self._found,
            )  # fmt: skip
        if wrong != kernel.FINE:
            raise self._refusal(wrong, int(actions[wrong]))
        out = Step(np.empty(self.num_lanes), np.empty(self.num_lanes, np.bool_), np.empty(self.num_lanes, np.bool_))
        kernel.advance(
            actions, self._found, self._vectors, np.float32(self.threshold) * np.float32(self.threshold),
            np.float32(self.r_min), self.window, self.horizon, self._leaves, self._steps, self._cause, self._shown,
            self._session, *out,
        )  # fmt: skip
        return out

    def _checked(self, actions: NDArray[Any]) -> NDArray[np.int64]:
        if type(actions) is np.ndarray and actions.dtype == np.int64 and actions.shape == (self.num_lanes,):
            return actions
        array = np.asarray(actions)
        if array.dtype.kind not in "iu" or array.shape != (self.num_lanes,):
            raise InvalidActionError(
                f"actions must be {self.num_lanes} integers, got {array.dtype} of shape {array.shape}; "
                f"pass item ids 0..{self.world.num_items - 1}"
            )
        return array.astype(np.int64)

    def _refusal(self, lane: int, action: int) -> InvalidActionError:
        last = self.world.num_items - 1
        where = f"lane {lane}, step {self._steps[lane]}"
        if not 0 <= action <= last:
            return InvalidActionError(f"{where}: action {action} is out of range; items are 0..{last}")
        return InvalidActionError(
            f"{where}: item {action} was already shown and protocol {self.task.protocol} forbids repeats; "
            'choose where info["action_mask"] is 1'
        )

    def observe(self) -> dict[str, NDArray[Any]]:
        """Fresh arrays (B, ...) under the keys of the observation space."""
        items, rewards = self._session
        if items.shape[1] > MEMORY:
            items, rewards = items[:, -MEMORY:], rewards[:, -MEMORY:]
        return {
            "history_items": self._history[0].copy(),
            "history_rewards": self._history[1].copy(),
            "length": self._steps[:, None].copy(),
            "session_items": items.copy(),
            "session_rewards": rewards.copy(),
        }

    def infos(self) -> dict[str, NDArray[Any]]:
        """`action_mask` int8 (B, n_items), 1 where an item may be shown, under a protocol that forbids repeats."""
        return {"action_mask": (~self._shown).view(np.int8)} if self._no_repeat else {}

    @property
    def over(self) -> NDArray[np.bool_]:
        """Lanes without a running session (B,)."""
        return self._cause != kernel.RUNNING

    def causes(self) -> list[str]:
        """Why each session ended: "repeat", "too-alike", "low-reward", "horizon"; "" while it runs."""
        return [kernel.CAUSES[c] for c in self._cause]

    def hidden(self) -> dict[str, Any]:
        """User ids (B,) beside the world and the constants that decide when they leave."""
        return {
            "user": self.user_ids(),
            "world": self.world,
            "window": self.window,
            "threshold": self.threshold,
            "r_min": self.r_min,
            "horizon": self.horizon,
            "protocol": self.task.protocol,
        }

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane (B,)."""
        return self._user.astype(np.int64)

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

        ended = kernel.CAUSES[self._cause[lane]]
        state = f"ended: {ended}" if ended else "running"
        past = lines(self._history[0][lane], self._history[1][lane])
        session = lines(self._session[0][lane], self._session[1][lane])
        head = f"{self.task.env_id or self.world.info.name}  step {self._steps[lane]} of {self.horizon}, {state}"
        return "\n".join([head, "Before:", *past, "Session:", *session])


def _at_least(low: int, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise ConfigurationError(f"{name} must be an integer of at least {low}, got {value!r}")
    return int(value)


def _finite(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise ConfigurationError(f"{name} must be a finite number, got {value!r}")
    return float(value)
