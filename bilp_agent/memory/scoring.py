"""What reflections have been good for: how the sessions went that were given them, and which say the same.

With y the outcome of a session (its length, or its return), n the sessions given a reflection, m and s the mean and
standard deviation of y over all sessions, and n0 = `PRIOR` sessions' worth of doubt,

    score = n / (n + n0) * (mean of the n outcomes - m),  interval = score +- 1.96 s / sqrt(n + n0)

which is the posterior of a normal mean with known variance s^2 and prior N(m, s^2 / n0) (Gelman et al., "Bayesian Data
Analysis", 3rd ed., section 2.5). A reflection never used scores 0, with the interval of the prior. The score is
no causal effect: a reflection is given to like users only, and late sessions go better than early ones anyway.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bilp_agent.memory.records import Reflection
from bilp_agent.memory.store import Memory, scale_of
from recsim_envs.errors import AgentError
from recsim_envs.text.encoder import Encoder

PRIOR = 4.0
NORMAL_95 = 1.96
STEEPEST = 20.0  # bound on score / s, so that a weight stays finite


@dataclass(frozen=True)
class Outcomes:
    """Count, sum and sum of squares of the outcomes of sessions."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Outcomes:
        """Those of these sessions."""
        seen = [float(value) for value in values]
        return cls(len(seen), math.fsum(seen), math.fsum(value * value for value in seen))

    @classmethod
    def pooled(cls, reflections: Iterable[Reflection]) -> Outcomes:
        """Those on the reflections' own books; a session that was given several counts once for each."""
        books = [(r.used, r.outcomes, r.squares) for r in reflections]
        return cls(sum(b[0] for b in books), math.fsum(b[1] for b in books), math.fsum(b[2] for b in books))

    @property
    def mean(self) -> float:
        """Mean outcome; 0 without any."""
        return self.total / self.count if self.count else 0.0

    @property
    def spread(self) -> float:
        """Standard deviation (n - 1 in the denominator); 0 with fewer than two."""
        if self.count < 2:
            return 0.0
        return math.sqrt(max(self.squares - self.total * self.mean, 0.0) / (self.count - 1))


@dataclass(frozen=True)
class Score:
    """How much better sessions went with a reflection than on average, in the outcome's unit, with a 95 % interval.

    The interval is infinite while fewer than two outcomes are known at all.
    """

    value: float
    low: float
    high: float


def score(reflection: Reflection, overall: Outcomes, prior: float = PRIOR) -> Score:
    """The shrunken mean outcome of the sessions that used a reflection, less the overall mean; see the module."""
    used = reflection.used
    value = (reflection.outcomes - used * overall.mean) / (used + prior)
    half = NORMAL_95 * overall.spread / math.sqrt(used + prior) if overall.count > 1 else math.inf
    return Score(value, value - half, value + half)


def weight_by_score(overall: Outcomes, prior: float = PRIOR) -> Callable[[Reflection], float]:
    """A weight for `Memory.nearest`: exp(score / s); 1 for all while outcomes do not differ."""

    def weight(reflection: Reflection) -> float:
        if overall.spread == 0.0:
            return 1.0
        steepness = score(reflection, overall, prior).value / overall.spread
        return math.exp(min(max(steepness, -STEEPEST), STEEPEST))

    return weight


def credited(reflection: Reflection, outcome: float) -> Reflection:
    """The reflection with one more use on its books. Raises `AgentError` for an outcome that is not finite."""
    if not math.isfinite(outcome):
        raise AgentError(f"the outcome of a session is {outcome}; credit its length or its return")
    return replace(
        reflection,
        used=reflection.used + 1,
        outcomes=reflection.outcomes + outcome,
        squares=reflection.squares + outcome * outcome,
    )


def credit(memory: Memory[Reflection], used: Iterable[Reflection], outcome: float) -> int:
    """Note what came of a session that was given these reflections; how many of them are still in the memory.

    They are found by state and id, however their books have changed since they were retrieved.
    """
    noted = 0
    for reflection in used:
        present = next((r for r in memory.of_state(reflection.state) if r.id == reflection.id), None)
        if present is not None:
            memory.replace(present, credited(present, outcome))
            noted += 1
    return noted


def merge_similar(
    reflections: Sequence[Reflection],
    encoder: Encoder,
    distance: float = 4.0,
    wording: Encoder | None = None,
    likeness: float = 0.9,
) -> list[Reflection]:
    """Reflections without near-duplicates, in their order: each joins the oldest kept one that says the same.

    Two say the same if their causes are equal, the squared distance of their states' vectors is at most `distance`
    (4: two phrases of the hashing encoder differ; in the encoder's scale, see `scale_of`), and their principles are
    equal but for case, spaces and punctuation; or, with an encoder for the `wording`, if the cosine of the principles'
    vectors is at least `likeness`.
    The kept one stays as it is, id included; the books of the others are added to its own, and `merged` counts them.
    """
    kept: list[Reflection] = []
    groups: dict[tuple[str, str], list[int]] = {}
    scale = scale_of(encoder)
    states = encoder.encode([r.state for r in reflections])
    words = None if wording is None else _directions(wording, reflections)
    rows: list[int] = []
    for row, reflection in enumerate(reflections):
        group = groups.setdefault((reflection.cause, "" if words is not None else _plain(reflection)), [])
        for place in group:
            near = float(((states[rows[place]] - states[row]) ** 2).sum()) <= distance * scale
            if near and (words is None or float(words[rows[place]] @ words[row]) >= likeness):
                kept[place] = joined(kept[place], reflection)
                break
        else:
            group.append(len(kept))
            rows.append(row)
            kept.append(reflection)
    return kept


def joined(kept: Reflection, other: Reflection) -> Reflection:
    """`kept` with the books of another that says the same."""
    return replace(
        kept,
        used=kept.used + other.used,
        outcomes=kept.outcomes + other.outcomes,
        squares=kept.squares + other.squares,
        merged=kept.merged + other.merged + 1,
    )


def _plain(reflection: Reflection) -> str:
    """The principles, or the text where there is none, as bare words."""
    told = " / ".join(reflection.principles) or reflection.text
    return " ".join(re.findall(r"[^\W_]+|/", told.casefold()))


def _directions(wording: Encoder, reflections: Sequence[Reflection]) -> NDArray[np.float64]:
    """float64 (n, dim): vectors of the principles, of length 1 (or 0)."""
    vectors = wording.encode([_plain(r) for r in reflections]).astype(np.float64)
    return vectors / np.maximum(np.sqrt((vectors**2).sum(axis=1, keepdims=True)), 1e-12)
