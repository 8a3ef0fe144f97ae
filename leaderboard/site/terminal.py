"""The board in a terminal: one table an environment, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table
from rich.text import Text

from leaderboard.schema import Row
from leaderboard.site import geometry
from leaderboard.site.readme import section_axis
from leaderboard.site.text import ABSENT, figure, interval, log, percent, plain, track, trained

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Entry, Section

_BAR = 24  # characters
_WITH_BARS, _WITH_ENDS, _WITH_TRAINING = 118, 104, 84  # narrowest terminals that hold these columns


class TerminalBoard:
    """What `rich` prints: a table for each suite and environment. Strangers' texts are never read as markup."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Tables with as many of the less important columns as fit."""
        for section in self._board.sections:
            yield _table(section, options.max_width)
            yield Text()
        if self._board.sections:
            yield Text("Agents of one tier are not told apart; inside a tier they stand by name.", "dim")
            yield Text("*: reads hidden state; a bound, not a competitor.", "dim")
        else:
            yield Text("No submissions yet.", "dim")


def terminal_table(board: Board) -> TerminalBoard:
    """The board as a renderable: `rich.console.Console().print(terminal_table(board))`."""
    return TerminalBoard(board)


def _table(section: Section, width: int) -> Table:
    first = section.first
    world = "users and items drawn" if first.world.name == "none" else f"world {plain(first.world.name, 30)}"
    about = ", ".join(part for part in (f"  {first.suite}", track(first), world, log(first)) if part)
    title = Text.assemble((section.title, "bold"), (about, "dim"))
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    cells = [dict(_cells(entry, section, width)) for entry in section.entries]
    for label in cells[0]:
        justify: JustifyMethod = "left" if label in ("agent", "mostly ends by", _scale(section)) else "right"
        table.add_column(Text(label), justify=justify, no_wrap=True, max_width=34)
    for entry, of_row in zip(section.entries, cells, strict=True):
        table.add_row(*of_row.values(), style="dim" if entry.row.privileged else "")
    return table


def _cells(entry: Entry, section: Section, width: int) -> Iterator[tuple[str, Text]]:
    """One row, each cell with its heading."""
    row = entry.row
    yield "agent", Text(plain(entry.label, 60) + (" *" if row.privileged else ""))
    yield "tier", Text(ABSENT if row.tier is None else str(row.tier), "dim")
    yield section.lead, Text(_figure(row, section.lead), "bold")
    lead = row.metrics.get(section.lead)
    yield "95 %", Text(interval(section.lead, lead) if lead else "", "dim")
    if width >= _WITH_BARS:
        yield _scale(section), _bar(entry, section)
    for name in ("R_traj", "Len", "R_each", "repeats"):
        if name in section.metrics and name != section.lead:
            yield name, Text(_figure(row, name))
    if width >= _WITH_ENDS:
        yield "mostly ends by", Text(_main_end(row))
    if width >= _WITH_TRAINING:
        yield "trained", Text(trained(row))


def _figure(row: Row, name: str) -> str:
    found = row.metrics.get(name)
    return figure(name, found.value) if found else ABSENT


def _main_end(row: Row) -> str:
    if not row.departures:
        return ABSENT
    cause, share = max(row.departures.items(), key=lambda pair: (pair[1], pair[0]))
    return f"{plain(cause, 16)} {percent(share)}"


def _scale(section: Section) -> str:
    """The axis above the bars: its ticks where they are."""
    axis, line = section_axis(section, 0, _BAR - 1), [" "] * _BAR
    for tick in axis.ticks:
        text = f"{tick:g}"
        start = min(round(axis.at(tick)), _BAR - len(text))
        line[start : start + len(text)] = text
    return "".join(line)


def _bar(entry: Entry, section: Section) -> Text:
    """The interval as a line, the value as a dot."""
    found, line = entry.row.metrics.get(section.lead), [" "] * _BAR
    if found is not None:
        mark = geometry.mark(found, section_axis(section, 0, _BAR - 1))
        if mark.low is not None and mark.high is not None:
            for at in range(round(mark.low), round(mark.high) + 1):
                line[at] = "─"
        line[round(mark.value)] = "●"
    return Text("".join(line), "cyan")
