"""`InterestExplorationSimulator`: users of hidden types, who can come to like what they do not know."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.families.base import Reference, Shown, Step
from recsim_envs.families.choice import EXPONENTIAL_CASCADE, MODELS, Choice
from recsim_envs.families.drawn_slates import STEPS, DrawnSlateSimulator
from recsim_envs.families.interest_exploration import kernel
from recsim_envs.families.options import number
from recsim_envs.spec import TaskSpec

MAX_HORIZON: Final = 10_000
ACQUIRERS: Final = 0.8
ACQUIRED: Final = 4.0
PACE: Final = 0.05
NO_CLICK: Final = 5.0
ATTENTION: Final = 0.65
_QUALITY_BOUND: Final = 5.0  # exp(0.8 + 0.1 * 6.7): no draw of 32 bits is further out


class InterestExplorationSimulator(DrawnSlateSimulator):
    """Users of hidden types, who can come to like what they do not know.

    Arguments beside `num_lanes` and `env_id` are the environment's options, see the package's docstring. Raises
    `ConfigurationError` for an option without meaning.
    """

    def __init__(
        self,
        num_lanes: int,
        *,
        num_candidates: int = 10,
        slate_size: int = 2,
        resample_documents: bool = True,
        choice_model: str = "multinomial-logit",
        acquirers: float | None = None,
        split: str = "train",
        reference: bool = False,
        horizon: int = 100,
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
        usual, model = 0.0 if self.reference else ACQUIRERS, MODELS.index(self.choice_model)
        # In a cascade a score of NO_CLICK makes a candidate that is looked at a sure click.
        scaling = math.exp(-NO_CLICK) if model == EXPONENTIAL_CASCADE else 1.0 / NO_CLICK
        self.rules = kernel.Rules(
            Choice(model, no_click=NO_CLICK, floor=0.0, attention=ATTENTION, scaling=scaling),
            self.horizon,
            repeats=self.reference,
            persist=not self.resample_documents,
            acquirers=number("acquirers", usual if acquirers is None else acquirers, 0.0, 1.0),
            acquired=ACQUIRED,
            pace=PACE,
        )
        lanes, slots = self.num_lanes, self.slate_size
        self._tastes = np.zeros((3, lanes, kernel.TOPICS))
        self._topics = np.zeros((lanes, self.num_candidates), np.int32)
        self._qualities = np.zeros((lanes, self.num_candidates), np.float32)
        self._answers = np.zeros((2, lanes, slots), np.int32)
        self._shown_qualities = np.zeros((lanes, slots), np.float32)
        self.task = self._describe(env_id)

    def _describe(self, env_id: str) -> TaskSpec:
        offered, slots, last = (self.num_candidates,), (self.slate_size,), kernel.TOPICS - 1
        space: dict[str, spaces.Space[Any]] = {
            "candidate_qualities": spaces.Box(0.0, _QUALITY_BOUND, offered, np.float32),
            "candidate_topics": spaces.Box(0, last, offered, np.int32),
            "response_clicks": spaces.Box(0, 1, slots, np.int32),
            "response_qualities": spaces.Box(0.0, _QUALITY_BOUND, slots, np.float32),
            "response_topics": spaces.Box(-1, last, slots, np.int32),
        }
        return self._task_spec(env_id, space, (0.0, 1.0), "articles")

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`."""
        self._open(lanes, seeds)
        kernel.begin(
            lanes, self.rules, self._seeds, self._tastes, self._topics, self._qualities, self._answers,
            self._shown_qualities,
        )  # fmt: skip

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by one slate a lane: integers (B, k), candidates 0..num_candidates-1."""
        slates, (rewards, flags) = self._checked(actions), self._results()
        kernel.step(
            slates, self.rules, self._state, self._seeds, self._tastes, self._topics, self._qualities, self._answers,
            self._shown_qualities, rewards, flags,
        )  # fmt: skip
        return Step(rewards, flags[0], flags[1])

    def _view(self, lanes: int | slice) -> dict[str, NDArray[Any]]:
        return {
            "candidate_qualities": self._qualities[lanes].copy(),
            "candidate_topics": self._topics[lanes].copy(),
            "response_clicks": self._answers[kernel.CLICKED, lanes].copy(),
            "response_qualities": self._shown_qualities[lanes].copy(),
            "response_topics": self._answers[kernel.TOPIC, lanes].copy(),
        }

    def myopic_slates(self) -> NDArray[np.int64]:
        """The slates (B, k) of the highest probability of a click now."""
        out = np.zeros((self.num_lanes, self.slate_size), np.int64)
        kernel.myopic(self.rules, self._state, self._tastes, self._topics, self._qualities, out)
        return out

    def potentials(self) -> NDArray[np.float64]:
        """The score (B, num_candidates) that each candidate would have if the user were familiar with all topics."""
        likes = self._tastes[kernel.AFFINITY] + self._tastes[kernel.ACQUIRED]
        return np.take_along_axis(likes, self._topics.astype(np.int64), axis=1) + self._qualities

    def planned_slates(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The slates (B, k) of the highest value by tables (B, horizon + 1, g), one a lane, as `user_values` gives."""
        out = np.zeros((self.num_lanes, self.slate_size), np.int64)
        kernel.plan(self.rules, self._state, self._tastes, self._topics, self._qualities, values, out)
        return out

    def user_values(
        self, lane: int, topics: NDArray[np.int32], qualities: NDArray[np.float32], values: NDArray[np.float64]
    ) -> None:
        """Fill `values` (horizon + 1, g) for the lane's user, over sampled candidate sets (m, C)."""
        orders = np.argsort(-qualities, axis=1, kind="stable")
        kernel.solve(self.rules, lane, self._tastes, topics, qualities, orders, self.slate_size, values)

    def references(self) -> dict[str, Callable[[], Reference]]:
        """The likeliest click now ("myopic"), or if all were known ("rule-potential"), the best plan ("planner")."""
        from recsim_envs.families.interest_exploration import references

        return {
            "myopic": lambda: self.myopic_slates,
            "rule-potential": lambda: references.potential(self),
            "planner": lambda: references.planner(self),
        }

    def hidden(self) -> dict[str, Any]:
        """Affinity, acquired taste and familiarity by topic, each (B, 2)."""
        names = ("affinity", "acquired_taste", "familiarity")
        return {**dict(zip(names, self._tastes.copy(), strict=True)), **self.constants()}

    def constants(self) -> dict[str, int | float | str | bool]:
        """The options and the numbers of the dynamics."""
        names = ("acquirers", "acquired", "pace", "first_type", "first_topic", "spread")
        return super().constants() | {name: getattr(self.rules, name) for name in names}

    def fatigue(self) -> NDArray[np.float64]:
        """The share of the session that is over (B,): users do not tire."""
        return np.where(self.over, 1.0, self._state[STEPS] / self.horizon)

    def _portrait(self, lane: int, candidate: int) -> Shown:
        topic, quality = int(self._topics[lane, candidate]), float(self._qualities[lane, candidate])
        return Shown(f"topic {topic}, quality {quality:.1f}", topic)

    def group_names(self) -> tuple[str, ...]:
        """Groups are topics."""
        return tuple(f"topic {n}" for n in range(kernel.TOPICS))

    def render_ansi(self, lane: int) -> str:
        """How the session stands, the last slate and the candidates."""
        slots = zip(*self._answers[:, lane].tolist(), self._shown_qualities[lane].tolist(), strict=True)
        last = [
            f"  {'clicked' if clicked else '-':8}topic {topic}  quality {quality:.2f}"
            for clicked, topic, quality in slots
            if topic >= 0
        ]
        offered = [f"{t}:{q:.1f}" for t, q in zip(self._topics[lane, :20], self._qualities[lane, :20], strict=True)]
        head = self._headline(lane, "interest_exploration")
        return "\n".join([head, "Last slate:", *last, f"Offered next (topic:quality): {' '.join(offered)}"])
