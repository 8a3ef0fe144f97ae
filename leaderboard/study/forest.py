"""The study's figure: differences with their intervals around a line at zero, one panel an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from leaderboard.schema import Estimate
from leaderboard.site import geometry
from leaderboard.site.text import plain
from leaderboard.study.verdict import Verdict

_PLOT: Final = 250  # pixels right of the labels
_LETTER: Final = 6.6  # pixels of one, at the widest
_LETTERS: Final = 40  # of a label that fit
_ROW: Final = 22
_TONES: Final[dict[Verdict, str]] = {"yes": "yes", "no": "no", "not told apart": "open", "not run": "open"}


@dataclass(frozen=True)
class Bar:
    """One difference; its verdict chooses the colour."""

    label: str
    estimate: Estimate
    verdict: Verdict

    @property
    def tone(self) -> str:
        """For the style sheet."""
        return _TONES[self.verdict]


@dataclass(frozen=True)
class Panel:
    """What belongs together: a title, a smaller line below it, and bars."""

    title: str
    subtitle: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """Of titles, bars and ticks, in pixels."""
        return 52 + _ROW * len(self.bars) + 30


def forest(panels: Sequence[Panel], caption: str) -> str:
    """A self-contained SVG of all panels on one scale, two beside each other."""
    estimates = [bar.estimate for panel in panels for bar in panel.bars]
    rows = [panels[n : n + 2] for n in range(0, len(panels), 2)]
    letters = max((min(len(bar.label), _LETTERS) for panel in panels for bar in panel.bars), default=0)
    label = round(letters * _LETTER) + 8
    width = label + _PLOT
    tops = [sum(max(p.height for p in row) for row in rows[:n]) for n in range(len(rows) + 1)]
    return _template().render(
        rows=list(zip(rows, tops, strict=False)), height=tops[-1] + 44, columns=min(2, len(panels)), panel=width,
        label=label, row_height=_ROW, letters=_LETTERS, mark=geometry.mark, caption=caption,
        scale=geometry.axis(estimates, label + 12, width - 14, score=False),
    )  # fmt: skip


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    return environment.get_template("forest.svg.j2")
