"""How states are described in words: as the paper does, and coarsely; and when two of them are alike."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from bilp_agent.session import Session
from bilp_agent.tools import run_length

_GRADED = re.compile(r"^(.*?) (\d+(?:\.\d+)?)$")


def titles_text(titles: Sequence[str]) -> str:
    """The last titles of log and session, oldest first: the paper's state. Hardly any recurs."""
    return "; ".join(titles) or "nothing seen"


def coarse_text(session: Session, names: Sequence[str], horizon: int, window: int) -> str:
    """An abstract description of a session's state, coarse enough to recur across users.

    Phrases separated by semicolons: stage of the session, last main category, rewards rounded, repeats among the
    last `window` recommendations, run of the same main category.
    """
    recent = (list(session.history) + session.shown)[-window:]
    if not recent:
        return "stage start"
    mains = [int(session.catalogue.categories(entry.item)[0]) for entry in recent]
    session_items = [entry.item for entry in session.shown[-window:]]
    repeats = len(session_items) - len(set(session_items))
    mean = sum(entry.reward for entry in recent) / len(recent)
    return "; ".join(
        (
            f"stage {_stage(session.step / horizon)}",
            f"last category {names[mains[-1]]}",
            f"last reward {recent[-1].reward:.0f}",
            f"mean reward {mean:.0f}",
            f"repeats {'none' if not repeats else 'few' if repeats < len(session_items) / 2 else 'many'}",
            f"category run {min(run_length(mains), 3)}",
        )
    )


def slates_text(session: Session, names: Sequence[str], horizon: int) -> str:
    """The same of a session of slates: stage, the two categories liked best, mean score, and what is at its limit."""
    means = {c: total / session.during.counts[c] for c, total in session.during.sums.items() if total > 0}
    liked = sorted(sorted(means, key=lambda c: (-means[c], c))[:2])
    latest = session.last_slate()
    return "; ".join(
        (
            f"stage {_stage(session.step / horizon)}",
            *(f"likes {names[c]}" for c in liked),
            f"taken up {'none' if not any(e.reward for e in latest) else 'some'}",
            f"full {fifths(max(session.signs.full.values(), default=0.0))}",
        )
    )


def fifths(share: float) -> int:
    """A share from 0 to 1 in fifths, rounded."""
    return math.floor(5 * share + 0.5)


def _stage(share: float) -> str:
    if share == 0:
        return "start"
    return "early" if share < 0.1 else "middle" if share < 0.5 else "late"


def graded(text: str) -> Iterable[str]:
    """The phrases of a state, lower case; one that ends in a number is as near to another as the numbers are.

    "crowd 2" becomes "crowd", "crowd 1" and "crowd 2", so that it differs from "crowd 3" by one feature only.
    Halves count: "reward 3.5" has seven steps.
    """
    for phrase in (part.strip() for part in text.casefold().split(";")):
        whole = _GRADED.match(phrase)
        if whole is None:
            yield phrase
            continue
        name, steps = whole.group(1), float(whole.group(2)) * (2 if "reward" in phrase else 1)
        yield from (f"{name} {step}" for step in range(int(steps) + 1))
