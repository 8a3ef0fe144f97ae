"""What memories say, gathered for people: principles by score, states that recur, what states were worth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bilp_agent.memory.records import ActorExample, CriticExample, Reflection
from bilp_agent.memory.scoring import Outcomes, Score, joined, score


@dataclass(frozen=True)
class Principle:
    """One principle and all reflections that state it.

    sessions: how many finished sessions taught it. causes: why those ended, with counts, the most frequent first.
    told: how many of them are kept with how they went; the others were merged into these. mean_steps, mean_earned: how
    long those lasted on average, of `horizon`, and what they earned, None where only steps were noted.
    used: how often it was given to a session since; mean_outcome: what came of that, None if it was not. score: see
    `scoring.score`, against all outcomes.
    """

    text: str
    sessions: int
    causes: tuple[tuple[str, int], ...]
    told: int
    mean_steps: float
    mean_earned: float | None
    horizon: int
    used: int
    mean_outcome: float | None
    score: Score


@dataclass(frozen=True)
class Situation:
    """A state that recommendations were judged in: how many, and which items did well and badly (item, count)."""

    state: str
    times: int
    encouraged: tuple[tuple[int, int], ...]
    discouraged: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Worth:
    """What a state turned out to be worth."""

    state: str
    times: int
    mean: float
    lowest: float
    highest: float


def principles(reflections: Sequence[Reflection]) -> list[Principle]:
    """The best scored first; then those that more sessions taught, the older ones first of equals.

    A reflection without a principle stands for itself. One with several lends its books to each of them.
    """
    overall = Outcomes.pooled(reflections)
    groups: defaultdict[str, list[tuple[str, Reflection]]] = defaultdict(list)
    for reflection in reflections:
        for text in dict.fromkeys(reflection.principles or (reflection.text,)):
            groups[" ".join(text.casefold().split())].append((text, reflection))
    found = [_principle(group[0][0], [r for _, r in group], overall) for group in groups.values()]
    return sorted(found, key=lambda p: (-p.score.value, -p.sessions))


def _principle(text: str, stated: Sequence[Reflection], overall: Outcomes) -> Principle:
    together = stated[0]
    for reflection in stated[1:]:
        together = joined(together, reflection)
    causes: Counter[str] = Counter()
    for reflection in stated:
        causes[reflection.cause] += 1 + reflection.merged
    return Principle(
        text,
        1 + together.merged,
        tuple(causes.most_common()),
        len(stated),
        sum(r.steps for r in stated) / len(stated),
        sum(r.earned for r in stated) / len(stated) if any(r.earned for r in stated) else None,
        max(r.horizon for r in stated),
        together.used,
        together.outcomes / together.used if together.used else None,
        score(together, overall),
    )


def situations(examples: Sequence[ActorExample]) -> list[Situation]:
    """The states met most often first. An item whose good and bad examples are as many counts as neither."""
    balances: defaultdict[str, Counter[int]] = defaultdict(Counter)
    times: Counter[str] = Counter()
    for example in examples:
        balances[example.state][example.item] += 1 if example.encouraged else -1
        times[example.state] += 1
    return [Situation(s, n, _signed(balances[s], 1), _signed(balances[s], -1)) for s, n in times.most_common()]


def _signed(balance: Counter[int], sign: int) -> tuple[tuple[int, int], ...]:
    chosen = [(item, sign * count) for item, count in balance.items() if sign * count > 0]
    return tuple(sorted(chosen, key=lambda pair: (-pair[1], pair[0])))


def worths(examples: Sequence[CriticExample]) -> list[Worth]:
    """The states met most often first."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for example in examples:
        values[example.state].append(example.value)
    found = [Worth(s, len(v), sum(v) / len(v), min(v), max(v)) for s, v in values.items()]
    return sorted(found, key=lambda worth: -worth.times)
