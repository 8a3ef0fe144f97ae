"""The first page: every suite and environment, with the first agents of each table and a filter over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from leaderboard.site.page import Page, html_page
from leaderboard.site.suite import FIRST, address, standings_scale
from leaderboard.site.tables import Frame, late_rows

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Section

SHOWN: Final = 12
"""Agents of each table on the first page; the rest is read when it is asked for, so that the page opens at once."""


def index_pages(board: Board) -> Iterator[Page]:
    """The page and its data files."""
    inputs = [board.key, [section.id for section in board.sections]]
    yield html_page("index.html", inputs, "index.html.j2", lambda: _values(board))
    for section in board.sections:
        yield from late_rows(Frame(section, full=False), f"index-{section.id}", "", SHOWN)


def _values(board: Board) -> dict[str, Any]:
    suites = [
        {
            "suite": suite,
            "address": address(suite),
            "shown": suite.standings[:FIRST],
            "scale": standings_scale(suite.standings),
            "tables": [_table(section) for section in suite.sections],
        }
        for suite in board.suites
    ]
    rows = [entry.row for section in board.sections for entry in section.entries]
    choices = {
        "suite": sorted({row.suite for row in rows}),
        "track": sorted({row.track for row in rows}),
        "environment": sorted({section.title for section in board.sections}),
        "badge": sorted({row.badge for row in rows}),
    }
    return {"suites": suites, "choices": choices, "reported": board.reported}


def _table(section: Section) -> tuple[Any, ...]:
    frame = Frame(section, full=False)
    later = [page.name for page in late_rows(frame, f"index-{section.id}", "", SHOWN)]
    return section, frame, section.ranked[:SHOWN], later
