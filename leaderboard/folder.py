"""What may lie in a submission's folder: its two files and those that it lists, each a plain file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from leaderboard.attached import check_attached
from leaderboard.files import check_regular, file_sha256, read_model
from leaderboard.schema import Submission
from recsim_envs.errors import SubmissionError

FILES: Final = ("submission.json", "traces.parquet")
"""What every submission has."""
_NO_WINDOWS_NAME: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*\.", re.IGNORECASE)


def check_folder(path: Path, submission: Submission, *, strict: bool = False) -> None:
    """Raise `SubmissionError` for a file that is not listed, is missing, or is not what the submission says it is.

    What files beside the trace hold is read, too, see `leaderboard.attached`. The folder of a run holds more
    (`run.json` and what is beside it); `strict` refuses that too, and a folder that is a link, whose name is not that
    of the agent, or that not every system could tell from others.
    """
    if strict:
        _check_place(path, submission)
    if strict or not os.path.lexists(path / "run.json"):
        _refuse_strangers(path, {*FILES, *submission.files})
    for name in (*FILES, *submission.files):
        _check_plain(path / name)
    for name, record in submission.files.items():
        file = path / name
        if file.stat().st_size != record.bytes or file_sha256(file) != record.sha256:
            raise SubmissionError(
                f"{file} is not the file that submission.json lists: its size or sha256 differs; restore the original"
            )
    check_attached(path, submission)


def find_row(row: str, root: Path) -> Path:
    """The submission that `row` names: its folder, <agent>/<version> under `root`, or the first digits of its trace's
    hash. Raises `SubmissionError` where there is none, or more than one.
    """
    for path in (Path(row), root / row):
        if (path / FILES[0]).exists():
            return path
    found = []
    if re.fullmatch("[0-9a-f]{6,64}", row):
        known = ((file.parent, read_model(file, Submission)) for file in sorted(root.glob(f"*/*/{FILES[0]}")))
        found = [path for path, submission in known if submission.traces_sha256.startswith(row)]
    if len(found) != 1:
        told = f"names {' and '.join(map(str, found))}" if found else f"is no submission, and names none in {root}"
        raise SubmissionError(f"{row!r} {told}; give a folder, AGENT/VERSION or more digits of traces_sha256")
    return found[0]


def strays(root: Path) -> list[Path]:
    """Whatever lies under a folder of submissions and is in none: links, files beside them, hidden folders; sorted.

    Submissions lie two deep: <root>/<agent>/<version>.
    """
    found = []
    for agent in os.scandir(root):
        if not agent.is_dir(follow_symlinks=False):
            found.append(Path(agent.path))
            continue
        for version in os.scandir(agent):
            whole = version.is_dir(follow_symlinks=False) and os.path.lexists(Path(version.path, FILES[0]))
            if version.name.startswith(".") or not whole:
                found.append(Path(version.path))
    return sorted(found)


def _check_place(path: Path, submission: Submission) -> None:
    if path.is_symlink() or path.parent.is_symlink():
        raise SubmissionError(f"{path} is a link; put the folder itself there")
    if path.absolute().parent.name != submission.agent.name:
        raise SubmissionError(
            f"{path} is a submission of agent {submission.agent.name!r}, so it must lie in a folder of that name; "
            "`longrec submit` puts it there"
        )
    for folder in (path.absolute(), path.absolute().parent):
        _check_name(folder)


def _check_name(folder: Path) -> None:
    """Raise `SubmissionError` where the folder could not be checked out on every system, or would fall upon another."""
    if _NO_WINDOWS_NAME.fullmatch(folder.name):
        raise SubmissionError(f"{folder}: Windows has no folder of the name {folder.name!r}; choose another")
    with os.scandir(folder.parent) as entries:
        others = {entry.name for entry in entries} - {folder.name}
    if twin := next((other for other in others if other.casefold() == folder.name.casefold()), None):
        raise SubmissionError(
            f"{folder} and {twin!r} are one folder where systems do not tell capitals apart; choose another name"
        )


def _refuse_strangers(path: Path, listed: set[str]) -> None:
    with os.scandir(path) as entries:
        strange = next((entry.name for entry in entries if entry.name not in listed), None)
    if strange is not None:
        raise SubmissionError(
            f"{path} holds {strange!r}, which submission.json does not list; remove it, or submit the run anew"
        )


def _check_plain(file: Path) -> None:
    """A second hard link would let somebody change the file from elsewhere after it was checked."""
    try:
        check_regular(file)
        links = file.lstat().st_nlink
    except FileNotFoundError:
        raise SubmissionError(f"{file} does not exist; copy the whole submission folder") from None
    if links > 1:
        raise SubmissionError(f"{file} has {links} names on this disk (hard links); put a copy there")
