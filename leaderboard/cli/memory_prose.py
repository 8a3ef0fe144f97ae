"""What memories say, in sentences: lines for people, without any sign that a terminal obeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from bilp_agent.memory.files import reading
from recsim_envs.text.catalogue import plain

if TYPE_CHECKING:
    from bilp_agent.memory.folder import Kept
    from bilp_agent.memory.inspect import Principle, Situation, Worth

GRADED = "; expected score "
GRADES = (
    "Of one item of a slate: its expected score in eighths of the largest, how full its main category is in fifths of "
    "the limit, and as crowd how often one of its categories occurs in the last slates, 4 for more."
)

LONGEST = 400  # signs shown of one text
ITEMS = 4  # named of each kind

Title = Callable[[int], str]
"""What to call an item."""

HEADINGS = {
    "planner": "What the planner has learnt",
    "actor": "States that recur, and what did well in them",
    "critic": "What states turned out to be worth",
}


BELIEVED = {
    "repeat": "the same item again within {limit} steps",
    "alike": "the main category of something shown within {limit} steps before",
    "crowded": "a category that occurs {limit} times or more lately",
    "low reward": "an expected reward of no more than {limit}",
}


def number(item: int) -> str:
    """What an item is called where no title is known."""
    return f"item {item}"


def opening(kept: Kept) -> Iterator[str]:
    """Who learnt where, and how much is kept. Raises `AgentError` for a record of another shape."""
    record = kept.record
    if record:
        with reading(kept.path):
            agent, spent = record.get("agent") or {}, record.get("spent") or {}
            yield _plain(
                f"{agent.get('name', 'An agent')} after {spent.get('episodes', '?')} training sessions on "
                f"{record.get('env_id', '?')}, training seed {record.get('training_seed', '?')}."
            )
    reflections, actions, values = kept.planner.records, kept.actor.records, kept.critic.records
    yield (
        f"It keeps {_count(len(reflections), 'reflection')} on {_count(_states(reflections), 'kind')} of users, "
        f"{_count(len(actions), 'judged recommendation')} in {_count(_states(actions), 'state')}, and "
        f"{_count(len(values), 'value')} of {_count(_states(values), 'state')}."
    )


def _states(records: Sequence[Any]) -> int:
    return len({record.state for record in records})


def beliefs(kept: Kept) -> Iterator[str]:
    """Hypotheses that stood the test, which `billp-plus` keeps in the record of its training.

    Raises `AgentError` for a record of another shape.
    """
    with reading(kept.path):
        for belief in kept.training.get("beliefs") or ():
            if belief.get("kind") in BELIEVED:
                what, left, stayed = BELIEVED[belief["kind"]].format(**belief), belief["left"], belief["stayed"]
                what = what.replace("within 1 steps", "within 1 step")
                others = f"{belief['other_left']:,} of {belief['other_left'] + belief['other_stayed']:,}"
                yield f"  -  {what}: users left at {left:,} of {left + stayed:,} such steps, and at {others} others"


def section(role: str, rows: Sequence[Any], limit: int, title: Title) -> Iterator[str]:
    """The first rows of one memory, numbered, and how many more there are."""
    if not rows:
        yield "Nothing yet."
    if any(GRADED in getattr(row, "state", "") for row in rows):
        yield GRADES
    for number, row in enumerate(rows[:limit], 1):
        first, *rest = TOLD[role](row, title)
        yield f"{number:>3}. {first}"
        yield from (f"     {line}" for line in rest)
    if len(rows) > limit:
        yield f"     ... and {len(rows) - limit} more (--limit)."


def _tell_principle(row: Principle, _: Title) -> list[str]:
    causes = ", ".join(f"{_plain(cause)} {count}" for cause, count in row.causes)
    went = f"{row.mean_steps:.1f} steps" + ("" if row.mean_earned is None else f" that earned {row.mean_earned:.1f}")
    if row.told == row.sessions:
        taught = f"Taught by {_count(row.sessions, 'session')} of {went} on average ({causes})."
    else:
        taught = f"Taught by {_count(row.sessions, 'session')} ({causes}), kept as {row.told} of {went} on average."
    if row.mean_outcome is None:
        return [_plain(row.text), f"{taught} Not used yet."]
    used = f"Given to {_count(row.used, 'session')} since, with an outcome of {row.mean_outcome:.1f} on average"
    low, high = row.score.low, row.score.high
    judged = f"{row.score.value:+.1f} [{low:+.1f}, {high:+.1f}] against all" if isfinite(low) else "too few to judge it"
    return [_plain(row.text), f"{taught} {used}: {judged}."]


def _tell_situation(row: Situation, title: Title) -> list[str]:
    told = [f"{_plain(row.state)} (met {_count(row.times, 'time')})"]
    for word, items in (("did well", row.encouraged), ("did badly", row.discouraged)):
        if items:
            names = ", ".join(f"{title(item)} ({count})" for item, count in items[:ITEMS])
            told.append(f"{word}: {names}" + (f" and {len(items) - ITEMS} more" if len(items) > ITEMS else ""))
    return told


def _tell_worth(row: Worth, _: Title) -> list[str]:
    spread = f", from {row.lowest:.2f} to {row.highest:.2f}" if row.times > 1 else ""
    return [_plain(row.state), f"worth {row.mean:.2f} on average{spread} ({_count(row.times, 'time')})"]


TOLD: dict[str, Callable[[Any, Title], list[str]]] = {
    "planner": _tell_principle,
    "actor": _tell_situation,
    "critic": _tell_worth,
}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _plain(text: str) -> str:
    """One line of what a language model wrote, without what a terminal would take for a command."""
    return plain(text, LONGEST)
