"""What the scripted writer writes, one function a role. Everything it knows stands on the `Page`."""

from __future__ import annotations

import math
import re

from bilp_agent.llm.scripted_blame import Ending, read_plan_in_force, reflection_on
from bilp_agent.llm.scripted_reading import Line, Page, Principles, read_beliefs, read_line, read_principles

FOCUS = 3  # categories that a plan names
DID_WELL, DID_BADLY = 0.25, -1.0  # what experience adds to an expected reward
LOW_END = 2.0  # standard deviations that a guess counts below its mean: about the worst of twenty


def write_plan(page: Page) -> str:
    """Focus on what the user likes best; demand what the reflections teach."""
    learned = read_principles(page.section("Reflections"))
    avoid = [c for c in learned.avoid if page.means.get(c, (-math.inf, 0))[0] < page.overall]
    liked = sorted((-page.shrunk(c), c) for c in page.means if c not in avoid)
    focus = [c for _, c in liked[:FOCUS]]
    again, prefer = demanded(page, learned)
    warned = "Earlier sessions warn of repeats and bad picks." if page.section("Reflections") else ""
    thought = f"The user likes {focus[0]} best. {warned}" if focus else f"Nothing is known of the user. {warned}"
    return (
        f"Thought: {thought.strip()}\nFocus: {'; '.join(focus) or 'any'}\nAvoid: {'; '.join(avoid) or 'none'}\n"
        f"Repeat after: {again}\nRest categories: {learned.rest}\nMinimum rating: {learned.rating:g}\n"
        f"Prefer: {prefer}"
    )


def demanded(page: Page, learned: Principles) -> tuple[int, str]:
    """How long an item rests, and what comes first, by beliefs and reflections."""
    again = read_beliefs(page.section("Beliefs")) or learned.again  # counts say more than warnings
    # Coming back needs to know how long to rest first.
    return again, "known" if learned.prefer == "shown" and not again else learned.prefer


def write_choice(page: Page) -> str:
    """The candidate with the largest expected reward, with what experience says about it."""
    candidates = page.items("Candidates") or _met(page)
    if not candidates:
        return ""
    gap, spread = _gap(page)
    well, badly = (set(re.findall(r'"([^"]*)"', page.value("Experience", n))) for n in ("Did well", "Did badly"))
    highest, prefer = reward_range(page)[1], page.value("Plan", "Prefer")

    def score(line: Line) -> float:
        # What was rewarded is known; a guess from the rating may be off, and a user who is let down is gone.
        guess = min(_expected(page, line, gap), highest) - (LOW_END * spread if line.expected is None else 0.0)
        expected = line.reward if line.reward is not None else guess
        if prefer == "shown" and line.ago and not line.leaves:
            return 3.0 * highest  # whatever its reward: keeping the order is what keeps it safe
        expected -= line.leaves * page.overall * steps_left(page)
        first = highest if prefer != "any" and line.reward is not None else 0.0
        return first + expected + DID_WELL * (line.title in well) + DID_BADLY * (line.title in badly)

    ranked = sorted(candidates, key=lambda line: -score(line))[: wanted(page)]  # equals stay in order
    best = ranked[0]
    why = f"reward {best.reward:g} before" if best.reward is not None else f"expected reward {score(best):.2f}"
    return "\n".join((f"Reason: {why}", *(f'Item: "{line.title}"' for line in ranked)))


def _gap(page: Page) -> tuple[float, float]:
    """How far the user's rewards lie from the ratings, and how much that differs; 0 where it is not told."""
    told = " ".join(page.section("Mean distance of this user's rewards from the ratings"))
    mean, spread, *_ = [*map(float, re.findall(r"-?\d+\.\d+", told)), 0.0, 0.0]
    return mean, spread


def _met(page: Page) -> list[Line]:
    """Without candidates: what the user is known by, but for what the plan lets rest."""
    session, rest = page.items("This session"), int(page.number("Plan", "Repeat after") or 0)
    resting = {line.title for line in session[-rest:]} if rest else set()
    return [line for line in (*page.items("Before this session"), *session) if line.title not in resting]


