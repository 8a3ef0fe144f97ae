"""`SessionSimulator`: slates of videos, seven behaviours, and a temper that runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.families.actions import checked_split, drawn_users, integers, split_seeds
from recsim_envs.families.base import ALL, Reference, Simulator, Step
from recsim_envs.families.options import choice, flag, integer, number
from recsim_envs.families.session import kernel
from recsim_envs.families.session.response import ResponseModel, shipped
from recsim_envs.families.session.rules import MODES, rules
from recsim_envs.families.session.synthetic_log import BEHAVIOURS, FEATURES
from recsim_envs.spec import TaskSpec

MAX_HORIZON: Final = 10_000
_CAUSES = np.array(kernel.CAUSES, dtype=object)


class SessionSimulator(Simulator):
    """Users who answer slates with seven behaviours and leave when their temper is spent.

    Arguments beside `num_lanes` and `env_id` are the environment's options, see the package's docstring; `model`
    takes the place of the shipped response model. Raises `ConfigurationError` for an option without meaning.
    """

    def __init__(
        self,
        num_lanes: int,
        *,
        mode: str = "session",
        reference: bool = False,
        single_response: bool = False,
        initial_temper: float | None = None,
        rho: float = 0.2,
        horizon: int = 100,
        split: str = "train",
        model: ResponseModel | None = None,
        env_id: str = "",
    ) -> None:
        self._options: dict[str, Any] = {
            "mode": mode, "reference": reference, "single_response": single_response,
            "initial_temper": initial_temper, "rho": rho, "horizon": horizon, "split": split, "model": model,
        }  # fmt: skip
        self.num_lanes = integer("number of lanes", num_lanes, 1, 2**31 - 1)
        self.split = checked_split(split)
        self.rules = rules(
            choice("mode", mode, MODES),
            flag("reference", reference),
            flag("single_response", single_response),
            None if initial_temper is None else number("initial_temper", initial_temper, 1.0, 1e6),
            number("rho", rho, 0.0, 0.3),
            integer("horizon", horizon, 1, MAX_HORIZON),
        )
        if not isinstance(model, ResponseModel | None):
            raise ConfigurationError(f"model must be a ResponseModel, or None for the shipped one, got {model!r}")
        self.model = model or shipped()
        self._bind()
        self.state = _blank(self.num_lanes, self.model)
        self._user_ids = np.full(self.num_lanes, -1, np.int64)
        self._env_id = env_id
        self.task = self._task_spec(env_id)

    def _bind(self) -> None:
        """What never changes and every call of the kernel needs."""
        self._fame_edges = np.cumsum(self.model.fame)
        self.world = self.model.profile_rows, self.model.arrays, self.rules

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("world", "_fame_edges", "task")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bind()
        self.task = self._task_spec(self._env_id)

    def _task_spec(self, env_id: str) -> TaskSpec:
        most = np.array(list(FEATURES.values()), np.int32) - np.int32(1)
        shape = (kernel.HISTORY,), (kernel.HISTORY * kernel.BEHAVIOURS,), (kernel.SLATE * kernel.BEHAVIOURS,)
        space: dict[str, spaces.Space[Any]] = {
            "user": spaces.Box(np.zeros_like(most), most, dtype=np.int32),
            "history_items": spaces.Box(-1, self.model.num_items - 1, shape[0], np.int32),
            "history_behaviours": spaces.Box(0.0, 1.0, shape[1], np.float32),
            "last_behaviours": spaces.Box(0.0, 1.0, shape[2], np.float32),
            "length": spaces.Box(0, self.rules.horizon, (1,), np.int32),
        }
        return TaskSpec(
            env_id=env_id,
            observation_space=spaces.Dict(space),
            action_space=spaces.MultiDiscrete([self.model.num_items] * kernel.SLATE),
            catalogue=self.model.catalogue,
            horizon=self.rules.horizon,
            protocol="FB",
            reward_range=(0.0, float(self.rules.weights.sum())),
            domain="videos",
        )

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`."""
        self._user_ids[lanes] = drawn_users(seeds)
        rows, net, constants = self.world
        kernel.begin(lanes, split_seeds(seeds, self.split), rows, self._fame_edges, net, constants, self.state)

    def step(self, actions: NDArray[Any]) -> Step:
        """Show a slate a lane: integers (B, 6), video ids; the same video may stand in a slate several times."""
        last = self.model.num_items - 1
        slates = integers(actions, (self.num_lanes, kernel.SLATE), f"slates of video ids 0..{last}")
        rewards, flags = np.empty(self.num_lanes), np.empty((2, self.num_lanes), np.bool_)
        wrong = kernel.step(slates, *self.world, self.state, rewards, flags)
        if wrong != kernel.FINE:
            where = f"lane {wrong}, step {self.state.counts[kernel.STEPS, wrong]}"
            raise InvalidActionError(f"{where}: slate {slates[wrong].tolist()} is out of range; videos are 0..{last}")
        return Step(rewards, flags[0], flags[1])

    def observe(self) -> dict[str, NDArray[Any]]:
        """The user's features, the last 60 videos, their behaviours, the last slate's behaviours, requests so far."""
        state, lanes = self.state, self.num_lanes
        steps = state.counts[kernel.STEPS, :, None].copy()
        last = state.responses[:, -kernel.SLATE :].reshape(lanes, -1)
        return {
            "history_behaviours": state.responses.reshape(lanes, -1).copy(),
            "history_items": state.items.copy(),
            "last_behaviours": np.where(steps > 0, last, np.float32(0.0)),
            "length": steps,
            "user": self.model.profiles[state.counts[kernel.USER]],
        }

    def like(self, num_lanes: int) -> SessionSimulator:
        """Another simulator of these options, without sessions."""
        return SessionSimulator(num_lanes, **self._options)

    def chances(self, slates: NDArray[np.int64]) -> NDArray[np.float64]:
        """True probabilities (B, 6, 7) of the behaviours if `slates` (B, 6) were shown now; hidden from agents."""
        out = np.zeros((*slates.shape, kernel.BEHAVIOURS))
        kernel.expected(slates, *self.world, self.state, out)
        return out

    @property
    def over(self) -> NDArray[np.bool_]:
        """Lanes without a running session (B,)."""
        return self.state.counts[kernel.CAUSE] != kernel.RUNNING

    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        """Why each session ended: "temper" or "horizon"; "" while it runs."""
        return _CAUSES[self.state.counts[kernel.CAUSE, lanes]]

    def hidden(self) -> dict[str, Any]:
        """Temper (B,), satiety (B, D) and the response model's memory (B, H), beside the constants."""
        state = self.state
        arrays = {"temper": state.temper, "satiety": state.satiety, "memory": state.hidden}
        return {name: array.copy() for name, array in arrays.items()} | {"user": self.user_ids()} | self.constants()

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane (B,): every session draws a user of its own."""
        return self._user_ids.copy()

    def constants(self) -> dict[str, int | float | str | bool]:
        """The constants of the dynamics; weights behaviour by behaviour."""
        named = self.rules._asdict()
        for vector in ("weights", "temper_weights"):
            values = named.pop(vector).tolist()
            named |= {f"{vector}_{name}": value for name, value in zip(BEHAVIOURS, values, strict=True)}
        return named

    def provenance(self) -> tuple[str, str]:
        """The response model's weights and catalogue, one file."""
        return ("weights.safetensors" if self.model.digest else "in memory"), self.model.digest

    def fatigue(self) -> NDArray[np.float64]:
        """The share of the temper that is spent (B,)."""
        left = (self.state.temper - 1.0) / max(self.rules.initial_temper - 1.0, 1.0)
        return np.where(self.over, 1.0, np.clip(1.0 - left, 0.0, 1.0))

    def references(self) -> dict[str, Callable[[], Reference]]:
        """Policies that know the response model and the user's state."""
        from recsim_envs.families.session.references import policies

        return policies(self)

    def cycle_pool(self) -> NDArray[np.int64]:
        """Slates worth repeating to everybody (p, 6)."""
        from recsim_envs.families.session.references import fixed_slates

        return fixed_slates(self)

    def render_ansi(self, lane: int) -> str:
        """The last slate with its behaviours, and how the session stands."""
        state, catalogue = self.state, self.task.catalogue
        steps, ended = state.counts[kernel.STEPS, lane], kernel.CAUSES[state.counts[kernel.CAUSE, lane]]
        head = f"{self.task.env_id or 'session'}  request {steps}, {f'ended: {ended}' if ended else 'running'}"
        mood = f"temper {max(state.temper[lane], 0.0):.1f} of {self.rules.initial_temper:g}"
        rows = zip(state.items[lane, -kernel.SLATE :].tolist(), state.responses[lane, -kernel.SLATE :], strict=True)
        shown = [
            f"  {catalogue.titles[item]}: {', '.join(_done(responses)) or 'passed over'}"
            for item, responses in rows
            if steps > 0
        ]
        return "\n".join([head, mood, "Last slate:", *shown])


def _done(responses: NDArray[np.float32]) -> list[str]:
    return [name.replace("_", " ") for name, given in zip(BEHAVIOURS, responses, strict=True) if given]


def _blank(lanes: int, model: ResponseModel) -> kernel.State:
    counts = np.zeros((3, lanes), np.int32)
    counts[kernel.CAUSE] = kernel.IDLE
    return kernel.State(
        counts=counts,
        seeds=np.zeros(lanes, np.uint64),
        temper=np.zeros(lanes),
        hidden=np.zeros((lanes, len(model.arrays.start_bias)), np.float32),
        satiety=np.zeros((lanes, model.arrays.items.shape[1]), np.float32),
        items=np.full((lanes, kernel.HISTORY), -1, np.int32),
        responses=np.zeros((lanes, kernel.HISTORY, kernel.BEHAVIOURS), np.float32),
    )
