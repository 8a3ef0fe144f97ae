"""Why users leave: hypotheses, tested on what sessions really showed, and the beliefs that stand the test.

A hypothesis says that users leave more often when what is shown is exposed to something: the same item again within n
steps, the same main category within n steps, a category shown n times or more in the window, an expected reward
below n. The Reflector proposes a kind of cause; counting decides. Nothing is counted but facts: what was shown, what
was known of it before, and whether the user left.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from bilp_agent.memory.files import read_json, reading
from recsim_envs.files import write_json

Kind = Literal["repeat", "alike", "crowded", "low reward"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CAUSES: dict[str, tuple[Kind, ...]] = {  # of the Reflector -> what it proposes to test
    "repeat": ("repeat",),
    "too alike": ("alike", "crowded"),
    "low reward": ("low reward",),
}
BACK: frozenset[Kind] = frozenset({"repeat", "alike"})  # count steps back, from 1; None where nothing came before
NOTHING_BEFORE = -1  # what None is on disk
EXPOSED_BELOW: frozenset[Kind] = frozenset({"repeat", "alike", "low reward"})  # the others are exposed from n upwards
SIGNIFICANT = 6.63  # chi-squared, 1 degree of freedom, 99 %: the best of several cuts is tested
RISKY = 0.25  # share of exposed steps that ended in leaving, from which on a belief forbids
VERSION = 1


@dataclass(frozen=True)
class Circumstances:
    """What was true of one recommendation before the user answered.

    repeat: steps back to its last showing in the session; alike: to the latest item with its main category; None if
    there was none. crowded: how often its most frequent category occurs in the window. reward: what was expected.
    """

    repeat: int | None
    alike: int | None
    crowded: int
    reward: float

    def level(self, kind: Kind) -> int | None:
        """The number that a hypothesis of this kind compares with its limit; None where it does not apply.

        A repeat says nothing about likeness: whatever comes back is like itself.
        """
        if kind == "repeat":
            return self.repeat
        if self.repeat is not None:
            return None
        return {"alike": self.alike, "crowded": self.crowded, "low reward": math.floor(self.reward)}[kind]


@dataclass(frozen=True)
class Belief:
    """A hypothesis with the counts for it (left) and against it (stayed), and those of the steps not exposed."""

    kind: Kind
    limit: int
    left: int
    stayed: int
    other_left: int
    other_stayed: int

    @property
    def share(self) -> float:
        """Share of exposed steps at which the user left; 0 without any."""
        return _share(self.left, self.stayed)

    @property
    def evidence(self) -> float:
        """Twice the log likelihood ratio of two leaving rates against one (the G statistic)."""
        pooled = _loglik(self.left + self.other_left, self.stayed + self.other_stayed)
        apart = _loglik(self.left, self.stayed) + _loglik(self.other_left, self.other_stayed)
        return 2.0 * (apart - pooled)

    @property
    def holds(self) -> bool:
        """Whether exposed steps were left more often than others, by more than chance explains."""
        return self.share > _share(self.other_left, self.other_stayed) and self.evidence >= SIGNIFICANT

    def narrowed(self) -> Belief:
        """The same belief about one level less, with the counts as they are: what is tried to test its edge."""
        return replace(self, limit=self.limit - 1 if self.kind in EXPOSED_BELOW else self.limit + 1)

    def exposes(self, what: Circumstances) -> bool:
        """Whether a recommendation would be exposed to this."""
        level = what.level(self.kind)
        if level is None:
            return False
        return level <= self.limit if self.kind in EXPOSED_BELOW else level >= self.limit


@dataclass
class Hypotheses:
    """All counts, and what the Reflector proposed. `counts` holds (kind, level, left) -> steps.

    A step to which a kind does not apply at all (no earlier showing) counts at level None.
    """

    counts: Counter[tuple[Kind, int | None, bool]] = field(default_factory=Counter)
    proposed: Counter[Kind] = field(default_factory=Counter)

    def count(self, what: Circumstances, left: bool) -> None:
        """Count one recommendation and how the user answered. A repeat counts for the kind "repeat" only."""
        for kind in KINDS:
            if kind == "repeat" or what.repeat is None:
                self.counts[kind, what.level(kind), left] += 1

    def propose(self, cause: str) -> None:
        """Put the kinds that a Reflector's cause stands for to the test."""
        self.proposed.update(CAUSES.get(cause, ()))

    def best(self, kind: Kind) -> Belief | None:
        """The limit of this kind that the counts speak for most; None if no step was exposed to any."""
        levels = sorted({level for k, level, _ in self.counts if k == kind and level is not None})
        tested = [self.belief(kind, limit) for limit in levels]
        return max(tested, key=lambda b: (b.holds, b.evidence, -b.limit), default=None)

    def belief(self, kind: Kind, limit: int) -> Belief:
        """One hypothesis with its counts."""
        tally = Counter[tuple[bool, bool]]()
        for (k, level, left), steps in self.counts.items():
            if k == kind:
                below = level is not None and (level <= limit if kind in EXPOSED_BELOW else level >= limit)
                tally[below, left] += steps
        return Belief(kind, limit, tally[True, True], tally[True, False], tally[False, True], tally[False, False])

    def beliefs(self) -> tuple[Belief, ...]:
        """The best hypothesis of each proposed kind, where it holds: what prompts tell and filters use."""
        best = (self.best(kind) for kind in KINDS if self.proposed[kind])
        return tuple(b for b in best if b is not None and b.holds)

    def tried(self, belief: Belief) -> int:
        """How many steps were exposed to a belief at its very limit."""
        return sum(self.counts[belief.kind, belief.limit, left] for left in (False, True))

    def merge(self, other: Hypotheses) -> None:
        """Add what was counted and proposed in separate sessions."""
        self.counts.update(other.counts)
        self.proposed.update(other.proposed)

    def save(self, path: Path) -> None:
        """Write all counts as JSON."""
        rows = sorted(((k, NOTHING_BEFORE if n is None else n, left, c) for (k, n, left), c in self.counts.items()))
        write_json(
            path, {"version": VERSION, "proposed": dict(sorted(self.proposed.items())), "counts": rows}, indent=None
        )

    @classmethod
    def load(cls, path: Path) -> Hypotheses:
        """Read what `save` wrote. Raises `AgentError` naming the file if it is unusable."""
        record = read_json(path, VERSION)
        with reading(path):
            made = cls(proposed=Counter({_kind(k): int(n) for k, n in record["proposed"].items()}))
            for kind, level, left, steps in record["counts"]:
                if steps < 0:
                    raise ValueError(f"a count is {steps!r}")
                none = kind in BACK and level == NOTHING_BEFORE  # a reward may be as low as that
                made.counts[_kind(kind), None if none else int(level), bool(left)] = int(steps)
            return made


def forbids(beliefs: Iterable[Belief], what: Circumstances) -> bool:
    """Whether a recommendation would be exposed to something that users leave for too often."""
    return any(b.share >= RISKY and b.exposes(what) for b in beliefs)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise ValueError(f"unknown kind {name!r}")
    return name


def _share(left: int, stayed: int) -> float:
    return left / (left + stayed) if left + stayed else 0.0


def _loglik(left: int, stayed: int) -> float:
    """Log likelihood of these counts under their own rate."""
    total = left + stayed
    return sum(n * math.log(n / total) for n in (left, stayed) if n)
