"""What a section's table shows: its columns, its scale, its bands of tiers, and rows that are read later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from leaderboard.metrics import SCORE
from leaderboard.schema import Row, canonical_json
from leaderboard.site import geometry, text
from leaderboard.site.costs import COSTS
from leaderboard.site.page import Page, templates
from leaderboard.site.scale import Scale

if TYPE_CHECKING:
    from leaderboard.board.model import Entry, Section

MAIN: Final = ("R_traj", "Len", "R_each")
"""Metrics that stand first; the others are a choice away."""
TONES: Final = 6  # --t0 to --t5 in site.css
CHUNK: Final = 250
"""Rows of one data file."""


@dataclass(frozen=True)
class Ends:
    """Causes of sessions' ends as a bar: (tone, start, width) each, the share that stayed, and all of it in words."""

    bars: list[tuple[str, float, float]]
    stayed: float
    text: str


@dataclass(frozen=True, eq=False)
class Frame:
    """What all rows of one section's table share. `full` has every metric and cost, else the few of the first page."""

    section: Section
    full: bool

    @cached_property
    def main(self) -> list[str]:
        """The metrics beside the leading one."""
        names = MAIN if self.full else MAIN[:2]
        return [name for name in names if name in self.section.metrics and name != self.section.lead]

    @cached_property
    def more(self) -> list[str]:
        """All other metrics."""
        return [name for name in self.section.metrics if name not in (*MAIN, self.section.lead)]

    @cached_property
    def scale(self) -> Scale:
        """The scale of the leading metric."""
        lead = self.section.lead
        found = [(entry.row.tier, entry.row.metrics.get(lead)) for entry in self.section.entries]
        return Scale.of(found, score=lead == SCORE.name)

    @cached_property
    def tones(self) -> dict[str, str]:
        """The tone of each cause of an end."""
        left = [cause for cause in self.section.causes if cause not in self.section.stays]
        stays = {cause: "stay" for cause in self.section.causes if cause in self.section.stays}
        return {cause: f"t{n % TONES}" for n, cause in enumerate(left)} | stays

    def classes(self, entry: Entry) -> str:
        """Where a row stands in its tier: not the first (same), not the last (within)."""
        before, after = self._neighbours[entry.id]
        words = [w for w, tier in (("same", before), ("within", after)) if tier == entry.row.tier is not None]
        return " ".join(words)

    @cached_property
    def _neighbours(self) -> dict[str, tuple[int | None, int | None]]:
        ranked = self.section.ranked
        tiers = [None, *(entry.row.tier for entry in ranked), None]
        found = {entry.id: (tiers[n], tiers[n + 2]) for n, entry in enumerate(ranked)}
        return found | {entry.id: (None, None) for entry in self.section.apart}

    def detail(self, entry: Entry) -> str:
        """What tells an entry from others of the same name."""
        if entry.row.parameters:
            return text.settings(entry.row.parameters, 60)
        return "" if entry.label == entry.row.agent else text.plain(entry.row.version, 60)

    def ends(self, row: Row) -> Ends:
        """How the sessions of a row ended."""
        names = list(self.tones)
        shares = [row.departures.get(name, 0.0) for name in names]
        parts = geometry.stack(shares, 72)
        bars = [(self.tones[name], x, width) for name, (x, width) in zip(names, parts, strict=True) if width > 0]
        told = ", ".join(f"{text.plain(n, 40)} {text.percent(s)}" for n, s in zip(names, shares, strict=True) if s)
        return Ends(bars, sum(row.departures.get(cause, 0.0) for cause in row.stays), told)

    def costs(self, row: Row) -> list[tuple[str, float | None, str]]:
        """What a row cost: heading, figure and its text."""
        found = [(cost.title, cost.of(row), cost.write) for cost in COSTS.values()]
        return [(title, value, "" if value is None else write(value)) for title, value, write in found]

    def columns(self, full: bool) -> int:
        """How many columns the table has."""
        return 6 + len(self.main) + (1 + len(self.more) + len(COSTS) if full else 0)


def late_rows(section: Section, frame: Frame, name: str, root: str, shown: int) -> Iterator[Page]:
    """Data files of the rows that the page itself does not hold, `CHUNK` in each.

    A file is a script, so that pages need no server to read it: it hands the rows, as HTML, to `longrec.rows`.
    """
    entries = section.ranked[shown:]
    for n, start in enumerate(range(0, len(entries), CHUNK), 1):
        chosen = entries[start : start + CHUNK]
        inputs = [section.key, section.id, start, root]
        yield Page(f"data/{name}-{n}.js", inputs, partial(_chunk, chosen, section, frame, root))


def _chunk(entries: Sequence[Entry], section: Section, frame: Frame, root: str) -> str:
    macros: Any = templates().get_template("table.html.j2").module
    html = "".join(str(macros.line(entry, section, frame, root, frame.full)) for entry in entries)
    return f"longrec.rows({script_json(section.id)}, {script_json(html)});\n"


def script_json(value: Any) -> str:
    """JSON as a part of a script file, in which line separators end strings."""
    return canonical_json(value).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
