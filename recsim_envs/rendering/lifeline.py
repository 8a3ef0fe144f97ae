"""The life-line of a user: what was shown, what it earned, how tired of it they were, and why they left."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.rendering.canvas import FAINT, GRID, INK, Canvas
from recsim_envs.rendering.lives import Life, Moment

WIDTH, HEIGHT = 1200, 672  # multiples of 16, as video encoders like them
MOST_STEPS: Final = 500  # of a longer session, the last ones are drawn
_LEFT, _RIGHT, _TOP, _BOTTOM = 128.0, 1164.0, 104.0, 548.0
_GAP: Final = 32.0
_LEAST_MARK: Final = 5.0  # radius below which shapes cannot be told apart
_NAMED: Final = 7  # groups in the legend
_LARGE, _MIDDLE, _SMALL = 32, 28, 25  # at 84 mm, a column of a paper, 25 pixels are 5 points
_EARNED, _LOST, _TIRED, _TIRED_AREA = "#0072B2", "#E69F00", "#D55E00", "#F6DCC9"


@dataclass(frozen=True)
class Panel:
    """One of the three stripes: its edges, and the values at them."""

    top: float
    bottom: float
    low: float = 0.0
    high: float = 1.0

    def y(self, value: float) -> float:
        """The height of a value, kept inside."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)


@dataclass(frozen=True)
class Columns:
    """The common horizontal axis: `count` steps, the first of them `first`."""

    first: int
    count: int

    def x(self, step: float) -> float:
        """The middle of a step's column; steps count from 1."""
        return _LEFT + (step - self.first + 0.5) * self.width

    @property
    def width(self) -> float:
        """Pixels between two steps."""
        return (_RIGHT - _LEFT) / self.count


def draw(life: Life, title: str, horizon: int, group_names: Sequence[str]) -> NDArray[np.uint8]:
    """One session as a picture, uint8 (HEIGHT, WIDTH, 3).

    group_names: name of each group of `Shown`, for the legend; groups beyond have a number for a name. Raises
    `ConfigurationError` where Pillow is not installed.
    """
    canvas = Canvas(WIDTH, HEIGHT)
    steps = len(life.moments)
    first = max(1, steps - MOST_STEPS + 1)
    columns = Columns(first, min(_round_up(steps - first + 1), max(horizon, 1), MOST_STEPS))
    items, rewards, fatigue = _panels(life, first)
    _axes(canvas, columns, rewards, fatigue)
    _fatigue(canvas, life, columns, fatigue)
    _rewards(canvas, life, columns, rewards)
    _items(canvas, life, columns, items)
    _end(canvas, life, columns)
    _heading(canvas, life, title, horizon)
    _legend(canvas, life, group_names)
    return canvas.pixels()


def _panels(life: Life, first: int) -> tuple[Panel, Panel, Panel]:
    """Heights: more for the items where slates are shown; the rest is shared by rewards and fatigue."""
    slots = life.slots
    height = 62.0 if slots == 1 else min(40.0 + 24.0 * slots, 190.0)
    rest = _BOTTOM - _TOP - height - 2 * _GAP
    earned = [moment.reward for moment in life.moments[first - 1 :]]
    low, high = _reach(-min(0.0, *earned, 0.0)), _reach(max(0.0, *earned, 0.0))
    top = _TOP + height + _GAP
    rewards = Panel(top, top + 0.54 * rest, 0.0 - low, high or (0.0 if low else 1.0))
    return Panel(_TOP, _TOP + height), rewards, Panel(rewards.bottom + _GAP, _BOTTOM)


def _axes(canvas: Canvas, columns: Columns, rewards: Panel, fatigue: Panel) -> None:
    for panel, name in ((rewards, "reward"), (fatigue, "fatigue")):
        for value in sorted({panel.low, 0.0, panel.high}):
            canvas.line([(_LEFT, panel.y(value)), (_RIGHT, panel.y(value))], INK if value == 0 else GRID)
            canvas.text(_LEFT - 12, panel.y(value), f"{value:.4g}", _SMALL, FAINT, "rm")
        canvas.sideways(24, (panel.top + panel.bottom) / 2, name, _MIDDLE)
    canvas.text((_LEFT + _RIGHT) / 2, _BOTTOM + 54, "step", _MIDDLE, INK, "mm")
    for step in _ticks(columns):
        canvas.line([(columns.x(step), _BOTTOM), (columns.x(step), _BOTTOM + 7)], INK)
        canvas.text(columns.x(step), _BOTTOM + 11, str(step), _SMALL, FAINT, "ma")


