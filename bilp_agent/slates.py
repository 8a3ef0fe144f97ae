"""Slates: picking items that are spread over categories, and facts about a finished session of slates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from bilp_agent.session import Session, Shown
from bilp_agent.tools import Tools

VAIN_SHOWN = 4  # categories
LIMIT = 1.0  # fullness of a category whose recent clicks have reached their limit


def within(items: Iterable[int], main: Callable[[int], int], most: int) -> list[int]:
    """The first `most` items of each main category, in order; 0 is no limit."""
    kept, taken = list[int](), Counter[int]()
    for item in items:
        taken[main(item)] += 1
        if not most or taken[main(item)] <= most:
            kept.append(item)
    return kept


def spread(items: Sequence[int], main: Callable[[int], int], most: int) -> list[int]:
    """The items that `within` keeps, and then the others."""
    kept = dict.fromkeys(within(items, main, most))
    return [*kept, *(item for item in items if item not in kept)]


def slate_line(step: int, answers: Iterable[tuple[str, str]]) -> str:
    """A past slate of (answer, title): `step 3: clicked "A"; "B" | passed over "C"`, as its answers first occur."""
    titles: dict[str, list[str]] = {}
    for told, title in answers:
        titles.setdefault(told, []).append(f'"{title}"')
    return f"step {step}: " + " | ".join(f"{told} {'; '.join(them)}" for told, them in titles.items())


def fullness_line(full: Mapping[int, float], names: Sequence[str]) -> str:
    """How near categories are to their limit of recent clicks, the fullest first: `Topic 3 80%`, or "none"."""
    ordered = sorted(full.items(), key=lambda pair: (-pair[1], pair[0]))
    return "; ".join(f"{names[c]} {100 * share:.0f}%" for c, share in ordered) or "none"


@dataclass(frozen=True)
class Contrast:
    """Two kinds of cases: how many there were, and the mean of what they earned; 0 without any."""

    count: int
    mean: float
    other_count: int
    other_mean: float


@dataclass(frozen=True)
class SlateFacts:
    """What a session of slates showed.

    earned: sum of the rewards of its steps. most, usual: items of the commonest main category in a slate, at most and
    on average. full: steps before which a category was at its limit, against the other steps, and what they earned;
    None where that is not seen. again: scores of items that the session had shown before, against the others. vain:
    (category, items clicked in vain, items clicked), those with the largest share first, of categories with any.
    absences: days away before each later visit.
    """

    earned: float
    most: int
    usual: float
    full: Contrast | None
    again: Contrast
    vain: tuple[tuple[int, int, int], ...]
    absences: tuple[int, ...]


def slate_facts(session: Session, tools: Tools) -> SlateFacts:
    """The facts of a finished training session, in which the rewards of all steps are known."""
    slates = [list(slate) for _, slate in groupby(session.shown, key=lambda entry: entry.step)]
    crowds = [max(Counter(tools.main_category(e.item) for e in slate).values()) for slate in slates]
    seen, again = set[int](), list[bool]()
    for slate in slates:
        again += [entry.item in seen for entry in slate]
        seen |= {entry.item for entry in slate}
    full = [share >= LIMIT for share in session.fullest[: len(session.earned)]]
    return SlateFacts(
        sum(session.earned),
        max(crowds, default=0),
        sum(crowds) / max(len(crowds), 1),
        _contrast(full, session.earned) if any(session.fullest) else None,
        _contrast(again, [entry.reward for entry in session.shown]),
        _vain(session.shown, tools),
        tuple(session.absences),
    )


def _contrast(cases: Sequence[bool], earned: Sequence[float]) -> Contrast:
    those = [value for case, value in zip(cases, earned, strict=True) if case]
    others = [value for case, value in zip(cases, earned, strict=True) if not case]
    return Contrast(len(those), _mean(those), len(others), _mean(others))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _vain(shown: Sequence[Shown], tools: Tools) -> tuple[tuple[int, int, int], ...]:
    """Items clicked without being watched, by category, where the two are told apart."""
    vain, clicked = Counter[int](), Counter[int]()
    for entry in shown:
        if entry.vain or entry.reward > 0:
            clicked.update(tools.categories(entry.item))
        if entry.vain:
            vain.update(tools.categories(entry.item))
    found = sorted(vain, key=lambda c: (-vain[c] / clicked[c], -clicked[c], c))
    return tuple((c, vain[c], clicked[c]) for c in found)
