"""The page of a suite: its agents over all of its environments, their performance profiles, and who did what where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from leaderboard.site.charts import LINES, Chart, Line, chart
from leaderboard.site.page import Page, html_page
from leaderboard.site.results import by_agent
from leaderboard.site.scale import Scale

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Standing, SuiteBoard

FIRST: Final = 12
"""Standings that the first page shows."""


def suite_pages(board: Board) -> Iterator[Page]:
    """One page for each suite of two environments and more."""
    for suite in board.suites:
        if suite.standings:
            name = f"{address(suite)}.html"
            yield html_page(name, [suite.key, suite.name], "suite.html.j2", partial(_values, suite))


def address(suite: SuiteBoard) -> str:
    """Where the page of a suite is, from the site's first folder and without its ending."""
    return f"suites/{suite.name}-{suite.hash[:8]}"


def standings_scale(standings: Sequence[Standing]) -> Scale:
    """The scale of interquartile means."""
    return Scale.of([(s.tier, s.aggregate.iqm) for s in standings], score=True)


def _values(suite: SuiteBoard) -> dict[str, Any]:
    agents = by_agent(suite.sections, [section.first.task for section in suite.sections])
    return {
        "suite": suite,
        "agents": agents if any(agent.missing for agent in agents) else [],
        "standings": suite.standings,
        "scale": standings_scale(suite.standings),
        "profile": profiles(suite.standings),
    }


def profiles(standings: Sequence[Standing]) -> Chart | None:
    """Performance profiles (Agarwal et al. 2021): the share of runs whose score is above tau, for each tau."""
    competing = [s for s in standings if s.tier is not None][:LINES]
    lines = [
        Line(
            label=s.entries[0].label,
            xs=s.profile.at,
            ys=s.profile.share,
            style=n,
            href=f"../agents/{s.entries[0].agent_id}.html",
            band=list(zip(s.profile.low or (), s.profile.high or (), strict=True)),
        )
        for n, s in enumerate(competing)
    ]
    if not lines:
        return None
    low, high = lines[0].xs[0], lines[0].xs[-1]
    ticks = [low, *(t for t in (0.0, 0.25, 0.5, 0.75, 1.0) if low < t < high), high]
    left_out = sum(s.tier is not None for s in standings) - len(lines)
    return chart(
        "Performance profiles",
        "Share of runs (an environment under a training seed) whose score is above each threshold.",
        "normalised score",
        "share of runs above it",
        lines,
        x_ticks=ticks,
        y_ticks=(0, 0.25, 0.5, 0.75, 1),
        y_range=(0, 1),
        note=f"The first {len(lines)} by tier; {left_out} more are not drawn." if left_out else "",
        percent=True,
    )
