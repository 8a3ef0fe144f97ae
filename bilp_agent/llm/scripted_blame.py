"""Why the scripted writer thinks a session ended as it did, and which principles it draws from that."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from bilp_agent.llm.scripted_reading import AGAIN, AVOID, IN_FORCE, KNOWN, RATING, REST, SHOWN, Page, Principles


@dataclass(frozen=True)
class Ending:
    """What is known of the step at which a user left. Steps are counted back from it; None where there was nothing.

    named: what was shown, in words. gap: steps to its earlier showing; too_soon: the user had stayed through none as
    soon. met: the user knew it from before this session. rating: its public rating, or the least that is above it;
    rated: the same in words. poor: it was expected to be liked less than usual, poor_category: so are its categories.
    category: its main category; back: steps to the latest showing of that; rarely: steps with the main category of the
    step before had been rarer than others.
    """

    named: str
    gap: int | None
    too_soon: bool
    met: bool
    rating: float
    rated: str
    poor: bool
    poor_category: bool
    category: str
    back: int | None
    rarely: bool


def read_plan_in_force(page: Page) -> Principles:
    """The principles that the plan at the end stands for."""
    return Principles(
        int(page.number(IN_FORCE, "Repeat after") or 0),
        int(page.number(IN_FORCE, "Rest categories") or 0),
        page.number(IN_FORCE, "Minimum rating") or 0.0,
        page.names(IN_FORCE, "Avoid"),
        page.value(IN_FORCE, "Prefer"),
    )


def reflection_on(ending: Ending | None, old: Principles) -> str:
    """The likeliest cause of the end, and the followed principles, corrected by it. None: the user stayed."""
    if ending is None:
        return _reflection("stayed", "The user stayed to the end; what was done can be kept.", old)
    verdict = _blame_repeat(ending, old)
    if verdict is not None:
        return verdict
    if ending.gap is None:
        # Not a repeat: whatever it was about this one, what the user had met, or had just stayed through, was safer.
        old = replace(old, prefer="shown" if ending.met or old.prefer == "shown" else "known")
    return _blame_reward(ending, old) or _blame_likeness(ending, old) or _blame_nothing(ending, old)


def _blame_repeat(ending: Ending, old: Principles) -> str | None:
    """A repeat, unless the user stayed through one that came as soon. One step more is demanded, to be safe."""
    if ending.gap is None or not ending.too_soon:
        return None
    told = f"The user left when something came back after {ending.gap} steps; that was too soon."
    return _reflection("repeat", told, replace(old, again=max(ending.gap + 1, old.again)))


def _blame_reward(ending: Ending, old: Principles) -> str | None:
    """An item that this user had not met and was expected to like less than usual."""
    if ending.met or not ending.poor:
        return None
    told = f"The user left at something new with a rating {ending.rated}."
    rating = max(old.rating, math.ceil(ending.rating * 10) / 10)
    avoid = (ending.category,) if ending.poor_category else ()
    return _reflection("low reward", told, replace(old, rating=rating, avoid=(*old.avoid, *avoid)))


def _blame_likeness(ending: Ending, old: Principles) -> str | None:
    """The same main category as shortly before, if the user had rarely stayed through that."""
    if ending.back is None or not ending.rarely:
        return None
    told = f"The user left at the same main category as {ending.back} steps before; that was too much alike."
    return _reflection("too alike", told, replace(old, rest=max(ending.back, old.rest)))


def _blame_nothing(ending: Ending, old: Principles) -> str:
    told = f"The user left at {ending.named}, which was neither a repeat nor expected to be disliked."
    return _reflection("unknown", told, old)


def _reflection(cause: str, told: str, principles: Principles) -> str:
    lines = [f"Cause: {cause}", f"Reflection: {told}"]
    if principles.again:
        lines.append(f"Principle: {AGAIN.told.format(principles.again)}")
    if principles.rest:
        lines.append(f"Principle: {REST.told.format(principles.rest)}")
    if principles.prefer != "any":
        lines.append(f"Principle: {KNOWN.told}")
    if principles.prefer == "shown":
        lines.append(f"Principle: {SHOWN.told}")
    if principles.rating:
        lines.append(f"Principle: {RATING.told.format(principles.rating)}")
    lines += [f"Principle: {AVOID.told.format(name)}" for name in dict.fromkeys(principles.avoid)]
    return "\n".join(lines)
