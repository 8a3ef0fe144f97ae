"""Visits: what a user did without a longer pause, read off the times of a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds.logs.log import Interactions

PAUSE: Final = 1800.0  # half an hour: the customary bound (Catledge and Pitkow, WWW 1995, measured 25.5 minutes)
_DAY = 86_400.0


@dataclass(frozen=True, eq=False)
class Visits:
    """Visits (s,), user by user, each user's from the first to the last.

    users: int32 (s,), whose visit. starts: int64 (s + 1,), visit k is the rows starts[k] to starts[k + 1] of the
    interactions. lengths: int64 (s,), rows of each. return_gaps: float64 (s - number of users with a visit,), days
    from the end of a visit to the same user's next start, in the order of visits; a user's last visit has none.
    """

    users: NDArray[np.int32]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    return_gaps: NDArray[np.float64]


def visits(interactions: Interactions, pause: float = PAUSE) -> Visits | None:
    """Cut each user's rows wherever more than `pause` seconds lie between two of them.

    interactions: sorted by user, then time; rows without a time are left out, so `starts` counts the others. None
    where there is nothing to cut by: see `Interactions.timed`.
    """
    timed = interactions.timed()
    if timed is None:
        return None
    users, times = timed.users, timed.times
    same = users[1:] == users[:-1]
    waits = np.diff(times)
    starts = np.concatenate([[0], np.flatnonzero(~same | (waits > pause)) + 1, [len(times)]]).astype(np.int64)
    gaps = waits[same & (waits > pause)] / _DAY
    return Visits(users[starts[:-1]], starts, np.diff(starts), gaps)
