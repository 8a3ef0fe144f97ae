"""What the scripted writer writes where prompts are compact and slates are shown; reflections are those of slates."""

from __future__ import annotations

from bilp_agent.llm.scripted_compact import category_of, numbers
from bilp_agent.llm.scripted_reading import Page
from bilp_agent.llm.scripted_slates import FOCUS, read_lessons


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
