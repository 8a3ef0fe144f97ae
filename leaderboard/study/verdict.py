"""Verdicts: what an interval says of a claim, and what many verdicts say together. None is written by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from leaderboard.schema import Estimate

Verdict = Literal["yes", "no", "not told apart", "not run"]
_ORDER: Final[tuple[Verdict, ...]] = ("yes", "no", "not told apart")


def verdict(estimate: Estimate | None, above: float = 0.0) -> Verdict:
    """Whether a figure, mostly a difference, is above another: "yes" where its whole interval is, "no" where all of it
    is below.

    Where there is no interval, nothing is told apart; None, where there are no records, is "not run".
    """
    if estimate is None:
        return "not run"
    if estimate.low is None or estimate.high is None:
        return "not told apart"
    return "yes" if estimate.low > above else "no" if estimate.high < above else "not told apart"


def together(found: Sequence[Verdict]) -> str:
    """Verdicts of several comparisons in words: one word where they agree, else how many say what.

    >>> together(["yes", "yes"]), together(["yes", "no", "not run"]), together([])
    ('yes, in all 2 comparisons', 'yes in 1 of 2 comparisons, no in 1', 'not run')
    """
    counts: Counter[Verdict] = Counter(v for v in found if v != "not run")
    total = sum(counts.values())
    if not total:
        return "not run"
    said = [(word, counts[word]) for word in _ORDER if counts[word]]
    if len(said) == 1:
        return said[0][0] if total == 1 else f"{said[0][0]}, in all {total} comparisons"
    (word, count), *others = said
    first = f"{word} in {count} of {total} comparisons"
    return ", ".join([first, *(f"{other} in {n}" for other, n in others)])


def by_agent(found: Iterable[tuple[str, str, Verdict]], kinds: Iterable[str]) -> str:
    """`by_kind` for each agent; `found` are verdicts with the agent and the kind that they belong to.

    >>> by_agent([("billp", "rules", "yes"), ("billp on scripted", "rules", "no")], ["rules"])
    'billp against rules: yes; billp on scripted against rules: no'
    """
    known, every = list(found), list(kinds)
    agents = sorted({agent for agent, _, _ in known})
    if not agents:
        return by_kind([], every)
    named = [(f"{agent} against {kind}", said) for agent, kind, said in known]
    return by_kind(named, [f"{agent} against {kind}" for agent in agents for kind in every])


def by_kind(found: Iterable[tuple[str, Verdict]], kinds: Iterable[str]) -> str:
    """`together` for each kind; `found` are verdicts with the kind that they belong to.

    >>> by_kind([("rules", "yes"), ("bandits", "no")], ["bandits", "rules", "planners"])
    'bandits: no; rules: yes; planners: not run'
    """
    known = list(found)
    return "; ".join(f"{kind}: {together([v for k, v in known if k == kind])}" for kind in kinds)
