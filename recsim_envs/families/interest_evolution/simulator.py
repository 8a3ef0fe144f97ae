"""`InterestEvolutionSimulator`: users with a budget of time, whose interests follow what they watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.families.base import Reference, Shown, Step
from recsim_envs.families.choice import MODELS, Choice
from recsim_envs.families.drawn_slates import DrawnSlateSimulator
from recsim_envs.families.interest_evolution import kernel
from recsim_envs.spec import TaskSpec

TOPIC_QUALITY: Final = np.concatenate([np.linspace(-3, 0, 14), np.linspace(0, 3, 6)])
"""Mean quality of each topic (RecSim, `interest_evolution.py`)."""

MAX_HORIZON: Final = 100_000
_QUALITY_BOUND: Final = 4.0  # 3 + 0.1 * 8.6: no draw of `rng.normal` is further out


class InterestEvolutionSimulator(DrawnSlateSimulator):
    """Users with a budget of time, whose interests follow what they watch.

    Arguments beside `num_lanes` and `env_id` are the environment's options, see the package's docstring. Raises
    `ConfigurationError` for an option without meaning.
    """

    shared = frozenset({"topic_quality"})

    def __init__(
        self,
        num_lanes: int,
        *,
        num_candidates: int = 10,
        slate_size: int = 2,
        resample_documents: bool = True,
        choice_model: str = "proportional",
        split: str = "train",
        reference: bool = False,
        horizon: int = 500,
        env_id: str = "",
    ) -> None:
        super().__init__(
            num_lanes,
            num_candidates=num_candidates,
            slate_size=slate_size,
            resample_documents=resample_documents,
            choice_model=choice_model,
            split=split,
            reference=reference,
            horizon=horizon,
            longest=MAX_HORIZON,
        )
        self.rules = kernel.Rules(
            Choice(MODELS.index(self.choice_model), no_click=1.0, floor=-1.0, attention=0.65, scaling=0.05),
            self.horizon,
            repeats=self.reference,
            persist=not self.resample_documents,
        )
        lanes, slots = self.num_lanes, self.slate_size
        self._interests = np.zeros((lanes, kernel.TOPICS), np.float32)
        self._budgets = np.zeros(lanes)
        self._topics = np.zeros((lanes, self.num_candidates), np.int32)
        self._answers = np.zeros((2, lanes, slots), np.int32)
        self._measures = np.zeros((2, lanes, slots), np.float32)
        self.task = self._describe(env_id)

    def _describe(self, env_id: str) -> TaskSpec:
        slots, longest, bound = (self.slate_size,), self.rules.length, _QUALITY_BOUND
        space: dict[str, spaces.Space[Any]] = {
            "candidate_topics": spaces.Box(0, kernel.TOPICS - 1, (self.num_candidates,), np.int32),
            "response_clicks": spaces.Box(0, 1, slots, np.int32),
            "response_qualities": spaces.Box(-bound, bound, slots, np.float32),
            "response_topics": spaces.Box(-1, kernel.TOPICS - 1, slots, np.int32),
            "response_watch_time": spaces.Box(0.0, longest, slots, np.float32),
            "user_interests": spaces.Box(-1.0, 1.0, (kernel.TOPICS,), np.float32),
        }
        return self._task_spec(env_id, space, (0.0, longest), "videos")

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`."""
        self._open(lanes, seeds)
        kernel.begin(
            lanes, self.rules, self._seeds, self._interests, self._budgets, self._topics, self._answers, self._measures
        )

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by one slate a lane: integers (B, k), candidates 0..num_candidates-1."""
        slates, (rewards, flags) = self._checked(actions), self._results()
        kernel.step(
            slates, self.rules, TOPIC_QUALITY, self._state, self._seeds, self._interests, self._budgets, self._topics,
            self._answers, self._measures, rewards, flags,
        )  # fmt: skip
        return Step(rewards, flags[0], flags[1])

    def _view(self, lanes: int | slice) -> dict[str, NDArray[Any]]:
        return {
            "candidate_topics": self._topics[lanes].copy(),
            "response_clicks": self._answers[kernel.CLICKED, lanes].copy(),
            "response_qualities": self._measures[kernel.QUALITY, lanes].copy(),
            "response_topics": self._answers[kernel.TOPIC, lanes].copy(),
            "response_watch_time": self._measures[kernel.WATCHED, lanes].copy(),
            "user_interests": self._interests[lanes].copy(),
        }

    def offered(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """The user's interest in each candidate's topic, and the topic, both (B, num_candidates)."""
        return np.take_along_axis(self._interests, self._topics.astype(np.int64), axis=1), self._topics.copy()

    def best_slates(self, rate: float, slopes: NDArray[np.float64]) -> NDArray[np.int64]:
        """The slates (B, k) of the highest value, where a state's value is its time left times a rate.

        The rate is `rate` + `slopes` (20,) times the interests, as in `kernel.plan`; zeros give the myopic slates.
        """
        out = np.zeros((self.num_lanes, self.slate_size), np.int64)
        kernel.plan(
            self.rules, TOPIC_QUALITY, rate, slopes, self._state, self._seeds, self._interests, self._budgets,
            self._topics, out,
        )  # fmt: skip
        return out

    def references(self) -> dict[str, Callable[[], Reference]]:
        """Most time watched now ("myopic"), what is good and liked ("rule-quality"), the plan ("planner")."""
        from recsim_envs.families.interest_evolution import references

        return {
            "myopic": lambda: references.myopic(self),
            "rule-quality": lambda: references.quality(self),
            "planner": lambda: references.planner(self),
        }

    def hidden(self) -> dict[str, Any]:
        """Time left (B,) and interests (B, 20), and the mean quality of the topics."""
        state = {"time_left": self._budgets.copy(), "interests": self._interests.copy()}
        return {**state, "topic_quality": TOPIC_QUALITY.copy(), **self.constants()}

    def constants(self) -> dict[str, int | float | str | bool]:
        """The options and RecSim's numbers."""
        names = ("budget", "length", "step_penalty", "refund", "drift", "quality_sd")
        return super().constants() | {name: getattr(self.rules, name) for name in names}

    def fatigue(self) -> NDArray[np.float64]:
        """The share of the user's time that is spent (B,)."""
        spent = np.clip(1.0 - self._budgets / self.rules.budget, 0.0, 1.0)
        return np.where(self.over, 1.0, spent)

    def _portrait(self, lane: int, candidate: int) -> Shown:
        topic = int(self._topics[lane, candidate])
        return Shown(f"video on topic {topic}", topic)

    def group_names(self) -> tuple[str, ...]:
        """Groups are topics."""
        return tuple(f"topic {n}" for n in range(kernel.TOPICS))

    def render_ansi(self, lane: int) -> str:
        """How the session stands, the last slate and the candidates."""
        slots = zip(*self._answers[:, lane].tolist(), *self._measures[:, lane].tolist(), strict=True)
        last = [
            f"  {'watched' if clicked else '-':8}topic {topic:2}  quality {quality:5.2f}"
            for clicked, topic, _, quality in slots
            if topic >= 0
        ]
        offered = " ".join(map(str, self._topics[lane, :20].tolist()))
        head = f"{self._headline(lane, 'interest_evolution')}, time left {self._budgets[lane]:.1f}"
        return "\n".join([head, "Last slate:", *last, f"Topics of the next candidates: {offered}"])
