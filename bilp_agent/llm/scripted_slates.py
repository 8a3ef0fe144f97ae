"""What the scripted writer writes where slates are shown, or items that are answered otherwise than by a reward.

As `scripted_rules` it knows nothing but the page. Its rules say how to read one: spread what is liked over categories,
leave out what is full, and change what the facts of a finished session speak against.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from bilp_agent.llm.scripted_reading import AGAIN, AVOID, IN_FORCE, KNOWN, REST, Line, Page, Sentence

FOCUS = 5  # categories that a plan names
FIRST_FULL, STEP_FULL, LEAST_FULL = 80, 20, 40  # percent: the first limit tried, how far it is lowered, and no further
CLEARLY = 0.8  # steps that earned less than this share of what others did earned clearly less
FEW = 20  # cases from which on a share is believed
LONGEST_REST = 4  # steps
_EARNED = re.compile(r"^(?:- )?\(earned (-?\d+(?:\.\d+)?)\)")
_MOST = Sentence("Show at most {} of one category in a slate.", re.compile(r"at most (\d+) of one category"))
_FULL = Sentence("Leave a category out once it is {}% full.", re.compile(r"once it is (\d+)% full"))
_CONTRAST = re.compile(r"(\d+), mean (-?[\d.]+\d|-?\d+); others (\d+), mean (-?[\d.]+\d|-?\d+)")
_SHARE = re.compile(r"([^;]+?) (\d+) of (\d+)")


@dataclass(frozen=True)
class Lessons:
    """What reflections or a plan demand of slates; 0 and empty where they are silent."""

    most: int = 0
    full: int = 0
    again: int = 0
    rest: int = 0
    avoid: tuple[str, ...] = ()
    known: bool = False


def read_lessons(reflections: list[str]) -> Lessons:
    """Those of the reflection whose sessions earned most: limits of several would not add up."""
    best = max(reflections, key=lambda r: float(m.group(1)) if (m := _EARNED.match(r)) else -math.inf, default="")
    most, full, again, rest = (sentence.largest(best, int) for sentence in (_MOST, _FULL, AGAIN, REST))
    return Lessons(most, full, again, rest, AVOID.all(best), bool(KNOWN.read.search(best)))


def write_slate_plan(page: Page) -> str:
    """Focus on what the user likes best; demand what the most successful reflection teaches."""
    told = page.section("Reflections")
    learned = read_lessons(told)
    liked = sorted((-page.shrunk(c), c) for c in page.means if c not in learned.avoid)
    focus = [c for _, c in liked[:FOCUS]]
    warned = "Earlier sessions say what tires users." if told else ""
    thought = f"The user likes {focus[0]} best. {warned}" if focus else f"Nothing is known of the user. {warned}"
    return (
        f"Thought: {thought.strip()}\nFocus: {'; '.join(focus) or 'any'}\nAvoid: {'; '.join(learned.avoid) or 'none'}\n"
        f"At most of a category: {learned.most}\nLeave out when full: {learned.full}\nRepeat after: {learned.again}\n"
        f"Rest categories: {learned.rest}\nMinimum rating: 0\nPrefer: {'known' if learned.known else 'any'}"
    )


def write_slate(page: Page) -> str:
    """The candidates with the largest expected scores, no more of one main category than the plan lets stand."""
    lines = page.items("Candidates")
    if not lines:
        return ""
    told = page.section("Mean distance of this user's scores from the ratings") or ["0"]
    gap = float(told[0].split(",")[0])
    first = page.value("Plan", "Prefer") == "known"
    liked = {line.title for line in lines if first and line.reward}
    # What was met and never taken up comes after what is new and promises as little.
    ranked = sorted(
        lines, key=lambda line: (line.title not in liked, -_expected(page, line, gap), line.reward is not None)
    )
    most, wanted = int(page.number("Plan", "At most of a category") or 0), lines_wanted(page)
    chosen, others, taken = list[Line](), list[Line](), dict[str, int]()
    for line in ranked:
        main = line.categories[0]
        (chosen if not most or taken.get(main, 0) < most else others).append(line)
        taken[main] = taken.get(main, 0) + 1
    titles = "\n".join(f'Item: "{line.title}"' for line in (chosen + others)[:wanted])
    return f"Reason: expected score {_expected(page, chosen[0], gap):.2f} and less\n{titles}"


def _expected(page: Page, line: Line, gap: float) -> float:
    """What the line says; else the mean of the user's own scores and of one more that the rating and tastes suggest."""
    if line.expected is not None:
        return line.expected - line.leaves
    taste = sum(page.shrunk(c) - page.overall for c in line.categories) / len(line.categories)
    new = max(line.rating + gap + taste, 0.0)
    return new if line.reward is None else (line.reward * line.times + new) / (line.times + 1)


