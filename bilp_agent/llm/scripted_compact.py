"""What the scripted writer writes where prompts are compact: the same rules, with numbers in place of names."""

from __future__ import annotations

import re
from typing import Final

from bilp_agent.llm.scripted_blame import Ending, read_plan_in_force, reflection_on
from bilp_agent.llm.scripted_reading import Page, read_principles
from bilp_agent.llm.scripted_rules import FOCUS, demanded, wanted
from bilp_agent.llm.scripted_slates import FOCUS as SLATE_FOCUS
from bilp_agent.llm.scripted_slates import lines_wanted, read_lessons

_CATEGORY: Final = re.compile(r"(\d+) (.+) (-?\d+\.\d+) \((\d+)\)(?:, \d+% full)?$")
_CANDIDATE: Final = re.compile(
    r"(?P<number>\d+) (?P<experience>did well, |did badly, |)[^|]*?(?:, (?P<place>\d+).. of its category)? \| "
)
_TURN: Final = {"did well, ": 0, "": 1, "did badly, ": 2}


def write_compact_plan(page: Page) -> str:
    """Focus on what the user likes best; demand what the reflections teach."""
    learned = read_principles(page.section("Reflections"))
    listed = [found for text in page.section("Categories") if (found := category_of(text))]
    usual = sum(mean for _, _, mean in listed) / max(len(listed), 1)
    avoid = [n for n, name, mean in listed if name in learned.avoid and mean < usual]
    focus = [n for n, _, _ in listed if n not in avoid][:FOCUS]
    again, prefer = demanded(page, learned)
    return (
        f"Thought: {'follow the reflections' if page.section('Reflections') else 'what the user likes'}\n"
        f"Focus: {numbers(focus, 'any')}\nAvoid: {numbers(avoid, 'none')}\nRepeat after: {again}\n"
        f"Rest categories: {learned.rest}\nMinimum rating: {learned.rating:g}\nPrefer: {prefer}"
    )


def write_compact_slate_plan(page: Page) -> str:
    """Focus on what the user likes best; demand what the most successful reflection teaches."""
    told = page.section("Reflections")
    learned = read_lessons(told)
    listed = [found for text in page.section("Categories") if (found := category_of(text))]
    avoid = [n for n, name, _ in listed if name in learned.avoid]
    focus = [n for n, _, _ in listed if n not in avoid][:SLATE_FOCUS]
    lines = [
        f"Thought: {'follow the reflections' if told else 'what the user likes'}",
        f"Focus: {numbers(focus, 'any')}",
        f"Avoid: {numbers(avoid, 'none')}",
        f"At most of a category: {learned.most}",
        f"Leave out when full: {learned.full}",
        f"Repeat after: {learned.again}",
        f"Rest categories: {learned.rest}",
        f"Prefer: {'known' if learned.known else 'any'}",
    ]
    return "\n".join(line for line in lines if f"\n{line.split(':')[0]}:" in page.system)  # what the form asks for


def category_of(text: str) -> tuple[int, str, float] | None:
    """Number, name and mean of a line `1 Comedy 4.6 (12)`, whatever follows; None for any other."""
    match = _CATEGORY.match(text)
    return (int(match[1]), match[2], float(match[3])) if match else None


def numbers(found: list[int], otherwise: str) -> str:
    """Numbers as answers list them."""
    return "; ".join(map(str, found)) or otherwise


def write_compact_choice(page: Page) -> str:
    """The candidates as they are listed: first what did well, last what did badly, then what is too much of a kind."""
    found = [match for text in page.section("Candidates") if (match := _CANDIDATE.match(text))]
    most = int(page.number("Plan", "At most of a category") or len(found))

    def turn(match: re.Match[str]) -> tuple[bool, int]:
        return int(match["place"] or 1) > most, _TURN[match["experience"]]

    count = lines_wanted(page) if page.slates else wanted(page)
    return "\n".join(f"Item: {match['number']}" for match in sorted(found, key=turn)[:count])


def write_compact_value(page: Page) -> str:
    """The mean of what like states and any state are worth, by the weight of the like ones against one."""
    (like, weight), (usual, *_) = (_figures(page, heading) for heading in ("Like states", "Any state"))
    return f"Value: {(usual + weight * like) / (1.0 + weight):.1f}"


def _figures(page: Page, heading: str) -> list[float]:
    """The numbers below a heading; two zeros where there is none."""
    return [float(x) for x in re.findall(r"-?[\d.]+", " ".join(page.section(heading)))] or [0.0, 0.0]


def write_compact_reflection(page: Page) -> str:
    """The likeliest cause of the end, and the principles of the plan, corrected by it."""
    return reflection_on(_read_ending(page), read_plan_in_force(page))


def _read_ending(page: Page) -> Ending | None:
    match = re.search(r", at: (.+) \| rating under (\S+)$", " ".join(page.section("How it ended")))
    if match is None:
        return None
    shown, expected, category, back = (
        page.value("Facts", name) for name in ("Shown before", "Expected", "Mean of its category", "Its category")
    )
    return Ending(
        named="something",
        gap=_first_number(shown),
        too_soon=shown.endswith("sooner than any stayed through"),
        met=page.value("Facts", "Known before") != "no",
        rating=float(match[2]),
        rated=f"under {match[2]}",
        poor=expected.endswith(", below usual"),
        poor_category=category.endswith(", below usual"),
        category=match[1],
        back=_first_number(back),
        rarely=back.endswith("were rarer than a change"),
    )


def _first_number(text: str) -> int | None:
    match = re.match(r"\d+", text)
    return int(match[0]) if match else None
