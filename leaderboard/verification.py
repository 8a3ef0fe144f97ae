"""`verify` over many submissions: each in its bounds, whatever the others are, with a verdict a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from leaderboard.bounded import Limits, bounded
from leaderboard.folder import check_folder
from leaderboard.replay import verify
from recsim_envs.errors import LongrecError, PlatformError, UnreplayableError

Status = Literal["replayed", "reported", "failed"]


@dataclass(frozen=True)
class Verdict:
    """What came of one folder.

    status  "replayed": every step is as claimed; "reported": it cannot be replayed here, for want of its world or on
            this platform; "failed": it is not what it claims
    error   why, where it was not replayed
    """

    path: Path
    status: Status
    error: str = ""
    agent: str = ""
    suite: str = ""
    episodes: int = 0
    steps: int = 0
    seconds: float = 0.0


def verify_all(
    folders: Sequence[Path], *, strict: bool = False, workers: int = 0, limits: Limits | None = None
) -> Iterator[Verdict]:
    """Verify submission folders in processes and yield a verdict for each, as they come. Raises for none of them.

    `strict` refuses what may lie in the folder of a run and not in a submission's, see `leaderboard.folder`.
    """
    for path, found in bounded(partial(_check, strict=strict), folders, workers=workers, limits=limits, apart=True):
        if isinstance(found, LongrecError):
            unable = isinstance(found, UnreplayableError | PlatformError)
            yield Verdict(path, "reported" if unable else "failed", printable(str(found)))
        else:
            yield found


def printable(text: str) -> str:
    """Text whose control characters are written out, so that a stranger's words cannot steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _check(path: Path, *, strict: bool) -> Verdict:
    start = time.perf_counter()
    replayed = verify(path)
    s = replayed.submission
    if strict:
        check_folder(path, s, strict=True)
    episodes = sum(outcomes.left.size for outcomes in replayed.outcomes)
    seconds = time.perf_counter() - start
    return Verdict(path, "replayed", "", s.agent.name, s.suite.name, episodes, replayed.steps, round(seconds, 3))
