"""The board in a terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from leaderboard.board.arrange import board_of
from leaderboard.cli.output import say_what_was_lost
from leaderboard.schema import Lost
from leaderboard.site.terminal import terminal_table
from tests.leaderboard.fake_rows import fake_row, fake_rows


def shown(rows: list, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(terminal_table(board_of(rows)))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_it_fits_and_reads_no_markup(width: int) -> None:
    text = shown([*fake_rows(), fake_row("x", version="[red]v[/red]"), fake_row("x", version="[bold]w")], width)
    assert max(map(len, text.splitlines())) <= width
    assert all(agent in text for agent in ("billp", "oracle", "Games-v0", "Books-v0"))
    if width >= 100:
        assert "[red]v[/red]" in text


def test_it_says_that_there_is_nothing() -> None:
    assert "No submissions yet" in shown([], 80)


def test_what_was_lost_is_told_with_the_first_words(capsys):
    cells = [SimpleNamespace(lost=lost) for lost in (Lost(), Lost(crashed=2, told="no\x1b[31m"), Lost(timed_out=1))]
    say_what_was_lost(SimpleNamespace(cells=cells))
    told = capsys.readouterr().err
    assert told.startswith("3 of its sessions were lost")
    assert told.endswith("\n  no\\x1b[31m\n")
    say_what_was_lost(SimpleNamespace(cells=cells[:1]))
    assert capsys.readouterr().err == ""
