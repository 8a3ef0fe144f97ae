"""Metrics: one registry from names to formulas. They see replayed episodes only, never what a submission claims.

A new metric is one function here, under `@metric(...)`: its docstring is its definition on pages. A mean-like
metric returns a numerator and a denominator for each episode, so that its value is a ratio of sums and
`leaderboard.stats` can resample users and training seeds without knowing what it measures.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Replayed episodes of one task under S training seeds, E episodes each.

    users: int64 (E,), who came in episode e, the same under every training seed; left: bool (S, E), whether the
    user left before the horizon; ends: object (S, E) of str, the causes. Episode (s, e) has the steps
    `offsets[s * E + e]:offsets[s * E + e + 1]` of `rewards` (float32), the leaving one included, and `width` entries
    of `items` (int32) for each: the slate. leaving_earns: whether a leaving step earned its reward; candidates:
    whether items are drawn anew for each step, so that `items` are numbers of slots, `num_items` many.
    """

    horizon: int
    num_items: int
    users: NDArray[np.int64]
    left: NDArray[np.bool_]
    ends: NDArray[Any]
    offsets: NDArray[np.int64]
    items: NDArray[np.int32]
    rewards: NDArray[np.float32]
    width: int = 1
    leaving_earns: bool = False
    candidates: bool = False

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each episode, the leaving one included: (S, E)."""
        return np.diff(self.offsets).reshape(self.left.shape)

    @cached_property
    def kept(self) -> NDArray[np.int64]:
        """Steps of each episode, without the leaving one where that earned nothing: (S, E)."""
        return self.lengths if self.leaving_earns else self.lengths - self.left

    @cached_property
    def returns(self) -> Floats:
        """Sum of rewards of each episode: (S, E)."""
        return np.add.reduceat(self.rewards, self.offsets[:-1], dtype=np.float64).reshape(self.left.shape)

    @cached_property
    def distinct(self) -> NDArray[np.int64]:
        """Different items shown in each episode, the leaving step included: (S, E)."""
        episode = np.repeat(np.arange(self.left.size), np.diff(self.offsets) * self.width)
        pairs = np.unique(episode * np.int64(self.num_items) + self.items)
        return np.bincount(pairs // self.num_items, minlength=self.left.size).reshape(self.left.shape)


Ratio = tuple[Any, Any]
"""Numerator and denominator of each episode, each (S, E)."""


@dataclass(frozen=True)
class Metric:
    """One entry of the registry. `better` says which direction is good, or that none is by itself.

    One that is `of_items` has no meaning where items are drawn anew for each step.
    """

    name: str
    title: str
    better: Literal["higher", "lower", "neither"]
    ratio: Callable[[Outcomes], Ratio] | None = None
    pooled: Callable[[Outcomes], float] | None = None
    of_items: bool = False
    text: str = ""

    def applies(self, outcomes: Outcomes) -> bool:
        """Whether the metric means something in this task."""
        return not (self.of_items and outcomes.candidates)


METRICS: Final[dict[str, Metric]] = {}


def metric(
    name: str,
    title: str,
    better: Literal["higher", "lower", "neither"],
    *,
    pooled: bool = False,
    of_items: bool = False,
) -> Callable[[Callable[[Outcomes], Any]], Callable[[Outcomes], Any]]:
    """Register a metric. A `pooled` one is a single figure of all episodes together, and has no interval."""

    def enter(function: Callable[[Outcomes], Any]) -> Callable[[Outcomes], Any]:
        kind: dict[str, Any] = {"pooled": function} if pooled else {"ratio": function}
        METRICS[name] = Metric(name, title, better, of_items=of_items, text=inspect.getdoc(function) or "", **kind)
        return function

    return enter


@metric("Len", "steps kept", "higher")
def _len(o: Outcomes) -> Ratio:
    """Mean number of kept steps of a session: its length, less one where the user left at a step that earned nothing.

    Where the step at which a user leaves earned its reward, it is kept too; the environment's page says so.
    Source: BiLLP (arXiv 2403.00843), evaluation metrics; agrees with its published recordings to the digit.
    """
    return o.kept, np.ones_like(o.kept)


@metric("R_each", "reward a kept step", "higher")
def _r_each(o: Outcomes) -> Ratio:
    """Sum of rewards over all sessions divided by the sum of their kept steps (R_traj / Len).

    Source: BiLLP (arXiv 2403.00843), evaluation metrics; the ratio of sums, not the mean of ratios, is what its
    recordings give.
    """
    return o.returns, o.kept


@metric("R_traj", "reward a session", "higher")
def _r_traj(o: Outcomes) -> Ratio:
    """Mean sum of rewards of a session. Whether the leaving step earns its reward is the environment's to say.

    Source: BiLLP (arXiv 2403.00843), evaluation metrics.
    """
    return o.returns, np.ones_like(o.returns)


@metric("repeats", "share of repeats", "neither", of_items=True)
def _repeats(o: Outcomes) -> Ratio:
    """Share of the items shown, those of the leaving step included, that the same session had shown before.

    A slate that holds an item twice shows it before, too. Left out where items are drawn anew for each step.
    """
    shown = o.lengths * o.width
    return shown - o.distinct, shown


@metric("coverage", "share of catalogue shown", "neither", pooled=True, of_items=True)
def _coverage(o: Outcomes) -> float:
    """Share of the catalogue shown at least once in all test sessions together.

    It grows with the number of sessions, so it compares only inside one suite. It is no mean, so resampling
    users would be biased downwards: it has no interval. Left out where items are drawn anew for each step.
    Source: catalogue coverage of Ge et al., "Beyond accuracy: evaluating recommender systems by coverage and
    serendipity", RecSys 2010.
    """
    return len(np.unique(o.items)) / o.num_items


SCORE: Final = Metric(
    "score",
    "normalised score",
    "higher",
    text="""R_traj on a scale where the random agent is 0 and the oracle 1, on the same users:
(R - R_random) / (R_oracle - R_random), all three resampled together.

Source: human-normalised score of Mnih et al., "Human-level control through deep reinforcement learning",
Nature 518, 2015, with the oracle in the human's place.""",
)
"""Made in `leaderboard.results`, which knows the anchors."""


def departures(o: Outcomes) -> dict[str, float]:
    """Share of sessions by the cause of their end, most frequent first."""
    causes, counts = np.unique(o.ends.reshape(-1).astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(causes[i]): float(counts[i] / o.ends.size) for i in order}


def stays(o: Outcomes) -> tuple[str, ...]:
    """Causes with which sessions ended whose user had not left, sorted: the horizon, the end of a calendar."""
    return tuple(sorted({str(cause) for cause in o.ends[~o.left]}))


def survival(o: Outcomes) -> list[float]:
    """Share of sessions that kept step 1, 2, ..., horizon."""
    reached = np.bincount(o.kept.reshape(-1), minlength=o.horizon + 1)[::-1].cumsum()[::-1]
    return [float(x) for x in reached[1 : o.horizon + 1] / o.left.size]


def reference() -> str:
    """The registry as Markdown, for `docs/metrics.md`."""
    sections = [f"## {m.name}: {m.title}\n\n{m.text}" for m in (SCORE, *METRICS.values())]
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    print(reference())
