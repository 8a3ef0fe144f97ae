"""The page that compares two agents on the same users: a shell, and one data file a section with what it may show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leaderboard.site import text
from leaderboard.site.page import Page, html_page
from leaderboard.site.tables import script_json

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Entry, Section
    from leaderboard.stats import Pairs

MOST: Final = 100
"""Agents of a section, the first by tier, that can be chosen here; every two of them are in the section's file."""
_POINTS: Final = 100  # of a retention curve


def compare_pages(board: Board) -> Iterator[Page]:
    """The page and its data files."""
    listed = [
        {"id": section.id, "title": section.title, "suite": section.first.suite, "more": len(section.ranked) > MOST}
        for section in board.sections
        if len(section.entries) > 1
    ]
    yield html_page("compare.html", listed, "compare.html.j2", lambda: {"listed": listed, "most": MOST})
    for section in board.sections:
        if len(section.entries) > 1:
            yield Page(f"data/pairs-{section.id}.js", [section.key, section.id], partial(_file, section))


def _file(section: Section) -> str:
    return f"compare.section({script_json(section.id)}, {script_json(_data(section))});\n"


def _data(section: Section) -> dict[str, Any]:
    kept = [n for n, entry in enumerate(section.entries) if n < MOST or entry.row.privileged]
    entries = [section.entries[n] for n in kept]
    return {
        "lead": section.lead,
        "agents": [_agent(entry, section) for entry in entries],
        "metrics": [_metric(section, name, kept) for name in section.metrics],
        "causes": [text.plain(cause, 40) for cause in section.causes],
        "horizon": len(section.first.curve),
    }


def _agent(entry: Entry, section: Section) -> dict[str, Any]:
    row = entry.row
    stride = max(1, math.ceil(len(row.curve) / _POINTS))
    return {
        "id": entry.id,
        "page": f"agents/{entry.agent_id}.html",
        "label": text.plain(entry.label) + (" (reads hidden state)" if row.privileged else ""),
        "tier": row.tier,
        "figures": [_figure(entry, name) for name in section.metrics],
        "curve": [[n + 1, round(row.curve[n], 3)] for n in range(0, len(row.curve), stride)],
        "ends": [round(row.departures.get(cause, 0.0), 4) for cause in section.causes],
    }


def _figure(entry: Entry, name: str) -> list[str]:
    found = entry.row.metrics.get(name)
    return [text.ABSENT, ""] if found is None else [text.figure(name, found.value), text.interval(name, found)]


def _metric(section: Section, name: str, kept: Sequence[int]) -> dict[str, Any]:
    pairs = section.pairs.get(name)
    told = {"name": name, "title": text.title(name), "percent": text.is_share(name)}
    competes = [name == section.lead and not section.entries[n].row.privileged for n in kept]
    return told if pairs is None else told | {"pairs": _triangle(pairs, kept, competes)}


def _triangle(pairs: Pairs, kept: Sequence[int], competes: Sequence[bool]) -> list[list[Any]]:
    """For entry i and each j < i: difference, low and high of i less j, and whether all comparisons tell them apart.

    None stands where a figure is undefined, 0 and 1 for whether they are told apart; -1 where that was not asked.
    """
    parts = [np.asarray(part)[np.ix_(kept, kept)] for part in (pairs.value, pairs.low, pairs.high)]
    both = np.logical_and.outer(competes, competes)
    separate = np.where(both, np.asarray(pairs.separate)[np.ix_(kept, kept)], -1)
    return [
        [[*(_short(part[i, j]) for part in parts), int(separate[i, j])] for j in range(i)] for i in range(len(kept))
    ]


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
