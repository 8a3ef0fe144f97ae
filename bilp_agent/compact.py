"""What the compact prompts tell: for small models, in about a hundred tokens, with numbers in place of names.

Tools compute more here than for the full prompts: means and expectations come as single figures, what experience says
stands beside the candidate it is about, and what is chosen is named by the number that its line begins with.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bilp_agent.session import Session, Shown
from bilp_agent.views import PASSED_OVER

if TYPE_CHECKING:
    from bilp_agent.actor import Turn
    from bilp_agent.context import Context
    from bilp_agent.reflector import Ended

CATEGORIES_SHOWN = 6
NOT_TAKEN_UP = "not taken up"
MUCH_LESS = 0.8  # share of what others earned
DID_WELL, DID_BADLY = "did well, ", "did badly, "
WELL, BADLY = 0.05, 0.2  # of the range of scores: how much experience with an item counts


def listed_categories(context: Context, session: Session) -> list[int]:
    """The categories that the Planner may name by number, liked best first; number n is at place n - 1."""
    tastes = context.tools.tastes(session)
    return sorted(tastes, key=lambda c: (-tastes[c][0], c))[:CATEGORIES_SHOWN]


def category_lines(context: Context, session: Session) -> list[str]:
    """`Comedy 4.6 (12)`: the mean reward up to now, drawn towards the user's mean over all, and of how many items.

    Where slates are shown, `Comedy 0.62 (12), 80% full`: scores are small, and clicks may have a limit.
    """
    tastes, names, digits = context.tools.tastes(session), context.text.category_names, 2 if context.view.name else 1
    lines = []
    for c in listed_categories(context, session):
        full = session.signs.full.get(c)
        line = f"{names[c]} {tastes[c][0]:.{digits}f} ({tastes[c][1]})"
        lines.append(f"{line}, {100 * full:.0f}% full" if full else line)
    return lines


def best_first(context: Context, session: Session, items: Sequence[int], prefer: str) -> tuple[int, ...]:
    """Items by what is told of each, those first that the plan prefers; equals stay in order.

    What was shown stays as it is where the plan prefers that: coming back in turn is what makes it safe.
    """
    if prefer == "shown" and not context.view.name:
        return tuple(items)
    return tuple(sorted(items, key=lambda item: -_standing(context, session, item, prefer)))


def _standing(context: Context, session: Session, item: int, prefer: str) -> float:
    """What an item is worth, raised above all others where the plan prefers it: known ones, in slates clicked ones."""
    low, high = context.view.scores
    known = session.known.get(item)
    preferred = prefer != "any" and known is not None and bool(known or not context.view.name)
    return _worth(context, session, item) + (2 * (high - low) if preferred else 0.0)


def _worth(context: Context, session: Session, item: int) -> float:
    """What an item earned or is expected to score; of a new single one, what it is expected to earn at worst."""
    if context.view.name:
        return context.tools.expected_reward(session, item)
    reward = session.known.get(item)
    return context.tools.worst_reward(session, item) if reward is None else reward


def candidate_lines(context: Context, turn: Turn, encouraged: Iterable[int], discouraged: Iterable[int]) -> list[str]:
    """`did well, reward 5, 12 steps ago | Comedy` or `new, 2.9 | Drama`, or with a note in place of the guess.

    Where slates are shown, `did well, score 0.62 | Comedy` or `new, 0.41, 2nd of its category | Comedy`: what is to be
    expected of each, and how many of a category come before. What an item is chosen by stands next to its number:
    a name of many tokens between the two would hide from a small model whose it is.
    """
    marks, met = _deciding(context, turn, set(encouraged), set(discouraged)), Counter[int]()
    notes = turn.notes or ("",) * len(turn.candidates)
    lines = []
    for item, note in zip(turn.candidates, notes, strict=True):
        main = context.tools.main_category(item)
        met[main] += 1
        place = f", {_nth(met[main])} of its category" if context.view.slots > 1 and met[main] > 1 else ""
        told = f"{marks.get(item, '')}{_known(context, turn.session, item, note)}{place}"
        lines.append(" | ".join(part for part in (told, note, context.text.category_names[main]) if part))
    return lines


def _deciding(context: Context, turn: Turn, good: set[int], bad: set[int]) -> dict[int, str]:
    """What experience in like states says of candidates, where it should change which are taken.

    It decides between those that are about as good: one that did well outweighs `WELL` of the range of scores, one that
    did badly is worth `BADLY` less than it seems, which matters where enough others are left. So a model need not
    compare figures. Nothing is told where coming back in turn is what makes an item safe.
    """
    if turn.plan.prefer == "shown" and not context.view.name:
        return {}
    low, high = context.view.scores
    worths = turn.worths or [_standing(context, turn.session, item, turn.plan.prefer) for item in turn.candidates]
    worth = dict(zip(turn.candidates, worths, strict=True))
    slots = min(context.view.slots, len(worth))
    least = sorted(worth.values(), reverse=True)[slots - 1] if worth else 0.0  # of those that are best without it
    others = [value for item, value in worth.items() if item not in bad]
    marks = {}
    for item, value in worth.items():
        if item in good and value >= least - WELL * (high - low):
            marks[item] = DID_WELL
        elif item in bad and sum(other >= value - BADLY * (high - low) for other in others) >= slots:
            marks[item] = DID_BADLY
    return marks


def _nth(number: int) -> str:
    """2nd, 3rd, 4th, ... of a short list."""
    return f"{number}{'nd' if number == 2 else 'rd' if number == 3 else 'th'}"


def _known(context: Context, session: Session, item: int, note: str) -> str:
    reward, since = session.known.get(item), session.steps_since(item)
    worth = _worth(context, session, item)
    if context.view.name:
        missed = PASSED_OVER if context.view.name == "clicks" else NOT_TAKEN_UP  # it may have been clicked in vain
        return f"{'score' if reward else 'new,' if reward is None else f'{missed},'} {worth:.2f}"
    if reward is None:
        return "new" if note else f"new, {worth:.1f}"
    return f"reward {reward:g}" + ("" if since is None else f", {since} steps ago")


def ending(context: Context, ended: Ended) -> dict[str, Any]:
    """What a finished session's last step was like: values of `compact/reflector_user`."""
    session, tools = ended.session, context.tools
    last, stayed = session.shown[-1], [*session.history, *session.shown[:-1]]
    main, rating = tools.main_category(last.item), tools.catalogue.mean_reward
    usual = _mean(stayed)
    expected = float(rating[last.item]) + sum(e.reward - float(rating[e.item]) for e in stayed) / max(len(stayed), 1)
    alike = [e for e in stayed if set(tools.categories(e.item)) & set(tools.categories(last.item))]
    repeats, likeness = tools.repeats(session.shown), tools.likeness(session.shown)
    rare = likeness.stayed < likeness.apart
    soon = repeats.last is not None and (repeats.survived is None or repeats.survived > repeats.last)
    return {
        "category": context.text.category_names[main],
        "under": f"{math.floor(10 * float(rating[last.item])) / 10 + 0.1:.1f}",
        "expected": _against(expected, usual) if stayed else "none",
        "of_category": _against(_mean(alike), usual) if alike else "none",
        "again": _ago(repeats.last, "sooner than any stayed through" if soon else "as others stayed through"),
        "back": _ago(likeness.last, f"two alike in a row were {'' if rare else 'not '}rarer than a change"),
    }


def _against(mean: float, usual: float) -> str:
    return f"{mean:.1f}, {'below' if mean < usual else 'not below'} usual"


def _ago(steps: int | None, told: str) -> str:
    return "no" if steps is None else f"{steps} steps earlier, {told}"


def compared(count: int, mean: float, others: int, other_mean: float) -> str:
    """`12, mean 0.31; others 88, mean 0.62, much less`: what some cases earned, against the others."""
    mean, other_mean = round(mean, 2), round(other_mean, 2)
    word = "much less" if mean < MUCH_LESS * other_mean else "more" if mean > other_mean else "about as much"
    return f"{count}, mean {mean:.2f}; others {others}, mean {other_mean:.2f}" + (f", {word}" if count else "")


def _mean(entries: Sequence[Shown]) -> float:
    return sum(e.reward for e in entries) / max(len(entries), 1)


def numbered(text: str, things: Sequence[int]) -> tuple[int, ...]:
    """The things that the numbers in a text stand for, in their order; numbers of none are passed over."""
    numbers = (int(n) for n in re.findall(r"\d+", text) if len(n) < 10)  # thousands of digits are no integer of Python
    return tuple(dict.fromkeys(things[n - 1] for n in numbers if 0 < n <= len(things)))
