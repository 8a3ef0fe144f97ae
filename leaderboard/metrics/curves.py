"""What a row shows beside single figures: how sessions end, and what happens step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.ends import LOST
from leaderboard.metrics.outcomes import Outcomes


def departures(o: Outcomes) -> dict[str, float]:
    """Share of sessions by the cause of their end, most frequent first."""
    causes, counts = np.unique(o.ends.reshape(-1).astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(causes[i]): float(counts[i] / o.ends.size) for i in order}


def stays(o: Outcomes) -> tuple[str, ...]:
    """Causes with which sessions ended whose user had not left, sorted: the horizon, the end of a calendar.

    A session that the agent lost is neither a departure of its user nor one that went well.
    """
    return tuple(sorted({str(cause) for cause in o.ends[~o.left]} - set(LOST)))


def survival(o: Outcomes) -> list[float]:
    """The retention curve: share of sessions that kept step 1, 2, ..., horizon."""
    return [float(x) for x in _keeping(o) / o.left.size]


@dataclass(frozen=True)
class RewardCurve:
    """The reward within the horizon, at step 1, 2, ..., horizon.

    everyone: mean over all sessions, those that are over counting 0, so that it sums to R_traj; staying: mean over the
    sessions that kept the step, None where none did. The first falls where users leave, the second only where they are
    served worse.
    """

    everyone: tuple[float, ...]
    staying: tuple[float | None, ...]


def reward_curve(o: Outcomes) -> RewardCurve:
    """The mean reward of each step."""
    step = np.arange(len(o.rewards)) - np.repeat(o.offsets[:-1], np.diff(o.offsets))
    kept = step < np.repeat(o.kept.reshape(-1), np.diff(o.offsets))
    earned = np.bincount(step, o.rewards, o.horizon)
    while_kept, keeping = np.bincount(step[kept], o.rewards[kept], o.horizon), _keeping(o)
    return RewardCurve(
        everyone=tuple(float(x) for x in earned / o.left.size),
        staying=tuple(float(x / n) if n else None for x, n in zip(while_kept, keeping, strict=True)),
    )


def _keeping(o: Outcomes) -> NDArray[np.int64]:
    """How many sessions kept step 1, 2, ..., horizon: int64 (horizon,)."""
    return np.bincount(o.kept.reshape(-1), minlength=o.horizon + 1)[::-1].cumsum()[::-1][1 : o.horizon + 1]
