"""The board: submissions are replayed, their rows become files that anyone can read.

`build` publishes only what replay gave; `render` is pure: the same rows, in whatever order, give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from leaderboard import site
from leaderboard.files import atomic_path
from leaderboard.replay import verify
from leaderboard.results import rows as replayed_rows
from leaderboard.schema import Row
from leaderboard.site.data import csv_text, json_text
from leaderboard.site.terminal import terminal_table
from leaderboard.site.view import ordered_rows
from recsim_envs.errors import ConfigurationError

__all__ = ["build", "picture", "render", "terminal_table"]

picture = site.picture


def build(submissions: Sequence[Path], out: Path) -> list[Row]:
    """Replay submission folders and write their board into the folder `out`; returns its rows in their order.

    Raises what `leaderboard.replay.verify` raises for the first submission that does not replay: then nothing is
    written. Raises `ConfigurationError` where `out` cannot be written.
    """
    return render(replayed_rows([verify(path) for path in submissions]), out)


def render(rows: Iterable[Row], out: Path) -> list[Row]:
    """Write `LEADERBOARD.md`, `leaderboard.json`, `leaderboard.csv`, `leaderboard.svg` and `index.html` into `out`.

    Either all files are replaced or none. Returns the rows in the order of the board.
    """
    ordered = ordered_rows(rows)
    _write(
        out,
        {
            "LEADERBOARD.md": site.markdown(ordered),
            "leaderboard.json": json_text(ordered),
            "leaderboard.csv": csv_text(ordered),
            "leaderboard.svg": site.picture(ordered),
            "index.html": site.page(ordered),
        },
    )
    return ordered


def _write(out: Path, texts: Mapping[str, str]) -> None:
    """Write all files to scratch files first, and put them in place only when every one is complete."""
    for name in texts:
        if (out / name).is_dir():
            raise ConfigurationError(f"cannot write {out / name}: it is a folder; remove it or choose another --out")
    with ExitStack() as complete:
        for name, text in texts.items():
            complete.enter_context(atomic_path(out / name)).write_text(text, "utf-8", newline="\n")
