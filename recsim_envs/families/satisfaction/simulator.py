"""`SatisfactionSimulator`: users whom clickbait engages now and wears out over time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.families.base import Reference, Shown, Step
from recsim_envs.families.choice import EXPONENTIAL_CASCADE, MODELS, Choice
from recsim_envs.families.drawn_slates import STEPS, DrawnSlateSimulator
from recsim_envs.families.options import flag, number
from recsim_envs.families.satisfaction import kernel
from recsim_envs.spec import TaskSpec

TIME_BUDGET: Final = 60
_SHADES: Final = 10  # groups of clickbait, for pictures


class Usual(NamedTuple):
    """Defaults of the options that differ between the reference and ours."""

    slate_size: int
    choice_model: str
    sensitivity: float


REFERENCE: Final = Usual(1, "first", 0.01)
CORRECTED: Final = Usual(3, "cascade", 0.3)


class SatisfactionSimulator(DrawnSlateSimulator):
    """Users whom clickbait engages now and wears out over time.

    Arguments beside `num_lanes` and `env_id` are the environment's options, see the package's docstring. Raises
    `ConfigurationError` for an option without meaning.
    """

    def __init__(
        self,
        num_lanes: int,
        *,
        num_candidates: int = 10,
        slate_size: int | None = None,
        resample_documents: bool = True,
        choice_model: str | None = None,
        sensitivity: float | None = None,
        split: str = "train",
        reference: bool = False,
        horizon: int = TIME_BUDGET,
        env_id: str = "",
    ) -> None:
        usual = REFERENCE if flag("reference", reference) else CORRECTED
        super().__init__(
            num_lanes,
            num_candidates=num_candidates,
            slate_size=usual.slate_size if slate_size is None else slate_size,
            resample_documents=resample_documents,
            choice_model=usual.choice_model if choice_model is None else choice_model,
            split=split,
            reference=reference,
            horizon=horizon,
            longest=TIME_BUDGET,
        )
        model = MODELS.index(self.choice_model)
        # An item of clickbait 1 is always taken, and without a cascade something always is.
        scaling = math.exp(-1.0) if model == EXPONENTIAL_CASCADE else 1.0
        self.rules = kernel.Rules(
            Choice(model, no_click=-math.inf, floor=0.0, scaling=scaling),
            self.horizon,
            clipped=not self.reference,
            repeats=self.reference,
            persist=not self.resample_documents,
            sensitivity=number("sensitivity", usual.sensitivity if sensitivity is None else sensitivity, 0.0, 10.0),
            time_budget=TIME_BUDGET,
        )
        lanes, slots = self.num_lanes, self.slate_size
        self._exposures = np.zeros(lanes)
        self._clickbait = np.zeros((lanes, self.num_candidates), np.float32)
        self._clicks = np.zeros((lanes, slots), np.int32)
        self._engagements = np.zeros((lanes, slots), np.float32)
        self.task = self._describe(env_id)

    def _describe(self, env_id: str) -> TaskSpec:
        space: dict[str, spaces.Space[Any]] = {
            "candidate_clickbait": spaces.Box(0.0, 1.0, (self.num_candidates,), np.float32),
            "response_clicks": spaces.Box(0, 1, (self.slate_size,), np.int32),
            "response_engagement": spaces.Box(0.0, kernel.CEILING, (self.slate_size,), np.float32),
        }
        most = kernel.CEILING if self.rules.clipped else math.inf
        return self._task_spec(env_id, space, (0.0, most), "articles")

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`."""
        self._open(lanes, seeds)
        kernel.begin(
            lanes, self.rules, self._seeds, self._exposures, self._clickbait, self._clicks, self._engagements
        )  # fmt: skip

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by one slate a lane: integers (B, k), candidates 0..num_candidates-1."""
        slates, (rewards, flags) = self._checked(actions), self._results()
        kernel.step(
            slates, self.rules, self._state, self._seeds, self._exposures, self._clickbait, self._clicks,
            self._engagements, rewards, flags,
        )  # fmt: skip
        return Step(rewards, flags[0], flags[1])

    def _view(self, lanes: int | slice) -> dict[str, NDArray[Any]]:
        return {
            "candidate_clickbait": self._clickbait[lanes].copy(),
            "response_clicks": self._clicks[lanes].copy(),
            "response_engagement": self._engagements[lanes].copy(),
        }

    def clickbait(self) -> NDArray[np.float32]:
        """The clickbait of each lane's candidates (B, num_candidates), as observed."""
        return self._clickbait.copy()

    def best_slates(self, values: NDArray[np.float64], *, myopic: bool = False) -> NDArray[np.int64]:
        """The slates (B, k) of the highest reward now plus value after it, by a table as `kernel.solve` fills it."""
        out = np.zeros((self.num_lanes, self.slate_size), np.int64)
        kernel.plan(self.rules, values, myopic, self._state, self._exposures, self._clickbait, out)
        return out

    def references(self) -> dict[str, Callable[[], Reference]]:
        """Most engagement now ("myopic"), a fixed level of clickbait ("rule-moderate"), the optimum ("planner")."""
        from recsim_envs.families.satisfaction import references

        return {
            "myopic": lambda: references.myopic(self),
            "rule-moderate": lambda: references.moderate(self),
            "planner": lambda: references.planner(self),
        }

    def hidden(self) -> dict[str, Any]:
        """Net positive exposure (B,) and satisfaction (B,)."""
        satisfied = 1.0 / (1.0 + np.exp(-self.rules.sensitivity * self._exposures))
        return {"net_positive_exposure": self._exposures.copy(), "satisfaction": satisfied, **self.constants()}

    def constants(self) -> dict[str, int | float | str | bool]:
        """The options and the numbers of the dynamics."""
        names = ("clipped", "sensitivity", "time_budget", "memory", "weight", "noise", "kale", "choc", "spread")
        return super().constants() | {name: getattr(self.rules, name) for name in names}

    def fatigue(self) -> NDArray[np.float64]:
        """The share of the user's time that is spent (B,)."""
        return np.where(self.over, 1.0, self._state[STEPS] / TIME_BUDGET)

    def _portrait(self, lane: int, candidate: int) -> Shown:
        clickbait = float(self._clickbait[lane, candidate])
        return Shown(f"clickbait {clickbait:.2f}", int(clickbait * _SHADES))

    def group_names(self) -> tuple[str, ...]:
        """Groups are tenths of clickbait."""
        return tuple(f"clickbait {n / _SHADES:.1f}" for n in range(_SHADES))

    def render_ansi(self, lane: int) -> str:
        """How the session stands, the last slate's engagement and the candidates."""
        engaged = " ".join(f"{e:.1f}" if c else "-" for c, e in zip(*self._last(lane), strict=True))
        offered = " ".join(f"{x:.2f}" for x in self._clickbait[lane, :20])
        head = f"{self._headline(lane, 'satisfaction')}, satisfaction {self.hidden()['satisfaction'][lane]:.2f}"
        return "\n".join([head, f"Engagement with the last slate: {engaged}", f"Clickbait offered next: {offered}"])

    def _last(self, lane: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        return self._clicks[lane], self._engagements[lane]
