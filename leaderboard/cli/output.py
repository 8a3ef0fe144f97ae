"""Printing: tables for people, JSON for machines, progress on stderr so that both stay clean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from leaderboard.board.model import Board
    from leaderboard.evaluate.cell import CellSpec
    from leaderboard.evaluate.executor import Event
    from leaderboard.schema import Row, Submission

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the environment; may be repeated."),
]


def print_json(value: Any) -> None:
    """JSON on stdout, of models too."""
    from pydantic_core import to_json  # the json module is slow where it indents, and a board has thousands of rows

    typer.echo(to_json(value, indent=1, fallback=str).decode())


def print_table(title: str, columns: Sequence[str], lines: Iterable[Sequence[str]], *, figures: int = 0) -> None:
    """A table on stdout. After the first column come `figures` columns that are aligned to the right."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(escape(column), justify="right" if 1 <= number <= figures else "left", no_wrap=number == 0)
    for line in lines:
        table.add_row(*(escape(cell) for cell in line))
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # A file or a pipe is nobody's window: let it have whole lines.
    return console if console.is_terminal else Console(width=140)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Names and values, one a line."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        typer.echo(f"{typer.style(f'{name:{width}}', bold=True)}  {shown}")


def print_markdown(text: str) -> None:
    """Markdown on stdout: drawn in a terminal, as it is elsewhere."""
    from rich.markdown import Markdown

    console = _console()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        typer.echo(text)


def say(text: str) -> None:
    """A line for people, on stderr."""
    typer.echo(text, err=True)


def say_what_was_lost(submission: Submission) -> None:
    """How many sessions an agent failed in, and the first failure's words; nothing where there are none."""
    from leaderboard.verification import printable

    failed = [cell.lost for cell in submission.cells if cell.lost.sessions]
    if failed:
        lost = sum(one.sessions for one in failed)
        say(f"{lost} of its sessions were lost, for the agent failed in them; the board says so. The first failure:")
        say(f"  {printable(failed[0].told)}")


def print_board(board: Board) -> None:
    """The tables of a board."""
    from leaderboard.site.terminal import terminal_table

    _console().print(terminal_table(board))


def print_rows(rows: Sequence[Row]) -> None:
    """Rows as a board of them alone would show them."""
    from leaderboard.board.arrange import board_of

    print_board(board_of(rows))


class Progress:
    """Shows the cells of runs as they go: bars in a terminal, else one line a finished cell. Use as a context.

    There is a bar for each run, or, where there may be many, for each agent.
    """

    def __init__(self, *, quiet: bool = False, by_agent: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        console = Console(stderr=True, quiet=quiet)
        self._lines = not console.is_terminal
        self._console = console
        self._bars = Bars(
            TextColumn("{task.description:<18}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}"),
            console=console,
            disable=self._lines or quiet,
        )
        self._by_agent = by_agent
        self._tasks: dict[Path | str, TaskID] = {}
        self._shares: dict[int, float] = {}

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, specs: Sequence[CellSpec], event: Event) -> None:
        """Take an event of `evaluate_all`."""
        spec = specs[event.cell]
        if not self._tasks:
            for bar, cells in Counter(map(self._bar, specs)).items():
                name = next(s.plan.agent.name for s in specs if self._bar(s) == bar)
                self._tasks[bar] = self._bars.add_task(name, total=cells, doing="")
        # News of a cell may arrive after its end.
        self._shares[event.cell] = max(self._shares.get(event.cell, 0.0), _share(spec, event))
        done = sum(share for i, share in self._shares.items() if self._bar(specs[i]) == self._bar(spec))
        at = f" on {event.node}" if event.node else ""
        doing = "" if event.phase in ("done", "failed") else f"{spec.label.partition(', ')[2]}{at}: {event.phase}"
        self._bars.update(self._tasks[self._bar(spec)], completed=done, doing=doing)
        # The error of a lone run ends the command, which tells it.
        if event.phase == "failed" and (self._by_agent or len(self._tasks) > 1):
            self._say(f"failed{at}: {event.error}", "red")
        elif event.phase == "lost":
            self._say(f"lost{at}, to be run again: {spec.label}", "yellow")
        elif event.phase == "slow":
            self._say(f"slow{at}: {spec.label} has run {event.done:.0f} s, others took {event.total:.0f} s", "yellow")
        elif event.phase == "done" and self._lines:
            self._say(f"done{at}: {spec.label}")

    def _bar(self, spec: CellSpec) -> Path | str:
        """Which bar a cell belongs to."""
        return spec.plan.agent.name if self._by_agent else spec.path.parent

    def _say(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, highlight=False)


def _share(spec: CellSpec, event: Event) -> float:
    """How much of a cell is behind it, training and testing counted alike."""
    if event.phase in ("done", "failed"):
        return 1.0
    part = event.done / event.total if event.total else 0.0
    if not spec.plan.agent.trains:
        return part
    return part / 2 + (0.5 if event.phase == "test" else 0.0)


class Stages:
    """A bar for each stage of some work, in a terminal: call it with stage, done, total. Use as a context."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, TaskID
        from rich.progress import Progress as Bars

        console = Console(stderr=True, quiet=quiet)
        self._bars = Bars(
            *Bars.get_default_columns(), MofNCompleteColumn(), console=console, disable=quiet or not console.is_terminal
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Stages:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, stage: str, done: float, total: int, note: str = "") -> None:
        """Move the bar of a stage, with a note beside its name; earlier bars are full then. total: 0 if unknown."""
        if stage not in self._tasks:
            for task in self._tasks.values():
                self._bars.update(task, completed=1, total=1)
            self._tasks[stage] = self._bars.add_task(stage, total=total or None)
        told = f"{stage}, {note}" if note else stage
        self._bars.update(self._tasks[stage], completed=done, total=total or None, description=told)
