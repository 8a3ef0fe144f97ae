"""The page that compares two agents on the same users: a shell, a data file a section, and one for each of its agents.

What a pair differs by is computed in the browser (`paired.js`), from what both earned with each user: so any two of a
thousand agents can be chosen, and whoever joins leaves the files of others as they are.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from leaderboard.site import text
from leaderboard.site.page import Page, html_page
from leaderboard.site.tables import script_json

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Entry, Section
    from leaderboard.stats import Pairs

RETURN: Final = "R_traj"
"""The metric that agents are told apart by, times the scale of their section."""
_POINTS: Final = 100  # of a retention curve
_KINDS: Final = ("u1", "<u2", "<f4")
"""How numbers are packed: the smallest that holds them exactly, else single precision."""


def compare_pages(board: Board) -> Iterator[Page]:
    """The page and its data files."""
    sections = [section for section in board.sections if len(section.entries) > 1]
    listed = [{"id": section.id, "title": section.title, "suite": section.first.suite} for section in sections]
    yield html_page("compare.html", listed, "compare.html.j2", lambda: {"listed": listed})
    for section in sections:
        yield Page(f"data/pairs-{section.id}.js", [section.key, section.id], partial(_section_file, section))
        for entry in section.entries:
            inputs = [entry.own, section.metrics, section.causes]
            yield Page(f"data/agent-{entry.id}.js", inputs, partial(_agent_file, entry, section))


def _section_file(section: Section) -> str:
    return f"compare.section({script_json(section.id)}, {script_json(_section(section))});\n"


def _agent_file(entry: Entry, section: Section) -> str:
    return f"compare.agent({script_json(entry.id)}, {script_json(_agent(entry, section))});\n"


def _section(section: Section) -> dict[str, Any]:
    return {
        "lead": section.lead,
        "scale": section.scale,
        "agents": [_named(entry) for entry in section.entries],
        "metrics": [_metric(section, name) for name in section.metrics],
        "causes": [text.plain(cause, 40) for cause in section.causes],
        "horizon": len(section.first.curve),
        "separate": _separate(section),
    }


def _named(entry: Entry) -> dict[str, Any]:
    label = text.plain(entry.label) + (" (reads hidden state)" if entry.row.privileged else "")
    return {"id": entry.id, "page": f"agents/{entry.agent_id}.html", "label": label, "tier": entry.row.tier}


def _metric(section: Section, name: str) -> dict[str, Any]:
    told = {"name": name, "title": text.title(name), "percent": text.is_share(name)}
    pairs = None if name == section.lead else section.pairs.get(name)
    return told if pairs is None else told | {"pairs": _triangle(pairs)}


def _triangle(pairs: Pairs) -> list[list[Any]]:
    """For entry i and each j < i: difference, low and high of i less j; None where a figure is undefined."""
    parts = [np.asarray(part) for part in (pairs.value, pairs.low, pairs.high)]
    return [[[_short(part[i, j]) for part in parts] for j in range(i)] for i in range(len(parts[0]))]


def _separate(section: Section) -> str:
    """Whether all comparisons together tell i and j apart, a bit for each j < i of those who compete, row by row."""
    pairs, count = section.pairs.get(section.lead), len(section.ranked)
    if pairs is None:
        return ""
    bits = np.asarray(pairs.separate)[np.tril_indices(count, -1)]
    return b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()


def _agent(entry: Entry, section: Section) -> dict[str, Any]:
    """Figures, how sessions end, and of each training seed and user the sum of returns and the number of sessions."""
    row = entry.row
    stride = max(1, math.ceil(len(row.curve) / _POINTS))
    found: dict[str, Any] = {
        "figures": [_figure(entry, name) for name in section.metrics],
        "curve": [[n + 1, round(row.curve[n], 3)] for n in range(0, len(row.curve), stride)],
        "ends": [round(row.departures.get(cause, 0.0), 4) for cause in section.causes],
    }
    if entry.summary is not None:
        (sums,) = entry.summary.sums(entry.task, [RETURN])
        found |= {"shape": sums.numerator.shape, "sums": _packed(sums.numerator), "counts": _packed(sums.denominator)}
    return found


def _packed(values: NDArray[np.float64]) -> list[str]:
    """Type and bytes of numbers; one number alone where all are the same."""
    some = values[:1, :1] if values.size and (values == values[0, 0]).all() else values
    with np.errstate(all="ignore"):
        kind = next((kind for kind in _KINDS if np.array_equal(some.astype(kind), some)), _KINDS[-1])
    return [kind.lstrip("<"), b64encode(some.astype(kind).tobytes()).decode()]


def _figure(entry: Entry, name: str) -> list[str]:
    found = entry.row.metrics.get(name)
    return [text.ABSENT, ""] if found is None else [text.figure(name, found.value), text.interval(name, found)]


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
