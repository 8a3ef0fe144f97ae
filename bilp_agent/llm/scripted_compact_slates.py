"""What the scripted writer writes where prompts are compact and slates are shown; reflections are those of slates."""

from __future__ import annotations

import re
from typing import Final

from bilp_agent.llm.scripted_compact import EXPERIENCE, category_of, numbers
from bilp_agent.llm.scripted_reading import Page
from bilp_agent.llm.scripted_slates import FOCUS, lines_wanted, read_lessons

_CANDIDATE: Final = re.compile(
    r"(?P<number>\d+) (?P<experience>did well, |did badly, |)(?P<known>score|new,|passed over,|not taken up,) "
    r"(?P<told>-?[\d.]+)(?:, (?P<place>\d+).. of its category)? \| "
)
_NOTE: Final = re.compile(r"expect (-?[\d.]+)(?:, leaves (\d+)%)?")


def write_compact_slate_plan(page: Page) -> str:
    """Focus on what the user likes best; demand what the most successful reflection teaches."""
    told = page.section("Reflections")
    learned = read_lessons(told)
    listed = [found for text in page.section("Categories") if (found := category_of(text))]
    avoid = [n for n, name, _ in listed if name in learned.avoid]
    focus = [n for n, _, _ in listed if n not in avoid][:FOCUS]
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


def write_compact_slate(page: Page) -> str:
    """The candidates of the largest scores with what experience adds, those first that the plan lets stand."""
    first, most = page.value("Plan", "Prefer") == "known", int(page.number("Plan", "At most of a category") or 0)

    def rank(found: re.Match[str]) -> tuple[bool, float]:
        return not (first and found["known"] == "score"), -_worth(found)

    chosen, others = list[str](), list[str]()
    matches = (_CANDIDATE.match(text) for text in page.section("Candidates"))
    for found in sorted((match for match in matches if match), key=rank):  # equals stay in order
        (chosen if not most or int(found["place"] or 1) <= most else others).append(found["number"])
    return "\n".join(f"Item: {number}" for number in (chosen + others)[: lines_wanted(page)])


def _worth(found: re.Match[str]) -> float:
    """What a candidate is expected to score. Experience counts a tenth of what it does where rewards go to 5."""
    note = _NOTE.search(found.string)
    told = float(note[1]) - float(note[2] or 0) / 100.0 if note else float(found["told"])
    return told + 0.1 * EXPERIENCE[found["experience"]]
