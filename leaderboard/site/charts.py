"""Line charts: what is to be drawn, in pixels, for the macro `chart` in `plots.html.j2`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leaderboard.site.geometry import Axis
from leaderboard.site.text import ABSENT, compact, percent

COLOURS: Final = 10  # --c0 to --c9 in site.css
LINES: Final = 12
"""The most lines of one chart: more cannot be told apart."""
WIDTH, HEIGHT = 640, 330
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 10, 46
_POINTS: Final = 120  # of one line


@dataclass(frozen=True)
class Line:
    """One line: `ys` at `xs`, None where it has no figure, and if there is one its interval at the same places.

    `style` is a number that chooses colour and dashes; None draws it in grey.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    style: int | None = None
    href: str = ""
    band: Sequence[tuple[float, float] | None] = ()

    @property
    def classes(self) -> str:
        """For the style sheet."""
        return "apart" if self.style is None else f"c{self.style % COLOURS} d{min(self.style // COLOURS, 3)}"

    def at(self, x: float) -> float | None:
        """The figure at the place nearest to x that the line reaches; None beyond its ends."""
        if not self.xs or not self.xs[0] <= x <= self.xs[-1]:
            return None
        return self.ys[min(range(len(self.xs)), key=lambda n: abs(self.xs[n] - x))]


@dataclass(frozen=True)
class Chart:
    """Lines on two axes. `x_labels` stand at the ticks of x; `percent` writes shares; `note` says what is left out."""

    title: str
    text: str
    x_title: str
    y_title: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    x_labels: tuple[str, ...]
    note: str = ""
    percent: bool = False

    @property
    def columns(self) -> list[tuple[float, str]]:
        """Ticks of x with their labels."""
        return list(zip(self.x.ticks, self.x_labels, strict=True))

    def written(self, y: float | None) -> str:
        """A figure of y in words."""
        return ABSENT if y is None else percent(y) if self.percent else f"{y:.4g}"

    def points(self, line: Line) -> list[str]:
        """The pieces of a line between its gaps, as points of polylines."""
        pieces: list[list[str]] = [[]]
        for n in _thinned(len(line.xs)):
            y = line.ys[n]
            if y is None:
                pieces.append([])
            else:
                pieces[-1].append(f"{self.x.at(line.xs[n]):g},{self.y.at(y):g}")
        return [" ".join(piece) for piece in pieces if piece]

    def shade(self, line: Line) -> str:
        """The interval around a line, as points of a polygon."""
        kept = [(line.xs[n], b) for n in _thinned(len(line.xs)) if line.band and (b := line.band[n]) is not None]
        upper = [f"{self.x.at(x):g},{self.y.at(high):g}" for x, (_, high) in kept]
        lower = [f"{self.x.at(x):g},{self.y.at(low):g}" for x, (low, _) in reversed(kept)]
        return " ".join(upper + lower)


def chart(
    title: str, text: str, x_title: str, y_title: str, lines: Sequence[Line], *,
    x_ticks: Sequence[float], y_ticks: Sequence[float], y_range: tuple[float, float],
    x_labels: Sequence[str] = (), note: str = "", percent: bool = False,
) -> Chart | None:  # fmt: skip
    """A chart of these lines, whose x axis reaches from the first tick to the last; None where there is none."""
    if not lines:
        return None
    return Chart(
        title, text, x_title, y_title,
        Axis(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT, tuple(x_ticks)),
        Axis(*y_range, HEIGHT - BOTTOM, TOP, tuple(y_ticks)),
        tuple(lines), tuple(x_labels) or tuple(map(tick_label, x_ticks)), note, percent,
    )  # fmt: skip


def tick_label(value: float) -> str:
    """A number beside an axis."""
    return compact(value) if value >= 1000 else f"{value:g}"


def _thinned(count: int) -> list[int]:
    stride = max(1, -(-count // _POINTS))
    return [*range(0, count - 1, stride), count - 1] if count else []
