"""What the scripted writer writes where prompts are compact: the same rules, with numbers in place of names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bilp_agent.llm.scripted_blame import Ending, read_plan_in_force, reflection_on
from bilp_agent.llm.scripted_reading import Page, read_principles
from bilp_agent.llm.scripted_rules import DID_BADLY, DID_WELL, FOCUS, demanded, reward_range, steps_left, wanted

_CATEGORY: Final = re.compile(r"(\d+) (.+) (-?\d+\.\d+) \((\d+)\)(?:, \d+% full)?$")
_CANDIDATE: Final = re.compile(
    r"(?P<number>\d+) (?P<experience>did well, |did badly, |)"
    r"(?:reward (?P<reward>[^ ,]+)(?P<ago>, \d+ steps ago)?|new(?:, (?P<worst>-?[\d.]+))?) \| "
)
EXPERIENCE: Final = {"did well, ": DID_WELL, "did badly, ": DID_BADLY, "": 0.0}
_NOTE: Final = re.compile(r"expect (-?[\d.]+)(?:, leaves (\d+)%)?")


@dataclass(frozen=True)
class Candidate:
    """A line `3 did well, reward 5, 12 steps ago | Comedy` or `4 new | expect 3.1, leaves 12% | Drama`.

    worth: what it is expected to earn, of a new one at worst. leaves: how often users left in such a case.
    """

    number: int
    known: bool
    ago: bool
    worth: float
    leaves: float
    experience: float


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


def category_of(text: str) -> tuple[int, str, float] | None:
    """Number, name and mean of a line `1 Comedy 4.6 (12)`, whatever follows; None for any other."""
    match = _CATEGORY.match(text)
    return (int(match[1]), match[2], float(match[3])) if match else None


def numbers(found: list[int], otherwise: str) -> str:
    """Numbers as answers list them."""
    return "; ".join(map(str, found)) or otherwise


def write_compact_choice(page: Page) -> str:
    """The number of the candidate with the largest expected reward, with what experience says about it."""
    found = [c for text in page.section("Candidates") if (c := _read_candidate(text)) is not None]
    highest, prefer = reward_range(page)[1], page.value("Plan", "Prefer")
    known = [c.worth for c in found if c.known]
    usual = sum(known) / len(known) if known else 0.0

    def score(c: Candidate) -> float:
        if prefer == "shown" and c.ago and not c.leaves:
            return 3.0 * highest  # whatever its reward: keeping the order is what keeps it safe
        lost = c.leaves * usual * steps_left(page)
        return (highest if prefer != "any" and c.known else 0.0) + c.worth + c.experience - lost

    ranked = sorted(found, key=lambda c: -score(c))[: wanted(page)]  # equals stay in order
    return "\n".join(f"Item: {c.number}" for c in ranked)


def _read_candidate(text: str) -> Candidate | None:
    match, note = _CANDIDATE.match(text), _NOTE.search(text)
    if match is None:
        return None
    told = match["reward"] or match["worst"] or (note[1] if note else "0")
    return Candidate(
        int(match["number"]),
        match["reward"] is not None,
        match["ago"] is not None,
        float(told),
        float(note[2] or 0) / 100.0 if note else 0.0,
        EXPERIENCE[match["experience"]],
    )


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
