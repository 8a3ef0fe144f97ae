"""The board where there is no site: Markdown for GitHub, and one SVG picture for READMEs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from leaderboard.metrics import SCORE
from leaderboard.schema import Row
from leaderboard.site import geometry, text
from leaderboard.site.geometry import Axis
from leaderboard.site.page import templates

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Entry, Section

MOST: Final = 40
"""Agents of each table, the first by tier, that Markdown and picture show; the site has all."""
_PANEL: Final = 430  # width of one environment in the picture


def markdown(board: Board) -> str:
    """`LEADERBOARD.md`: one table an environment, as GitHub shows it."""
    return templates().get_template("leaderboard.md.j2").render(board=board, shown=shown, value=_value)


def picture(board: Board) -> str:
    """An SVG of the board's main figure: every agent's score with its interval, one panel an environment."""
    sections = board.sections
    tallest = max((len(shown(section)) for section in sections), default=0)
    template = templates().get_template("picture.svg.j2")
    return template.render(
        sections=sections, panel=_PANEL, tallest=tallest, shown=shown, axis=section_axis, mark=geometry.mark
    )


def shown(section: Section) -> tuple[Entry, ...]:
    """The entries of a section that have room: the first by tier, and those that read hidden state."""
    return section.ranked[:MOST] + section.apart[:MOST]


def section_axis(section: Section, start: float, stop: float) -> Axis:
    """The scale of a section's leading metric, from pixel `start` to pixel `stop`."""
    estimates = [entry.row.metrics.get(section.lead) for entry in section.entries]
    return geometry.axis(estimates, start, stop, score=section.lead == SCORE.name)


def _value(metric: str, row: Row) -> str:
    """A cell: a figure and its interval."""
    found = row.metrics.get(metric)
    if found is None:
        return f" {text.ABSENT}"
    range_ = text.interval(metric, found)
    return f" {text.figure(metric, found.value)}" + (f" ({range_})" if range_ else "")
