"""Submission folders: copying a finished run into one, finding those there are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from leaderboard.evaluate.attach import add_curves
from leaderboard.files import write_json
from leaderboard.folder import FILES
from leaderboard.replay import verify
from leaderboard.schema import Submission
from leaderboard.transcripts import NAME
from recsim_envs.errors import SubmissionError
from recsim_envs.worlds.storage import atomic_folder


def submit(run: Path, to: Path, curves: Sequence[Path] = (), *, transcript: bool = True) -> Path:
    """Verify a finished run and copy it to <to>/<agent>/<suite>-<hash8 of its traces>, which is returned.

    curves: folders of learning curves that go with it; they join a submission that is there already, in place of those
    that it had. transcript: whether that of the run goes along; a submission without it says so. Atomic; all else of a
    submission that is there already is left as it is.
    Raises what `verify` raises, `SubmissionError` for a run that is not finished and where a transcript that is to stay
    behind went along before, and `ConfigurationError` for a curve that is not of its agent and suite.
    """
    if not (run / FILES[0]).exists() and (run / "run.json").exists():
        raise SubmissionError(f"{run} is not finished; give the command again that began it, it goes on")
    source, submission = run, verify(run).submission
    target = to / submission.agent.name / f"{submission.suite.name}-{submission.traces_sha256[:8]}"
    if target.exists():
        if not transcript and (target / NAME).exists():
            raise SubmissionError(
                f"{target} holds the transcript already; give another --to, or remove that folder first"
            )
        if not curves:
            return target
        source, submission = target, verify(target).submission
    kept = submission if transcript else _without_transcript(submission)
    with atomic_folder(target) as scratch:
        for name in (*FILES, *kept.files):
            shutil.copyfile(source / name, scratch / name)
        if curves:
            kept = add_curves(scratch, kept, curves)
        if kept is not submission:
            write_json(scratch / FILES[0], kept)
    return target


def _without_transcript(submission: Submission) -> Submission:
    """Its record without the transcript; itself where there is none."""
    if NAME not in submission.files:
        return submission
    files = {name: record for name, record in submission.files.items() if name != NAME}
    return submission.model_copy(update={"files": files, "left_out": (*submission.left_out, NAME)})


def find(paths: Sequence[Path]) -> list[Path]:
    """Submission folders among and beneath `paths`, sorted. Raises `SubmissionError` for a path without any, and for a
    folder that cannot be read.

    Hidden folders beneath are passed over: a killed `submit` may have left half a copy in one.
    """
    found: set[Path] = set()
    for path in paths:
        here = set(_beneath(path))
        if not path.exists():
            raise SubmissionError(f"{path} does not exist; check the path")
        if not here:
            raise SubmissionError(f"{path} holds no submission; `longrec evaluate` and `longrec submit` make one")
        found |= here
    return sorted(found)


def _beneath(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path, onerror=_unreadable):
        if "submission.json" in (*folders, *files):
            yield Path(folder)
        folders[:] = [name for name in folders if not name.startswith(".")]


def _unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise SubmissionError(f"{error.filename} cannot be read: {error.strerror}; check its permissions") from error
