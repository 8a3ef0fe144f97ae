"""Submission folders: copying a finished run into one, finding those there are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from leaderboard.replay import verify
from recsim_envs.errors import SubmissionError
from recsim_envs.worlds.storage import atomic_folder

FILES: Final = ("submission.json", "traces.parquet")


def submit(run: Path, to: Path) -> Path:
    """Verify a finished run and copy it to <to>/<agent>/<suite>-<hash8 of its traces>, which is returned.

    Atomic; a submission that is there already is left as it is. Raises what `verify` raises.
    """
    submission = verify(run).submission
    target = to / submission.agent.name / f"{submission.suite.name}-{submission.traces_sha256[:8]}"
    if not target.exists():
        with atomic_folder(target) as scratch:
            for name in FILES:
                shutil.copyfile(run / name, scratch / name)
    return target


def find(paths: Sequence[Path]) -> list[Path]:
    """Submission folders among and beneath `paths`, sorted. Raises `SubmissionError` for a path without any.

    Hidden folders beneath are passed over: a killed `submit` may have left half a copy in one.
    """
    found: set[Path] = set()
    for path in paths:
        files = path.rglob("submission.json") if path.is_dir() else ()
        here = {f.parent for f in files if not any(p.startswith(".") for p in f.relative_to(path).parts)}
        if not here:
            raise SubmissionError(f"{path} holds no submission; `longrec evaluate` and `longrec submit` make one")
        found |= here
    return sorted(found)
