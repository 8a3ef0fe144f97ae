"""Summaries of submission folders: from the cache where everything they follow from is as it was, else by replay.

What a summary follows from, and is found by: the files of the submission, the code that replays and counts, and the
platform. So a metric that changes, or an environment, is computed anew for every submission there ever was.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Final

import leaderboard
import recsim_envs
from leaderboard.board.garbage import uncollected
from leaderboard.board.hashes import Hashes
from leaderboard.board.store import Store
from leaderboard.board.summary import Figures, Summary, summarise
from leaderboard.bounded import Limits, bounded
from leaderboard.cores import usable_cores
from leaderboard.files import file_sha256, read_model
from leaderboard.folder import FILES
from leaderboard.metrics import digests
from leaderboard.replay import verify
from leaderboard.schema import OPTIONAL_FILES, Submission, json_hash
from recsim_envs.errors import LongrecError, SubmissionError
from recsim_envs.fingerprint import platform_text

_BESIDE: Final = ("site", "cli", "ope", "study", "sweep")
"""Parts of this package that have no say in what a replay gives."""

Watch = Callable[[int, int], None]
"""Takes how many submissions are done, and how many there are."""


def summaries(
    folders: Sequence[Path],
    store: Store,
    *,
    workers: int = 0,
    limits: Limits | None = None,
    watch: Watch = lambda done, total: None,
    hashes: Hashes | None = None,
) -> dict[Path, Summary | LongrecError]:
    """The summary of each submission folder, or why it does not replay; sorted by path. `workers` processes replay.

    `hashes` tell which files need not be read again; without them all are read, as whatever is replayed is.
    """
    with uncollected(), ThreadPoolExecutor(workers or usable_cores()) as threads:  # hashing lets other threads run
        known = threads.map(partial(_known, computing=_computing(), store=store, hashes=hashes), folders)
        found: dict[Path, Summary | LongrecError] = {s.path: s for s in known if s is not None}
    watch(len(found), len(folders))
    missing = [folder for folder in folders if folder not in found]
    for folder, result in bounded(partial(_replay, store=store), missing, workers=workers, limits=limits):
        found[folder] = result if isinstance(result, LongrecError) else _stored(folder, result, store)
        watch(len(found), len(folders))
    return dict(sorted(found.items()))


def _replay(folder: Path, store: Store) -> str:
    """Verify a folder, put its summary into the store and return the key; runs in a process of its own."""
    computing = _computing()
    key = _key(folder, computing)
    summary = summarise(verify(folder), key, lives=True)
    if _key(folder, computing) != key:
        raise SubmissionError(f"{folder} changed while it was replayed; build again")
    for task in range(len(summary.tasks)):
        store.write(_part(key, task), b"{}", summary.arrays(task))
    store.write(key, Figures(tasks=summary.tasks).model_dump_json().encode(), {})  # last: with it the summary is whole
    return key


def _known(folder: Path, computing: str, store: Store, hashes: Hashes | None) -> Summary | None:
    return _read(folder, _key(folder, computing, hashes), store)


def _read(folder: Path, key: str, store: Store) -> Summary | None:
    """A summary, if all of it is there and undamaged."""
    entry = store.read(key)
    if entry is None:
        return None
    tasks = Figures.model_validate_json(entry[0]).tasks
    if any(store.read(_part(key, task)) is None for task in range(len(tasks))):
        return None
    submission = read_model(folder / "submission.json", Submission)
    return Summary(folder, submission, key, tasks, lambda task: store.arrays(_part(key, task)))


def _part(key: str, task: int) -> str:
    return f"{key}-{task}"


def _stored(folder: Path, key: str, store: Store) -> Summary:
    summary = _read(folder, key, store)
    if summary is None:
        raise SubmissionError(f"{folder}: what was kept of its replay is gone again; is the disk full? Build again")
    return summary


def _key(folder: Path, computing: str, hashes: Hashes | None = None) -> str:
    """The hash of everything that the summary of a folder follows from: its files, and what computes with them."""
    return json_hash([_content(folder, hashes), computing])


def _computing() -> str:
    """A hash of the code, of the metrics as they are registered now, and of the platform."""
    return json_hash([code(), digests(), platform_text()])


def _content(folder: Path, hashes: Hashes | None) -> list[tuple[str, str]]:
    """Name and SHA-256 of the files that `verify` reads; of others, which it may refuse, the name and what they are."""
    known, found = {*FILES, *OPTIONAL_FILES}, []
    try:
        for entry in os.scandir(folder):
            status = entry.stat(follow_symlinks=False)
            plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
            if plain and entry.name in known:
                path = Path(entry.path)
                found.append((entry.name, hashes.sha256(path, status) if hashes else file_sha256(path)))
            else:
                found.append((entry.name, f"{status.st_mode} {plain}"))
    except OSError as error:
        return [("", f"{error}")]  # verify says what is wrong
    return sorted(found)


@cache
def code() -> str:
    """SHA-256 over the sources that replay and count: of environments, and of this package but pages and commands."""
    digest = hashlib.sha256()
    for package in (recsim_envs, leaderboard):
        root = Path(package.__file__ or "").parent
        for path in sorted(root.rglob("*.py")):
            if path.relative_to(root).parts[0] not in _BESIDE:
                digest.update(f"{path.relative_to(root).as_posix()} {file_sha256(path)}\n".encode())
    return digest.hexdigest()
