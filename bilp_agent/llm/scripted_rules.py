"""What the scripted writer writes, one function a role. Everything it knows stands on the `Page`."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from bilp_agent.llm.scripted_reading import Line, Page, Principles, read_beliefs, read_line, read_principles

FOCUS = 3  # categories that a plan names
PRIOR_COUNT = 2.0  # pseudo-observations that shrink a category's mean towards the user's
DID_WELL, DID_BADLY = 0.25, -1.0  # what experience adds to an expected reward
LOW_END = 2.0  # standard deviations that a guess counts below its mean: about the worst of twenty


def write_plan(page: Page) -> str:
    """Focus on what the user likes best; demand what the reflections teach."""
    learned = read_principles(page.section("Reflections"))
    avoid = [c for c in learned.avoid if page.means.get(c, (-math.inf, 0))[0] < page.overall]
    liked = sorted((-_shrunk(page, c), c) for c in page.means if c not in avoid)
    focus = [c for _, c in liked[:FOCUS]]
    again = read_beliefs(page.section("Beliefs")) or learned.again  # counts say more than warnings
    # Coming back needs to know how long to rest first.
    prefer = "known" if learned.prefer == "shown" and not again else learned.prefer
    warned = "Earlier sessions warn of repeats and bad picks." if page.section("Reflections") else ""
    thought = f"The user likes {focus[0]} best. {warned}" if focus else f"Nothing is known of the user. {warned}"
    return (
        f"Thought: {thought.strip()}\nFocus: {'; '.join(focus) or 'any'}\nAvoid: {'; '.join(avoid) or 'none'}\n"
        f"Repeat after: {again}\nRest categories: {learned.rest}\nMinimum rating: {learned.rating:g}\n"
        f"Prefer: {prefer}"
    )


def _shrunk(page: Page, category: str) -> float:
    mean, count = page.means.get(category, (page.overall, 0))
    return (mean * count + page.overall * PRIOR_COUNT) / (count + PRIOR_COUNT)


def write_choice(page: Page) -> str:
    """The candidate with the largest expected reward, with what experience says about it."""
    candidates = page.items("Candidates") or _met(page)
    if not candidates:
        return ""
    gap, spread = _gap(page)
    well, badly = (set(re.findall(r'"([^"]*)"', page.value("Experience", n))) for n in ("Did well", "Did badly"))
    highest, prefer = _reward_range(page)[1], page.value("Plan", "Prefer")

    def score(line: Line) -> float:
        # What was rewarded is known; a guess from the rating may be off, and a user who is let down is gone.
        guess = min(_expected(page, line, gap), highest) - (LOW_END * spread if line.expected is None else 0.0)
        expected = line.reward if line.reward is not None else guess
        if prefer == "shown" and line.ago and not line.leaves:
            return 3.0 * highest  # whatever its reward: keeping the order is what keeps it safe
        expected -= line.leaves * page.overall * _steps_left(page)
        first = highest if prefer != "any" and line.reward is not None else 0.0
        return first + expected + DID_WELL * (line.title in well) + DID_BADLY * (line.title in badly)

    ranked = sorted(candidates, key=lambda line: -score(line))[: _wanted(page)]  # equals stay in order
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


def _wanted(page: Page) -> int:
    """How many titles the form asks for at most."""
    match = re.search(r'up to (\d+) more lines "Item"', page.system)
    return 1 + (int(match.group(1)) if match else 0)


def _steps_left(page: Page) -> int:
    """How many steps the session can still have."""
    match = re.search(r"for step (\d+) of (\d+)", " ".join(page.section("Next")))
    return int(match.group(2)) - int(match.group(1)) if match else 1


def _expected(page: Page, line: Line, gap: float) -> float:
    """What the line says; else the public rating, moved by how this user rates in general and in these categories."""
    if line.expected is not None:
        return line.expected
    taste = sum(_shrunk(page, c) - page.overall for c in line.categories) / len(line.categories)
    return line.rating + gap + taste


def _reward_range(page: Page) -> tuple[float, float]:
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
    old = Principles(
        int(page.number("Plan in force at the end", "Repeat after") or 0),
        int(page.number("Plan in force at the end", "Rest categories") or 0),
        page.number("Plan in force at the end", "Minimum rating") or 0.0,
        tuple(c for c in page.value("Plan in force at the end", "Avoid").split("; ") if c not in ("", "none")),
        page.value("Plan in force at the end", "Prefer"),
    )
    end = page.section("How it ended")
    last = read_line(end[0]) if end else None
    if last is None:
        return _reflection("stayed", "The user stayed to the end; what was done can be kept.", old)
    verdict = _blame_repeat(page, old)
    if verdict is not None:
        return verdict
    if page.number("Facts", "Last " + _noun(page) + " shown before in this session") is None:
        # Not a repeat: whatever it was about this one, what the user had met, or had just stayed through, was safer.
        met = _known_before(page) is not None or old.prefer == "shown"
        old = replace(old, prefer="shown" if met else "known")
    return _blame_reward(page, last, old) or _blame_likeness(page, old) or _blame_nothing(last, old)


def _blame_repeat(page: Page, old: Principles) -> str | None:
    """A repeat, unless the user stayed through one that came as soon. One step more is demanded, to be safe."""
    gap = page.number("Facts", "Last " + _noun(page) + " shown before in this session")
    survived = page.number("Facts", "Shortest repeat that the user stayed through")
    if gap is None or (survived is not None and survived <= gap):
        return None
    told = f"The user left when something came back after {gap:.0f} steps; that was too soon."
    return _reflection("repeat", told, replace(old, again=max(int(gap) + 1, old.again)))


def _blame_reward(page: Page, last: Line, old: Principles) -> str | None:
    """An item that this user had not met and was expected to like less than usual."""
    rated = [x for h in ("Before this session", "This session") for x in page.items(h) if x.reward is not None]
    stayed = rated[:-1]  # the last line is the step that the user left at
    if _known_before(page) is not None or not stayed:
        return None
    mean = sum(x.reward or 0.0 for x in stayed) / len(stayed)
    if last.rating + mean - sum(x.rating for x in stayed) / len(stayed) >= mean:
        return None
    like = [x.reward or 0.0 for x in stayed if set(x.categories) & set(last.categories)]
    avoid = (last.categories[0],) if like and sum(like) / len(like) < mean else ()
    told = f"The user left at something new with a rating of only {last.rating:.2f}."
    rating = max(old.rating, math.ceil(last.rating * 10) / 10)
    return _reflection("low reward", told, replace(old, rating=rating, avoid=(*old.avoid, *avoid)))


def _blame_likeness(page: Page, old: Principles) -> str | None:
    """The same main category as shortly before, if the user had rarely stayed through that."""
    back = page.number("Facts", "Main category of the last " + _noun(page) + " shown before")
    pairs = re.findall(r"\d+", page.value("Facts", "Earlier steps with the main category of the step before"))
    if back is None or len(pairs) < 2 or int(pairs[0]) >= int(pairs[1]):
        return None
    told = f"The user left at the same main category as {back:.0f} steps before; that was too much alike."
    return _reflection("too alike", told, replace(old, rest=max(int(back), old.rest)))


def _blame_nothing(last: Line, old: Principles) -> str:
    told = f'The user left at "{last.title}", which was neither a repeat nor expected to be disliked.'
    return _reflection("unknown", told, old)


def _known_before(page: Page) -> float | None:
    """The reward that the log shows for the item that the user left at; None if the user had not met it."""
    return page.number("Facts", "Last " + _noun(page) + " known from before this session")


def _noun(page: Page) -> str:
    """What one item is called in this prompt."""
    match = re.search(r"At each step one (\w+) was recommended", page.system)
    return match.group(1) if match else "item"


def _reflection(cause: str, told: str, principles: Principles) -> str:
    lines = [f"Cause: {cause}", f"Reflection: {told}"]
    if principles.again:
        lines.append(f"Principle: Do not show the same item again within {principles.again} steps.")
    if principles.rest:
        lines.append(f"Principle: Let a category rest for {principles.rest} steps.")
    if principles.prefer != "any":
        lines.append("Principle: Prefer what the user is known to like to new ones.")
    if principles.prefer == "shown":
        lines.append("Principle: Come back to what was shown in this session once it has rested.")
    if principles.rating:
        lines.append(f"Principle: Choose new ones with a rating of at least {principles.rating:g}.")
    lines += [f"Principle: Avoid {name}." for name in dict.fromkeys(principles.avoid)]
    return "\n".join(lines)
