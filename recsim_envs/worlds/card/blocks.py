"""What a card is made of, before it is Markdown or HTML: sections of text, tables, lists and pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

ABSENT: Final = "–"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_MARKED: Final = re.compile(r"([\\`*<>|#~]|(?<!\w)_|_(?!\w)|\](?=[(\[:]))")  # brackets only where a link would begin


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """Column heads and rows of cells, all text; the first column names the row."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Points:
    """A list of sentences, each with the path of the figure it rests on, or ""."""

    points: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Picture:
    """A plot of the card's figures by its name in `plots.PLOTS`, with what it shows in words. Only HTML draws it."""

    name: str
    caption: str


Block = Text | Table | Points | Picture


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it."""

    title: str
    blocks: Sequence[Block]


def figure(value: Any, digits: int = 3) -> str:
    """A number with so many digits after the point; `ABSENT` for None, which stands for what is undefined."""
    return ABSENT if value is None else f"{value:.{digits}f}"


def interval(values: Sequence[Any], digits: int = 3) -> str:
    """Estimate and interval, as in "0.916 [0.895, 0.938]"."""
    estimate, low, high = values
    if estimate is None or low is None or high is None:
        return figure(estimate, digits)
    return f"{estimate:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def visible(text: Any, limit: int = 2000) -> str:
    """Text from outside on one line, without control characters, at most so long."""
    shown = " ".join(_CONTROL.sub(" ", str(text)).split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def escaped(text: Any) -> str:
    """The same for Markdown, where it must not become markup."""
    return _MARKED.sub(r"\\\1", visible(text))
