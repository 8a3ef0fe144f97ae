"""What the board shows where: rows grouped into suites and environments, ordered, and told apart or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from leaderboard.metrics import METRICS, SCORE
from leaderboard.schema import Estimate, Row, canonical_json, json_hash
from leaderboard.site.geometry import Axis, axis
from leaderboard.site.text import plain, settings

FIRST: Final = (SCORE.name, "R_traj", "Len", "R_each", "coverage", "repeats")
"""Metrics in the board's order; those that join the registry later follow."""
COLOURS: Final = 10  # --c0 to --c9 in style.css
TONES: Final = 6  # --t0 to --t5 in style.css


@dataclass(frozen=True)
class Entry:
    """One row with its place on the page: a unique anchor, a colour (None for rows apart) and a dash pattern.

    `overlaps` names the rows of the same section that this row's interval does not tell it apart from.
    """

    row: Row
    id: str
    label: str
    colour: int | None
    dash: int
    overlaps: tuple[str, ...]


@dataclass(frozen=True)
class Cause:
    """Why sessions end, and the tone it is drawn in: the same all over the board, `stay` where the user stayed."""

    name: str
    tone: str


@dataclass(frozen=True)
class Section:
    """Rows that may be compared: one suite hash (so one track), one task, one world hash, one log hash.

    `lead` is the metric that orders them: the score, or R_traj where no row has a score. `ranked` are in its
    order; `apart` read hidden state. `metrics` are the columns; `causes` the ends that occur, most frequent first.
    """

    id: str
    first: Row
    lead: str
    ranked: tuple[Entry, ...]
    apart: tuple[Entry, ...]
    metrics: tuple[str, ...]
    causes: tuple[Cause, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All rows, those that read hidden state last."""
        return self.ranked + self.apart

    @property
    def title(self) -> str:
        """The environment's id without its namespace."""
        return self.first.env_id.rpartition("/")[2]


@dataclass(frozen=True)
class SuitePart:
    """The sections of one suite hash."""

    first: Row
    sections: tuple[Section, ...]


def board(rows: Iterable[Row]) -> tuple[SuitePart, ...]:
    """Arrange `rows`, whatever their order, always in the same way."""
    ordered = sorted(rows, key=_place)
    styles, tones = _styles(ordered), _tones(ordered)
    parts = []
    for _, of_suite in groupby(ordered, lambda row: (row.suite, row.suite_hash)):
        tasks = groupby(of_suite, _section_key)
        sections = tuple(_section(key, list(members), styles, tones) for key, members in tasks)
        parts.append(SuitePart(sections[0].first, sections))
    return tuple(parts)


def ordered_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows in the order of the board, as its files list them."""
    return [entry.row for part in board(rows) for section in part.sections for entry in section.entries]


def meaning(metric: str) -> str:
    """A metric's definition: its title and text in the registry."""
    entry = SCORE if metric == SCORE.name else METRICS.get(metric)
    return " ".join(entry.text.split()) if entry else ""


def section_axis(section: Section, start: float, stop: float) -> Axis:
    """The scale of a section's leading metric, from pixel `start` to pixel `stop`."""
    estimates = [entry.row.metrics.get(section.lead) for entry in section.entries]
    return axis(estimates, start, stop, score=section.lead == SCORE.name)


def _section_key(row: Row) -> tuple[Any, ...]:
    log = (row.log.sha256,) if row.log else ()
    return row.suite, row.suite_hash, row.task, row.env_id, canonical_json(row.options), row.world.sha256, *log


def _identity(row: Row) -> tuple[str, str, str]:
    return row.agent, canonical_json(row.parameters), row.version


def _place(row: Row) -> tuple[Any, ...]:
    return *_section_key(row), *_identity(row), canonical_json(row.model_dump(mode="json"))


def _styles(rows: Sequence[Row]) -> dict[tuple[str, str, str], tuple[int | None, int]]:
    """A colour and a dash for each agent, the same wherever it occurs on the board."""
    agents = dict.fromkeys(sorted(_identity(row) for row in rows if not row.privileged))
    return {agent: (n % COLOURS, n // COLOURS) for n, agent in enumerate(agents)}


def _tones(rows: Sequence[Row]) -> dict[str, Cause]:
    stay = {cause for row in rows for cause in row.stays}
    left = sorted({cause for row in rows for cause in row.departures} - stay)
    tones = {cause: Cause(cause, f"t{n % TONES}") for n, cause in enumerate(left)}
    return {**tones, **{cause: Cause(cause, "stay") for cause in stay}}


def _section(
    key: tuple[Any, ...], rows: list[Row], styles: dict[Any, tuple[int | None, int]], tones: dict[str, Cause]
) -> Section:
    lead = SCORE.name if any(SCORE.name in row.metrics for row in rows) else "R_traj"
    rows = sorted(rows, key=lambda row: _descending(row.metrics.get(lead)))  # stable: ties stay in the order of names
    labels = _labels(rows)
    id_ = f"{plain(rows[0].env_id.rpartition('/')[2])}-{json_hash(list(key))[:8]}"
    entries = []
    for n, row in enumerate(rows):
        others = [m for m in range(len(rows)) if m != n and not rows[m].privileged]
        same = () if row.privileged else tuple(labels[m] for m in others if not _separate(row, rows[m], lead))
        colour, dash = (None, 0) if row.privileged else styles[_identity(row)]
        entries.append(Entry(row, f"{id_}-{n + 1}", labels[n], colour, dash, same))
    found = {name for row in rows for name in row.metrics}
    known = [name for name in (*FIRST, *METRICS) if name in found]
    return Section(
        id=id_,
        first=rows[0],
        lead=lead,
        ranked=tuple(e for e in entries if not e.row.privileged),
        apart=tuple(e for e in entries if e.row.privileged),
        metrics=tuple(dict.fromkeys([*known, *sorted(found)])),
        causes=tuple(tones[cause] for cause in _causes(rows)),
    )


def _descending(estimate: Estimate | None) -> tuple[bool, float]:
    return estimate is None, -estimate.value if estimate else 0.0


def _labels(rows: Sequence[Row]) -> list[str]:
    """The shortest of agent, parameters and folder that names each row of a section."""
    names = [row.agent for row in rows]
    full = [f"{row.agent} ({settings(row.parameters, 60)})" if row.parameters else row.agent for row in rows]
    last = [f"{label} [{plain(row.version, 60)}]" for label, row in zip(full, rows, strict=True)]
    choices = zip(names, full, last, strict=True)
    return [a if names.count(a) == 1 else b if full.count(b) == 1 else c for a, b, c in choices]


def _separate(a: Row, b: Row, lead: str) -> bool:
    """Whether the intervals of two rows lie apart. A row without an interval is told apart from nothing."""
    ranges = [_range(row.metrics.get(lead), lead) for row in (a, b)]
    if ranges[0] is None or ranges[1] is None:
        return False
    return ranges[0][1] < ranges[1][0] or ranges[1][1] < ranges[0][0]


def _range(estimate: Estimate | None, lead: str) -> tuple[float, float] | None:
    if estimate is None:
        return None
    if estimate.low is not None and estimate.high is not None:
        return estimate.low, estimate.high
    # The scale's ends are exact: the other rows' intervals already hold the anchors' own variation.
    exact = lead == SCORE.name and estimate.value in (0.0, 1.0)
    return (estimate.value, estimate.value) if exact else None


def _causes(rows: Sequence[Row]) -> list[str]:
    """Causes of departure, most frequent first; those that are none, because the user stayed, last."""
    stay = {cause for row in rows for cause in row.stays}
    total: dict[str, float] = {}
    for row in rows:
        for cause, share in row.departures.items():
            total[cause] = total.get(cause, 0.0) + share
    return sorted(total, key=lambda cause: (cause in stay, -total[cause], cause))
