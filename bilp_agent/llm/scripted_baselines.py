"""What the scripted writer writes for the language-model baselines. Everything it knows stands on the `Page`."""

from __future__ import annotations

import math
import re

from bilp_agent.llm.scripted_reading import AGAIN, KNOWN, RATING, Line, Page, read_line, read_principles
from bilp_agent.llm.scripted_slates import lines_wanted

_NO_CALLS_LEFT = "Tool calls left: 0"
_FIRST_MEAN = re.compile(r"(.+?) -?\d+\.\d+ \(\d+\)")
_FOUND, _SESSION = "Tool answers at this step", "This session"


def write_step(page: Page) -> str:
    """Act-only and ReAct: ask what the user likes, then for items, then name the best of what is at hand."""
    found, next_ = page.section(_FOUND), " ".join(page.section("Next"))
    if "Tool calls left" not in next_:
        return _name(page, page.items("Candidates"))
    offered = page.items(_FOUND)
    if _rested(page, offered):
        return f"Thought: {_thought(page)}\n{_name(page, offered)}"
    if _NO_CALLS_LEFT in next_:
        known = [line for heading in ("Before this session", _SESSION) for line in page.items(heading)]
        at_hand = known if _rested(page, known) else offered or known
        return f"Thought: {_thought(page)}\n{_name(page, at_hand)}"
    if read_principles(page.section("Reflections")).prefer != "any" and "known:" not in found:
        return f"Thought: {_thought(page)}\nTool: known"
    if "categories:" not in found and "known:" not in found:
        return f"Thought: {_thought(page)}\nTool: categories"
    return f"Thought: {_thought(page)}\nTool: search {_best_category(found)}"


def _thought(page: Page) -> str:
    warned = page.section("Reflections")
    return "Earlier sessions warn of repeats and bad picks." if warned else "Show what the user likes best."


def _best_category(found: list[str]) -> str:
    """The first of the categories that the tool has listed: it lists the best liked first."""
    named = next(filter(None, map(_FIRST_MEAN.match, found)), None)
    return named.group(1) if named else "any"


def _name(page: Page, choices: list[Line]) -> str:
    """The largest reward, known or else as rated, among what reflections do not warn of."""
    learned, rested = read_principles(page.section("Reflections")), _rested(page, choices)
    good = [line for line in rested if line.reward is not None or line.rating >= learned.rating]
    left = good or rested or choices
    if not left:
        return 'Item: "anything"'
    best = sorted(left, key=lambda line: -(line.rating if line.reward is None else line.reward))  # equals stay in order
    rest = [line for line in choices if line not in left]
    return "\n".join(f'Item: "{line.title}"' for line in (best + rest)[: lines_wanted(page)])


def _rested(page: Page, choices: list[Line]) -> list[Line]:
    """Those that reflections do not say were shown too lately."""
    again = read_principles(page.section("Reflections")).again
    recent = {line.title for line in page.items(_SESSION)[-again:]} if again else set()
    return [line for line in choices if line.title not in recent]


def write_lesson(page: Page) -> str:
    """Reflexion: what the last item had that the others had not, and the lessons that were followed before."""
    if page.slates:
        return _slate_lesson(page)
    old = read_principles(page.section("Reflections that were followed"))
    end, shown = page.section("How it ended"), page.items(_SESSION)
    last = read_line(end[0]) if end else None
    again, rating, known = old.again, old.rating, old.prefer != "any"
    told = "The user stayed to the end."
    if last is not None:
        earlier = [n for n, line in enumerate(reversed(shown[:-1]), 1) if line.title == last.title]
        if earlier:
            again, told = max(again, earlier[0] + 1), f"The user left at a repeat after {earlier[0]} steps."
        else:
            rating, known = max(rating, math.ceil(last.rating * 10) / 10), True
            told = f"The user left at something with a rating of {last.rating:.2f}."
    lessons = [
        AGAIN.told.format(again) if again else "",
        KNOWN.told if known else "",
        RATING.told.format(rating) if rating else "",
    ]
    return f"Reflection: {' '.join([told, *filter(None, lessons)])}"


def _slate_lesson(page: Page) -> str:
    """Of slates a prompt tells titles and answers alone: what was taken up is worth coming back to."""
    taken = any("clicked" in line or "watched" in line for line in page.section(_SESSION))
    told = "The user took up some of what was shown." if taken else "The user took up nothing lately."
    return f"Reflection: {told} {KNOWN.told}" if taken else f"Reflection: {told}"
