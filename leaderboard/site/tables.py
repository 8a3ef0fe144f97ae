"""What a section's table shows: its columns, its scale, its bands of tiers, its rows, and those that are read later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from leaderboard.metrics import SCORE
from leaderboard.schema import Row, canonical_json
from leaderboard.site import cells, geometry, text
from leaderboard.site.costs import COSTS
from leaderboard.site.page import Page
from leaderboard.site.scale import Scale

if TYPE_CHECKING:
    from leaderboard.board.model import Entry, Section

MAIN: Final = ("R_traj", "Len", "R_each")
"""Metrics that stand first; the others are a choice away."""
TONES: Final = 6  # --t0 to --t5 in site.css
CHUNK: Final = 250
"""Rows of one data file."""
_LAST: Final = 999_999
"""What stands for no tier where rows are sorted."""


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

    @property
    def costs(self) -> list[str]:
        """Headings of the measures of cost."""
        return [cost.title for cost in COSTS.values()]

    @property
    def columns(self) -> int:
        """How many columns the table has."""
        return 6 + len(self.main) + (1 + len(self.more) + len(COSTS) if self.full else 0)

    def line(self, entry: Entry, root: str) -> Markup:
        """One row. `root` leads to the site's first folder."""
        row, lead = entry.row, self.section.lead
        parts = [
            self._name(entry, root),
            cells.tier(row.tier),
            cells.measured(lead, row),
            cells.bar(row.metrics.get(lead), row.tier, self.scale),
            *([cells.rank(row.rank, "g-main")] if self.full else []),
            *(cells.measured(metric, row, "g-main") for metric in self.main),
            self._ends(row),
        ]
        if self.full:
            parts += [cells.measured(metric, row, "g-more") for metric in self.more]
            parts += [cells.cost(cost.of(row), cost.write) for cost in COSTS.values()]
        parts.append(Markup(f'<td data-v="{row.badge}">{cells.badge(row.badge)}</td>'))
        tier = _LAST if row.tier is None else row.tier
        start = f'<tr class="{self._place(entry)}" data-tier="{tier}" data-badge="{row.badge}">'
        return Markup("\n".join([start, *parts, "</tr>"]))

    def _place(self, entry: Entry) -> str:
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

    def _name(self, entry: Entry, root: str) -> Markup:
        """The agent, with what tells the entry from others of the same name."""
        row, detail = entry.row, ""
        if rest := text.other_parameters(row.parameters):
            detail = text.settings(rest, 60)
        elif entry.label != text.called(row.agent, row.parameters):
            detail = text.plain(row.version, 60)
        small = f"<small><bdi>{escape(detail)}</bdi></small>" if detail else ""
        label = escape(text.plain(entry.label.lower()))
        return Markup(f'<th scope="row" data-v="{label}">{cells.agent_link(entry, root)}{small}</th>')

    def _ends(self, row: Row) -> Markup:
        """How the sessions of a row ended: a bar, and all of it in words; sorts by the share that stayed."""
        shares = {cause: row.departures.get(cause, 0.0) for cause in self.tones}
        stack = zip(self.tones.values(), geometry.stack(list(shares.values()), 72), strict=True)
        bars = "".join(f'<rect class="{tone}" x="{x}" width="{w}" height="12"/>' for tone, (x, w) in stack if w > 0)
        told = ", ".join(f"{text.plain(cause, 40)} {text.percent(share)}" for cause, share in shares.items() if share)
        stayed = sum(row.departures.get(cause, 0.0) for cause in row.stays)
        return Markup(
            f'<td class="ends g-main" data-v="{stayed}"><svg viewBox="0 0 72 12" width="72" height="12" role="img" '
            f'aria-label="{escape(told)}">{bars}</svg></td>'
        )


def late_rows(frame: Frame, name: str, root: str, shown: int) -> Iterator[Page]:
    """Data files of the rows that the page itself does not hold, `CHUNK` in each.

    A file is a script, so that pages need no server to read it: it hands the rows, as HTML, to `longrec.rows`.
    """
    section = frame.section
    entries = section.ranked[shown:]
    for n, start in enumerate(range(0, len(entries), CHUNK), 1):
        chosen = entries[start : start + CHUNK]
        inputs = [section.key, section.id, start, root]
        yield Page(f"data/{name}-{n}.js", inputs, partial(_chunk, chosen, frame, root))


def _chunk(entries: Sequence[Entry], frame: Frame, root: str) -> str:
    html = "".join(frame.line(entry, root) for entry in entries)
    return f"longrec.rows({script_json(frame.section.id)}, {script_json(html)});\n"


def script_json(value: Any) -> str:
    """JSON as a part of a script file, in which line separators end strings."""
    return canonical_json(value).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
