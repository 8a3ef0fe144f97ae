"""The command `longrec`. Nothing heavy is imported before a command needs it, so that `--help` answers at once."""

from __future__ import annotations

import os
import sys

from leaderboard.cores import one_thread


def main() -> None:
    """Run the command line. Errors of ours end with exit code 1 and a message; others with a traceback."""
    # Before numpy is imported, which asks but once.
    one_thread()
    from leaderboard.cli.app import app

    try:
        app()
    except SystemExit as end:
        if end.code == 130:  # what typer makes of Ctrl-C
            print("interrupted; what was finished is kept, the same command goes on from there", file=sys.stderr)
        raise
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from recsim_envs.errors import LongrecError

        if not isinstance(error, LongrecError):
            raise
        sys.exit(f"error: {error}")
