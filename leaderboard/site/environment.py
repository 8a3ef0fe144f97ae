"""The page of one environment in one suite: its agents, how they keep people, and what the environment asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from leaderboard.schema import Row
from leaderboard.site import geometry
from leaderboard.site.about import about
from leaderboard.site.charts import LINES, Chart, Line, chart
from leaderboard.site.learning import learning_charts
from leaderboard.site.page import Page, html_page
from leaderboard.site.pareto import paretos
from leaderboard.site.tables import Frame, late_rows

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Entry, Section

SHOWN: Final = 100
"""Agents that the page itself holds; the rest is read when it is asked for."""


def environment_pages(board: Board) -> Iterator[Page]:
    """One page a section, with its data files."""
    for section in board.sections:
        inputs = [section.key, section.id, about(section.first.env_id).key]
        name = f"environments/{section.id}.html"
        yield html_page(name, inputs, "environment.html.j2", partial(_values, section))
        yield from late_rows(Frame(section, full=True), section.id, "../", SHOWN)


def _values(section: Section) -> dict[str, Any]:
    frame = Frame(section, full=True)
    later = [f"../{page.name}" for page in late_rows(frame, section.id, "../", SHOWN)]
    drawn = chosen(section)
    left_out = len(section.entries) - len(drawn)
    note = f"The first {len(drawn)} by tier and the bounds; {left_out} more are not drawn." if left_out else ""
    return {
        "section": section,
        "frame": frame,
        "entries": section.ranked[:SHOWN],
        "later": later,
        "about": about(section.first.env_id),
        "retention": retention(drawn, note),
        "rewards": reward_curves(drawn, note),
        "paretos": paretos(section),
        "learning": learning_charts(drawn),
        "drawn": drawn,
    }


def chosen(section: Section) -> list[Entry]:
    """The entries that plots show: the first by tier, the random agent, and those that read hidden state."""
    bottom = [entry for entry in section.ranked[LINES:] if entry.row.agent == "random"]
    return [*section.ranked[:LINES], *bottom[:1], *section.apart[:2]]


def _lines(entries: Sequence[Entry], of: Callable[[Row], Sequence[float]], first: int) -> list[Line]:
    """A line for each entry; `of` gives its values at step `first`, `first + 1`, ..."""
    lines: list[Line] = []
    for entry in entries:
        ys = of(entry.row)
        style = None if entry.row.privileged else len(lines)
        lines.append(Line(entry.label, range(first, first + len(ys)), ys, style, f"../agents/{entry.agent_id}.html"))
    return lines


def retention(entries: Sequence[Entry], note: str = "") -> Chart | None:
    """Share of sessions that kept each step."""
    last = _last([entry.row.curve for entry in entries])
    return chart(
        "Retention",
        "Share of sessions that kept each step.",
        "step",
        "share of sessions",
        _lines(entries, lambda row: (1.0, *row.curve[:last]), 0),
        x_ticks=(0, *(t for t in geometry.step_ticks(last) if t)),
        y_ticks=(0, 0.25, 0.5, 0.75, 1),
        y_range=(0, 1),
        note=note,
        percent=True,
    )


def _last(curves: Sequence[Sequence[float]]) -> int:
    """The last step at which any curve is not 0: beyond it there is nothing to see. At least 1."""
    return max((n for curve in curves for n, value in enumerate(curve, 1) if value), default=1)


def reward_curves(entries: Sequence[Entry], note: str = "") -> Chart | None:
    """Mean reward at each step, sessions that are over counting 0."""
    told = [entry for entry in entries if entry.row.reward_curve]
    values = [value for entry in told for value in entry.row.reward_curve]
    if not values:
        return None
    low, high = min(0.0, *values), 1.05 * max(values) or 1.0
    last = _last([entry.row.reward_curve for entry in told])
    return chart(
        "Reward within the horizon",
        "Mean reward at each step over all sessions; one that is over counts 0. What is lost early shows later.",
        "step",
        "mean reward",
        _lines(told, lambda row: row.reward_curve[:last], 1),
        x_ticks=(0, *(t for t in geometry.step_ticks(last) if t)),
        y_ticks=geometry.round_ticks(low, high),
        y_range=(low, high),
        note=note,
    )
