"""The registry: what a metric is, and how one is entered."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, Final, Literal

from leaderboard.metrics import curves, kernels, outcomes, pairs
from leaderboard.metrics.outcomes import Outcomes
from leaderboard.schema import canonical_json

Better = Literal["higher", "lower", "neither"]
Needs = Literal["nothing", "items", "categories", "popularity"]

Ratio = tuple[Any, Any]
"""Numerator and denominator of each episode, each (S, E)."""


@dataclass(frozen=True)
class Metric:
    """One entry of the registry. `better` says which direction is good, or that none is by itself.

    A `ratio` is the sum of numerators over the sum of denominators; a `pooled` figure belongs to all episodes together,
    and is None where it is undefined. `needs` is what must be known of the items: nothing, that they are the same from
    step to step, their categories, or their popularity. A `share` is written in per cent, any other figure with so many
    `decimals`. Whoever changes what a metric says raises its `version`.
    """

    name: str
    title: str
    better: Better
    ratio: Callable[[Outcomes], Ratio] | None = None
    pooled: Callable[[Outcomes], float | None] | None = None
    needs: Needs = "nothing"
    unit: str = ""
    share: bool = False
    decimals: int = 3
    version: int = 1
    text: str = ""

    def applies(self, o: Outcomes) -> bool:
        """Whether the metric means something in this task."""
        if self.needs == "nothing":
            return True
        if o.candidates:
            return False
        if self.needs == "items":
            return True
        known = o.catalogue
        return known is not None and (self.needs == "categories" or bool(known.popularity.any()))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of name, version and the code that computes it: another one means that figures must be made anew."""
        function = self.ratio or self.pooled
        own = (sys.modules[function.__module__],) if function else ()
        return _digest([self.name, self.version], (*own, outcomes, kernels, pairs))


METRICS: Final[dict[str, Metric]] = {}


def metric(
    name: str,
    title: str,
    better: Better,
    *,
    pooled: bool = False,
    needs: Needs = "nothing",
    unit: str = "",
    share: bool = False,
    decimals: int = 3,
    version: int = 1,
) -> Callable[[Callable[[Outcomes], Any]], Callable[[Outcomes], Any]]:
    """Register a metric. A `pooled` one is a single figure of all episodes together, and has no interval."""

    def enter(function: Callable[[Outcomes], Any]) -> Callable[[Outcomes], Any]:
        kind: dict[str, Any] = {"pooled": function} if pooled else {"ratio": function}
        text = inspect.getdoc(function) or ""
        written: dict[str, Any] = {"unit": unit, "share": share, "decimals": decimals, "text": text}
        METRICS[name] = Metric(name, title, better, needs=needs, version=version, **written, **kind)
        return function

    return enter


SCORE: Final = Metric(
    "score",
    "normalised score",
    "higher",
    text="""R_traj on a scale where the random agent is 0 and the oracle 1, on the same users:
(R - R_random) / (R_oracle - R_random), all three resampled together.

Source: human-normalised score of Mnih et al., "Human-level control through deep reinforcement learning",
Nature 518, 2015, with the oracle in the human's place.""",
)
"""Made where the anchors are known, of sums of R_traj."""


def digests() -> dict[str, str]:
    """The digest of every metric, and of the curves: part of the key of whatever keeps their figures.

    A figure that was kept under other digests is made again, by replay, before it stands beside new ones.
    """
    return {name: m.digest for name, m in METRICS.items()} | {"curves": _digest([], (curves, outcomes))}


def _digest(facts: list[Any], modules: tuple[ModuleType, ...]) -> str:
    text = canonical_json([facts, *(inspect.getsource(module) for module in modules)])
    return hashlib.sha256(text.encode()).hexdigest()


def reference() -> str:
    """The registry as Markdown, for `docs/metrics.md`."""
    return "\n".join(_section(m) for m in (SCORE, *METRICS.values()))


def _section(m: Metric) -> str:
    facts = [f"Version {m.version}"]
    facts += [f"in {m.unit}"] if m.unit else []
    facts += ["neither direction is good by itself" if m.better == "neither" else f"{m.better} is better"]
    facts += ["one figure of all sessions, without an interval"] if m.pooled else []
    return f"## {m.name}: {m.title}\n\n{m.text}\n\n*{'; '.join(facts)}.*\n"
