"""What the compact prompts tell: for small models, in about a hundred tokens, with numbers in place of names.

Tools compute more here than for the full prompts: means and expectations come as single figures, what experience says
stands beside the candidate it is about, and what is chosen is named by the number that its line begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bilp_agent.session import Session, Shown

if TYPE_CHECKING:
    from bilp_agent.actor import Turn
    from bilp_agent.context import Context
    from bilp_agent.reflector import Ended

CATEGORIES_SHOWN = 8


def listed_categories(context: Context, session: Session) -> list[int]:
    """The categories that the Planner may name by number, liked best first; number n is at place n - 1."""
    tastes = context.tools.tastes(session)
    return sorted(tastes, key=lambda c: (-tastes[c][0], c))[:CATEGORIES_SHOWN]


def category_lines(context: Context, session: Session) -> list[str]:
    """`Comedy 4.6 (12)`: the mean reward up to now, drawn towards the user's mean over all, and of how many items."""
    tastes, names = context.tools.tastes(session), context.text.category_names
    return [f"{names[c]} {tastes[c][0]:.1f} ({tastes[c][1]})" for c in listed_categories(context, session)]


def candidate_lines(context: Context, turn: Turn, encouraged: Iterable[int], discouraged: Iterable[int]) -> list[str]:
    """`Comedy | reward 5, 12 steps ago | did well` or `Drama | new, 2.9`, or with a note in place of the guess."""
    good, bad = set(encouraged), set(discouraged)
    notes = turn.notes or ("",) * len(turn.candidates)
    lines = []
    for item, note in zip(turn.candidates, notes, strict=True):
        experience = "did well" if item in good else "did badly" if item in bad else ""
        parts = (_category(context, item), _known(context, turn.session, item, note), note, experience)
        lines.append(" | ".join(part for part in parts if part))
    return lines


def _category(context: Context, item: int) -> str:
    return context.text.category_names[context.tools.main_category(item)]


def _known(context: Context, session: Session, item: int, note: str) -> str:
    reward, since = session.known.get(item), session.steps_since(item)
    if reward is None:
        return "new" if note else f"new, {context.tools.worst_reward(session, item):.1f}"
    return f"reward {reward:g}" + ("" if since is None else f", {since} steps ago")


def ending(context: Context, ended: Ended) -> dict[str, Any]:
    """What a finished session's last step was like: values of `compact/reflector_user`."""
    session = ended.session
    last, stayed = session.shown[-1], [*session.history, *session.shown[:-1]]
    main, rating = context.tools.main_category(last.item), context.tools.catalogue.mean_reward
    usual = _mean(stayed)
    gap = sum(e.reward - float(rating[e.item]) for e in stayed) / max(len(stayed), 1)
    alike = [e for e in stayed if set(context.tools.categories(e.item)) & set(context.tools.categories(last.item))]
    return {
        "category": context.text.category_names[main],
        "rating": f"{float(rating[last.item]):.1f}",
        "expected": f"{float(rating[last.item]) + gap:.1f}",
        "usual": f"{usual:.1f}",
        "of_category": f"{_mean(alike):.1f}" if alike else "none",
    }


def _mean(entries: Sequence[Shown]) -> float:
    return sum(e.reward for e in entries) / max(len(entries), 1)


def numbered(text: str, things: Sequence[int]) -> tuple[int, ...]:
    """The things that the numbers in a text stand for, in their order; numbers of none are passed over."""
    numbers = (int(n) for n in re.findall(r"\d+", text))
    return tuple(dict.fromkeys(things[n - 1] for n in numbers if 0 < n <= len(things)))
