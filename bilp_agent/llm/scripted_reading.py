"""How the scripted writer reads a prompt: sections, item lines, category means, and principles that it wrote itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

N = TypeVar("N", int, float)
IN_FORCE = "Plan in force at the end"  # a heading
PRIOR_COUNT = 2.0  # pseudo-observations that shrink a category's mean towards the user's
MOST_DIGITS = 4_000  # of a number; a little more are no integer of Python
_MEAN = re.compile(r"([^;]+?) (-?\d+\.\d+) \((\d+)\)")
_LEAVES = re.compile(r"leaves (\d+)%")
_EXPECTED = re.compile(r"expect (-?\d+\.\d+)")
_BELIEF = re.compile(r"again within (\d+) steps: users left")
_REWARD = re.compile(r"(?:reward|score) ([^ ,]+)")
_TIMES = re.compile(r"\((\d+) times\)")
_STAYED = re.compile(r"^\(stayed (\d+) of \d+ steps\)")


@dataclass(frozen=True)
class Sentence:
    """What a principle says, with a place for a value, and how it is read again."""

    told: str
    read: re.Pattern[str]

    def largest(self, text: str, number: Callable[[str], N]) -> N:
        """The largest value that a text says it with, read by `number`; 0 where it does not."""
        return max((number(n) for n in self.read.findall(text) if len(n) <= MOST_DIGITS), default=number("0"))

    def all(self, text: str) -> tuple[str, ...]:
        """The different values that a text says it with, in order."""
        return tuple(dict.fromkeys(self.read.findall(text)))


AGAIN = Sentence("Do not show the same item again within {} steps.", re.compile(r"again within (\d+) step"))
REST = Sentence("Let a category rest for {} steps.", re.compile(r"category rest for (\d+) step"))
KNOWN = Sentence("Prefer what the user is known to like to new ones.", re.compile(r"Prefer [^.]*known to like"))
SHOWN = Sentence(
    "Come back to what was shown in this session once it has rested.", re.compile(r"Come back to what was shown")
)
RATING = Sentence("Choose new ones with a rating of at least {:g}.", re.compile(r"rating of at least (\d+(?:\.\d+)?)"))
AVOID = Sentence("Avoid {}.", re.compile(r"Avoid ([^.;]+)"))


@dataclass(frozen=True)
class Line:
    """One item line: `step 4: "Title" | A; B | rating 4.10 | reward 5` or `... | new` or `... | reward 5, 9 steps ago`.

    Where slates are shown `... | score 1 (clicked)` or `... | score 0.50 (4 times), 9 steps ago`; or without rating and
    times, read as 0 and 1, where a fifth part says what to expect.
    reward: None if the item is new to the user; times: how often it was met. ago: whether it was shown in this session,
    some steps ago. leaves: how often users left in such a case, expected: what reward to expect; where a fifth part
    says so.
    """

    title: str
    categories: tuple[str, ...]
    rating: float
    reward: float | None
    ago: bool
    leaves: float = 0.0
    expected: float | None = None
    times: int = 1


@dataclass(frozen=True)
class Principles:
    """What reflections or a plan demand; 0 and empty where they are silent."""

    again: int = 0
    rest: int = 0
    rating: float = 0.0
    avoid: tuple[str, ...] = ()
    prefer: str = "any"


class Page:
    """A prompt taken apart."""

    def __init__(self, system: str, user: str) -> None:
        self.system = system
        self._sections: dict[str, list[str]] = {}
        current: list[str] = []
        for line in user.split("\n"):
            if line.startswith("## "):
                current = self._sections.setdefault(line[3:].split(",")[0], [])
            elif line and line != "none":
                current.append(line)

    @property
    def slates(self) -> bool:
        """Whether slates are shown, or items that are answered otherwise than by a reward."""
        return "The score of " in self.system

    @property
    def compact(self) -> bool:
        """Whether it is of the set for small models, whose forms follow the word "Answer"."""
        return " Answer:" in self.system

    def section(self, heading: str) -> list[str]:
        """The lines below a heading (named up to its first comma)."""
        return self._sections.get(heading, [])

    def value(self, heading: str, name: str) -> str:
        """The rest of the line `name: ...` below a heading; "" if there is none."""
        start = f"{name}: "
        return next((line[len(start) :] for line in self.section(heading) if line.startswith(start)), "")

    def number(self, heading: str, name: str) -> float | None:
        """The first number in such a line."""
        match = re.search(r"-?\d+(?:\.\d+)?", self.value(heading, name))
        return float(match.group()) if match else None

    def names(self, heading: str, name: str) -> tuple[str, ...]:
        """The names that such a line lists, separated by semicolons; "none" is none."""
        return tuple(c for c in self.value(heading, name).split("; ") if c not in ("", "none"))

    def items(self, heading: str) -> list[Line]:
        """The item lines below a heading."""
        return [line for text in self.section(heading) if (line := read_line(text)) is not None]

    @cached_property
    def means(self) -> dict[str, tuple[float, int]]:
        """Category -> (mean reward, count), before and during the session together."""
        found: dict[str, tuple[float, int]] = {}
        for heading in (
            f"Mean {w} by category {p} this session" for w in ("reward", "score") for p in ("before", "in")
        ):
            for name, mean, count in _MEAN.findall("; ".join(self.section(heading))):
                name, n = name.strip(), int(count)
                old, m = found.get(name, (0.0, 0))
                found[name] = ((old * m + float(mean) * n) / (m + n), m + n)
        return found

    @cached_property
    def overall(self) -> float:
        """Mean reward over all categories; 0 if nothing is known."""
        total = sum(n for _, n in self.means.values())
        return sum(mean * n for mean, n in self.means.values()) / total if total else 0.0

    def shrunk(self, category: str) -> float:
        """The mean reward of a category, drawn towards the overall one as if `PRIOR_COUNT` more had earned that."""
        mean, count = self.means.get(category, (self.overall, 0))
        return (mean * count + self.overall * PRIOR_COUNT) / (count + PRIOR_COUNT)


def read_line(text: str) -> Line | None:
    """An item line; None if the text is none."""
    start, parts = text.find('"'), text.split(" | ")
    if len(parts) == 4 and parts[2].startswith("score ") and parts[3].startswith("expect "):
        parts.insert(2, "rating 0")
    if start < 0 or len(parts) < 4 or not parts[2].startswith("rating "):
        return None
    title, tail = parts[0][start + 1 : -1], parts[3]
    earned, times = _REWARD.match(tail), _TIMES.search(tail)
    note = parts[4] if len(parts) > 4 else ""
    leaves, expected = _LEAVES.search(note), _EXPECTED.search(note)
    return Line(
        title,
        tuple(parts[1].split("; ")),
        float(parts[2][7:]),
        float(earned.group(1)) if earned else None,
        tail.endswith(" steps ago"),
        float(leaves.group(1)) / 100.0 if leaves else 0.0,
        float(expected.group(1)) if expected else None,
        int(times.group(1)) if times else 1,
    )


def read_principles(reflections: list[str]) -> Principles:
    """The most cautious reading of several reflections; how long categories rest is taken from the most successful."""
    if not reflections:
        return Principles()
    text = " ".join(reflections)
    best = max(reflections, key=lambda r: int(m.group(1)) if (m := _STAYED.match(r.removeprefix("- "))) else 0)
    return Principles(
        AGAIN.largest(text, int),
        REST.largest(best, int),
        RATING.largest(text, float),
        AVOID.all(text),
        "shown" if SHOWN.read.search(text) else "known" if KNOWN.read.search(text) else "any",
    )


def read_beliefs(beliefs: list[str]) -> int:
    """How many steps an item must rest, by what was counted; 0 where nothing is believed."""
    return max((int(m.group(1)) for line in beliefs if (m := _BELIEF.search(line))), default=0)
