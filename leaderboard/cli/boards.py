"""`longrec leaderboard`: build the board, look at it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.output import AsJson, Stages, print_board, print_json, say
from leaderboard.cli.record import RECORD, Submissions

if TYPE_CHECKING:
    from leaderboard.board.model import Reported
    from recsim_envs.errors import LongrecError

app = typer.Typer()

Workers = Annotated[int, typer.Option(min=0, help="Processes that replay; 0 is one a core.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at a submission that does not replay; write nothing.")]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps what replay gave, so that it is done once. Default: the user's cache folder."),
]
Reread = Annotated[
    bool,
    typer.Option("--reread", help="Read every file again, also those whose size and times are as they were last time."),
]


@app.command()
def build(
    submissions: Submissions = None,
    out: Annotated[Path, typer.Option(help="Folder for the board's files; it holds nothing else.")] = Path("board"),
    workers: Workers = 0,
    strict: Strict = False,
    cache: Cache = None,
    reread: Reread = False,
    json: AsJson = False,
) -> None:
    """Replay submissions and write their board: a site, and LEADERBOARD.md, leaderboard.json, .csv, .parquet and .svg.

    What was replayed before is taken from the cache. Ends with 1 where a submission is not what it claims; the
    board is of the others.

    Example:  longrec leaderboard build leaderboard/submissions --out board
    """
    from leaderboard.board.build import build as make
    from leaderboard.submit import find

    found = find(submissions or [RECORD])
    with Stages(quiet=json) as stages:
        watch = partial(stages, "replayed")
        built = make(found, out, cache=cache, workers=workers, strict=strict, reread=reread, watch=watch)
    if json:
        failed = {str(path): str(error) for path, error in built.failed.items()}
        print_json({"board": out, "rows": built.board.rows, "reported": built.board.reported, "failed": failed})
    else:
        print_board(built.board)
        _complain(built.board.reported, built.failed)
        say(f"the board is {out / 'index.html'}; {built.rendered} of its files are new")
    if built.failed:
        raise typer.Exit(1)


@app.command()
def show(
    submissions: Submissions = None,
    workers: Workers = 0,
    strict: Strict = False,
    cache: Cache = None,
    reread: Reread = False,
    json: AsJson = False,
) -> None:
    """Replay submissions and show their board here; no file is written.

    Example:  longrec leaderboard show leaderboard/submissions
    """
    from leaderboard.board.build import make
    from leaderboard.submit import find

    found = find(submissions or [RECORD])
    with Stages(quiet=json) as stages:
        watch = partial(stages, "replayed")
        board, failed = make(found, cache=cache, workers=workers, strict=strict, reread=reread, watch=watch)
    if json:
        told = {str(path): str(error) for path, error in failed.items()}
        print_json({"rows": board.rows, "reported": board.reported, "failed": told})
    else:
        print_board(board)
        _complain(board.reported, failed)
    if failed:
        raise typer.Exit(1)


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="Folder of a board that was built.")] = Path("board"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8000,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Show a built board at http://127.0.0.1:PORT until Ctrl-C. The folder may be built anew meanwhile.

    Example:  longrec leaderboard serve board
    """
    import webbrowser

    from leaderboard.board.serve import server

    with server(folder, port) as running:
        address = f"http://127.0.0.1:{running.server_port}"
        say(f"{address}   (Ctrl-C ends it)")
        if browse:
            webbrowser.open(address)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            say("ended")


def _complain(reported: tuple[Reported, ...], failed: Mapping[Path, LongrecError]) -> None:
    from leaderboard.verification import printable

    for one in reported:
        say(f"reported, not ranked: {one.path}: {one.reason}")
    for path, error in failed.items():
        say(f"failed, left out: {path}: {printable(str(error))}")