def wanted(page: Page) -> int:
    """How many titles the form asks for at most."""
    match = re.search(r'up to (\d+) more lines "Item"', page.system)
    return 1 + (int(match.group(1)) if match else 0)


def steps_left(page: Page) -> int:
    """How many steps the session can still have."""
    match = re.search(r"[Ss]tep (\d+) of (\d+)", " ".join(page.section("Next")))
    return int(match.group(2)) - int(match.group(1)) if match else 1


def _expected(page: Page, line: Line, gap: float) -> float:
    """What the line says; else the public rating, moved by how this user rates in general and in these categories."""
    if line.expected is not None:
        return line.expected
    taste = sum(page.shrunk(c) - page.overall for c in line.categories) / len(line.categories)
    return line.rating + gap + taste


def reward_range(page: Page) -> tuple[float, float]:
    """The smallest and the largest reward; infinite where it is not told."""
    match = re.search(r"reward from (-?[\d.]+) to (-?[\d.]+\d|-?\d)", page.system)
    return (float(match.group(1)), float(match.group(2))) if match else (-math.inf, math.inf)


def write_value(page: Page) -> str:
    """A mean of the examples, weighted by likeness and number, and of what the mean reward would be worth for ever."""
    state = set("".join(page.section("State")).split("; "))
    gamma = float(match.group(1)) if (match := re.search(r"plus ([\d.]+) times", page.system)) else 0.0
    mean = page.section("Mean reward so far") or page.section("Mean score so far") or ["0"]
    total = float(mean[0]) / (1.0 - gamma)
    weights = 1.0
    for example in page.section("Examples"):
        text, _, rest = example.removeprefix("- ").rpartition(" -> ")
        value, times = rest.split(" ")[0], rest.split("(")[1].split(" ")[0]
        weight = (len(state & set(text.split("; "))) / max(len(state), 1)) ** 4 * int(times)
        total, weights = total + weight * float(value), weights + weight
    return f"Value: {total / weights:.3f}"


def write_reflection(page: Page) -> str:
    """The likeliest cause of the end, and the followed principles, corrected by it."""
    return reflection_on(_read_ending(page), read_plan_in_force(page))


def _read_ending(page: Page) -> Ending | None:
    end = page.section("How it ended")
    last = read_line(end[0]) if end else None
    if last is None:
        return None
    noun = _noun(page)
    rated = [x for h in ("Before this session", "This session") for x in page.items(h) if x.reward is not None]
    stayed = rated[:-1]  # the last line is the step that the user left at
    usual = sum(x.reward or 0.0 for x in stayed) / max(len(stayed), 1)
    distance = usual - sum(x.rating for x in stayed) / max(len(stayed), 1)
    like = [x.reward or 0.0 for x in stayed if set(x.categories) & set(last.categories)]
    pairs = re.findall(r"\d+", page.value("Facts", "Earlier steps with the main category of the step before"))
    gap = page.number("Facts", f"Last {noun} shown before in this session")
    survived = page.number("Facts", "Shortest repeat that the user stayed through")
    back = page.number("Facts", f"Main category of the last {noun} shown before")
    return Ending(
        named=f'"{last.title}"',
        gap=None if gap is None else int(gap),
        too_soon=gap is not None and (survived is None or survived > gap),
        met=page.number("Facts", f"Last {noun} known from before this session") is not None,
        rating=last.rating,
        rated=f"of only {last.rating:.2f}",
        poor=bool(stayed) and last.rating + distance < usual,
        poor_category=bool(like) and sum(like) / len(like) < usual,
        category=last.categories[0],
        back=None if back is None else int(back),
        rarely=len(pairs) > 1 and int(pairs[0]) < int(pairs[1]),
    )


def _noun(page: Page) -> str:
    """What one item is called in this prompt."""
    match = re.search(r"At each step one (\w+) was recommended", page.system)
    return match.group(1) if match else "item"