def _items(canvas: Canvas, life: Life, columns: Columns, panel: Panel) -> None:
    canvas.sideways(24, (panel.top + panel.bottom) / 2, "shown", _MIDDLE)
    row = (panel.bottom - panel.top) / life.slots
    wide, high = 0.42 * columns.width, 0.42 * row
    for step, moment in _visible(life, columns):
        for slot, item in enumerate(moment.shown):
            x, y = columns.x(step), panel.top + (slot + 0.5) * row
            if min(wide, high) < _LEAST_MARK:
                canvas.bar(x, y, wide, min(high, 17.0), item.group)
            else:
                canvas.mark(x, y, min(wide, high, 17.0), item.group)


def _rewards(canvas: Canvas, life: Life, columns: Columns, panel: Panel) -> None:
    half = max(0.36 * columns.width, 0.5)
    for step, moment in _visible(life, columns):
        if moment.reward:
            top, bottom = sorted((panel.y(moment.reward), panel.y(0.0)))
            color = _EARNED if moment.reward > 0 else _LOST
            canvas.box(columns.x(step) - half, top, columns.x(step) + half, bottom, color)


def _fatigue(canvas: Canvas, life: Life, columns: Columns, panel: Panel) -> None:
    start = life.fatigue if columns.first == 1 else life.moments[columns.first - 2].fatigue
    points = [(_LEFT, panel.y(start))]
    points += [(columns.x(step), panel.y(moment.fatigue)) for step, moment in _visible(life, columns)]
    canvas.area([(_LEFT, panel.bottom), *points, (points[-1][0], panel.bottom)], _TIRED_AREA)
    canvas.line([(_LEFT, panel.bottom), (_RIGHT, panel.bottom)], INK)
    canvas.dashes((_LEFT, panel.top), (_RIGHT, panel.top), FAINT)
    canvas.line(points, _TIRED, 3)


def _end(canvas: Canvas, life: Life, columns: Columns) -> None:
    """A line down from the cause, at the last step."""
    if not life.cause:
        return
    x = columns.x(len(life.moments) + 0.5)
    words = life.cause.replace("-", " ")
    text, color = (f"left: {words}", _TIRED) if life.left else (f"end: {words}", FAINT)
    text = canvas.fitted(text, _MIDDLE, _RIGHT - _LEFT)
    room = canvas.width(text, _MIDDLE) / 2
    canvas.line([(x, _TOP - 12), (x, _BOTTOM)], color, 2.5)
    canvas.text(min(max(x, _LEFT + room), _RIGHT - room), _TOP - 30, text, _MIDDLE, color, "mm")


def _heading(canvas: Canvas, life: Life, title: str, horizon: int) -> None:
    total = sum(moment.reward for moment in life.moments)
    state = f"step {len(life.moments)} of {horizon}, return {total:.4g}"
    canvas.text(WIDTH - 36, 32, state, _MIDDLE, INK, "rm")
    room = WIDTH - 36 - canvas.width(state, _MIDDLE) - 48 - 24
    canvas.text(24, 32, canvas.fitted(title, _LARGE, room), _LARGE, INK, "lm")


def _legend(canvas: Canvas, life: Life, group_names: Sequence[str]) -> None:
    """The most frequent groups by number, as many as find room in one line."""
    x, y = 24.0, HEIGHT - 28.0
    groups, drawn = life.groups(), 0
    for group in sorted(groups[:_NAMED]):
        name = group_names[group] if group < len(group_names) else f"group {group}"
        name = canvas.fitted(name, _SMALL, 230)
        wide = 34 + canvas.width(name, _SMALL)
        if x + wide > WIDTH - 60:
            break
        canvas.mark(x + 12, y, 11, group)
        canvas.text(x + 30, y, name, _SMALL)
        x += wide + 24
        drawn += 1
    if drawn < len(groups):
        canvas.text(x, y, "…", _SMALL, FAINT)


def _visible(life: Life, columns: Columns) -> Iterable[tuple[int, Moment]]:
    """(step, moment) of the steps that are drawn; steps count from 1."""
    return enumerate(life.moments[columns.first - 1 :], columns.first)


def _ticks(columns: Columns) -> list[int]:
    """Up to ten round step numbers."""
    gap = next(g for g in (1, 2, 5, 10, 20, 50, 100) if columns.count <= 10 * g)
    return [step for step in range(columns.first, columns.first + columns.count) if step % gap == 0]


def _round_up(steps: int) -> int:
    """Room for at least `steps` columns, in leaps, so that a film does not rescale at every step."""
    return next(n for n in (20, 30, 50, 75, 100, 150, 200, 300, 400, MOST_STEPS) if steps <= n)


def _reach(value: float) -> float:
    """The least of 1, 2, 2.5, 4, 5, 6, 8 and 10 times a power of ten that is not below `value`; 0 for 0."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 2.5, 4, 5, 6, 8, 10) if value <= m * power * (1 + 1e-9))