def lines_wanted(page: Page) -> int:
    """How many titles the form asks for."""
    match = re.search(r'Write (\d+) lines "Item"', page.system)
    return int(match.group(1)) if match else 1


def write_slate_reflection(page: Page) -> str:
    """What the facts speak against, and the followed lessons, changed by it."""
    followed = _lessons_in_force(page)
    left = any(line.startswith("The user left") for line in page.section("How it ended"))
    old = _blame_vain(page, followed)
    repeats = _contrast(page, "Items shown before in this session, and their scores")
    if repeats and repeats[0] >= FEW and repeats[1] > repeats[3]:
        old = replace(old, known=True)
    verdict = _blame_fullness(page, old) or (_blame_likeness(page, old) if left else None)
    if verdict is not None:
        return _reflection(*verdict)
    if old.avoid != followed.avoid:
        return _reflection("clicked in vain", f"Too much of {old.avoid[-1]} was clicked in vain.", old)
    if left:
        return _reflection("unknown", "The user left, and nothing shown explains it.", old)
    return _reflection("stayed", "Nothing that was done needs to change.", old)


def _lessons_in_force(page: Page) -> Lessons:
    named = ("At most of a category", "Leave out when full", "Repeat after", "Rest categories")
    most, full, again, rest = (int(page.number(IN_FORCE, name) or 0) for name in named)
    avoid, prefer = page.names(IN_FORCE, "Avoid"), page.value(IN_FORCE, "Prefer")
    return Lessons(most, full, again, rest, avoid, prefer == "known")


def _blame_fullness(page: Page, old: Lessons) -> tuple[str, str, Lessons] | None:
    """Steps that began with a full category earned clearly less: show fewer of each, or leave them out sooner."""
    found = _contrast(page, "Steps that began with a category at its limit, and what they earned")
    if not found or found[0] < 1 or found[1] >= CLEARLY * found[3]:
        return None
    told = f"Steps with a full category earned {found[1]:.2f}, others {found[3]:.2f}."
    if _most(page) > 1 and old.most != 1:
        return "too full", told, replace(old, full=old.full or FIRST_FULL, most=_fewer(page, old))
    full = max(old.full - STEP_FULL, LEAST_FULL) if old.full else FIRST_FULL
    return "too full", told, replace(old, full=full)


def _blame_likeness(page: Page, old: Lessons) -> tuple[str, str, Lessons] | None:
    """A session that was left while slates held several of one category: show fewer; else let categories rest."""
    most = _most(page)
    told = f"The user left slates with {most:.0f} of one category."
    if most >= 2 and old.most != 1:
        return "too alike", told, replace(old, most=_fewer(page, old))
    if most and old.rest < LONGEST_REST:
        return "too alike", told, replace(old, rest=old.rest + 1)
    return None


def _fewer(page: Page, old: Lessons) -> int:
    """Half of what was allowed, or of what was shown at most, and at least one; nothing where one item is shown."""
    most = _most(page)
    return max(int(min(old.most or most, most)) // 2, 1) if most else 0


def _most(page: Page) -> float:
    return page.number("Facts", "Items of the commonest main category in a slate") or 0.0


def _blame_vain(page: Page, old: Lessons) -> Lessons:
    """Avoid the category that was clicked in vain most often, if that is clearly more often than the next but one."""
    shares = [
        (n.strip(), int(a), int(b)) for n, a, b in _SHARE.findall(page.value("Facts", "Clicked in vain, by category"))
    ]
    believed = [(name, vain / clicked) for name, vain, clicked in shares if clicked >= FEW]
    if len(believed) < 2 or believed[1][1] >= CLEARLY * believed[0][1]:
        return old
    return replace(old, avoid=tuple(dict.fromkeys((*old.avoid, believed[0][0]))))


def _contrast(page: Page, name: str) -> tuple[int, float, int, float] | None:
    match = _CONTRAST.search(page.value("Facts", name))
    if match is None:
        return None
    count, mean, others, other_mean = match.groups()
    return int(count), float(mean), int(others), float(other_mean)


def _reflection(cause: str, told: str, lessons: Lessons) -> str:
    lines = [f"Cause: {cause}", f"Reflection: {told}"]
    if lessons.most:
        lines.append(f"Principle: {_MOST.told.format(lessons.most)}")
    if lessons.full:
        lines.append(f"Principle: {_FULL.told.format(lessons.full)}")
    if lessons.rest:
        lines.append(f"Principle: {REST.told.format(lessons.rest)}")
    if lessons.again:
        lines.append(f"Principle: {AGAIN.told.format(lessons.again)}")
    if lessons.known:
        lines.append(f"Principle: {KNOWN.told}")
    lines += [f"Principle: {AVOID.told.format(name)}" for name in lessons.avoid]
    return "\n".join(lines)
