"""`longrec leaderboard`: build the board, look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leaderboard.cli.output import AsJson, print_json, print_rows, say

app = typer.Typer()


@app.command()
def build(
    submissions: Annotated[
        list[Path] | None, typer.Argument(help="Folders that hold submissions. Default: leaderboard/submissions.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the board's files.")] = Path("board"),
    json: AsJson = False,
) -> None:
    """Replay submissions and write LEADERBOARD.md, leaderboard.json, leaderboard.csv, leaderboard.svg and index.html.

    Example:  longrec leaderboard build leaderboard/submissions --out board
    """
    from leaderboard.board.build import build as make
    from leaderboard.submit import find

    rows = make(find(submissions or [Path("leaderboard/submissions")]), out)
    if json:
        print_json({"board": out, "rows": rows})
        return
    print_rows(rows)
    say(f"the board is {out / 'index.html'}")


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="Folder of a board that was built.")] = Path("board"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8000,
) -> None:
    """Show a built board at http://127.0.0.1:PORT until Ctrl-C.

    Example:  longrec leaderboard serve board
    """
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    from recsim_envs.errors import ConfigurationError

    if not (folder / "index.html").is_file():
        raise ConfigurationError(f"{folder} holds no board; make one with: longrec leaderboard build --out {folder}")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    except OSError as error:
        raise ConfigurationError(f"cannot listen on port {port}: {error.strerror}; pass another --port") from error
    with server:
        say(f"http://127.0.0.1:{server.server_port}   (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended")
