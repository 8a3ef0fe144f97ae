"""Whether a pull request adds one submission and nothing else; its folder goes to stdout, and a NUL after it.

The argument is a file with what `git diff --raw -z --no-renames` printed. Standard library only: nothing is installed
yet.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = re.compile(r"leaderboard/submissions/[A-Za-z0-9][A-Za-z0-9._+-]{0,79}/[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
FILES = {"submission.json", "traces.parquet", "curve.json", "transcript.jsonl", "cassette.jsonl.gz"}
PLAIN = "100644"  # a regular file that nobody may execute


def changed_folder(raw: str) -> str:
    """The folder of the one submission that is added. Raises `ValueError` naming what else does."""
    fields = raw.split("\0")[:-1]
    if not fields or len(fields) % 2:
        raise ValueError("nothing is changed")
    folders = set()
    for facts, path in zip(fields[::2], fields[1::2], strict=True):
        _, mode, _, _, status = facts.split(" ")
        folder, _, name = path.rpartition("/")
        if not FOLDER.fullmatch(folder) or name not in FILES:
            raise ValueError(f"{path!r} is no file of a submission: leaderboard/submissions/<agent>/<version>/...")
        if status != "A":
            raise ValueError(f"{path!r} is of record, and stays as it is; maintainers correct and remove submissions")
        if mode != PLAIN:
            raise ValueError(f"{path!r} has mode {mode}: links, modules and programs are not taken")
        folders.add(folder)
    if len(folders) != 1:
        raise ValueError(f"{len(folders)} submissions are added; open a pull request for each")
    return folders.pop()


if __name__ == "__main__":
    try:
        sys.stdout.write(changed_folder(Path(sys.argv[1]).read_text("utf-8", errors="surrogateescape")) + "\0")
    except ValueError as error:
        sys.exit(f"error: {error}")
