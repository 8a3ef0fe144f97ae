"""What a question is, and what an answer holds before it is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from leaderboard.study.records import Records


@dataclass(frozen=True)
class Sheet:
    """A table of a page: cells are text, the first column names the line."""

    title: str
    columns: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Missing:
    """What was asked for and is not among the records, and the command that runs it."""

    what: str
    command: str


@dataclass(frozen=True)
class Answer:
    """`verdict` is worked out by `leaderboard.study.verdict`. `pictures` are SVG by the end of the file's name, which
    is empty for a page's main one. `sources` are the submissions behind it: agent/folder.
    """

    verdict: str
    sheets: Sequence[Sheet] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[Missing] = ()
    sources: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """`name` is that of the page; `text` says, in Markdown, what is compared, and what a yes would mean; `command`
    makes records for it, where there are none at all.
    """

    name: str
    title: str
    text: str
    command: str
    answer: Callable[[Records], Answer]
