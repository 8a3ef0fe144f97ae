"""`MeteredCurve`: how training goes, in a few dozen points however many sessions there are."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.schema import TrainingPoint
from leaderboard.schema.curve import MOST_POINTS


class MeteredCurve:
    """Points over as many sessions each, but for the last. Where they become too many, each two are made one."""

    def __init__(self) -> None:
        self._points: list[TrainingPoint] = []
        self._width = 1
        self._returns: list[float] = []
        self._lengths: list[int] = []
        self._used = (0, 0)

    def add(self, returns: Sequence[float], lengths: Sequence[int], episodes: int, steps: int) -> None:
        """Take in sessions that ended in one step, when so much of the budget had been used."""
        self._used = (episodes, steps)
        for total, length in zip(returns, lengths, strict=True):
            self._returns.append(total)
            self._lengths.append(length)
            if len(self._returns) == self._width:
                self._close()

    def _close(self) -> None:
        self._points.append(self._open_point())
        self._returns, self._lengths = [], []
        if len(self._points) == MOST_POINTS:
            self._points = [_joined(a, b) for a, b in zip(self._points[::2], self._points[1::2], strict=True)]
            self._width *= 2

    def _open_point(self) -> TrainingPoint:
        sessions, (episodes, steps) = len(self._returns), self._used
        return TrainingPoint(
            episodes=episodes,
            steps=steps,
            sessions=sessions,
            mean_return=sum(self._returns) / sessions,
            mean_length=sum(self._lengths) / sessions,
        )

    def points(self) -> tuple[TrainingPoint, ...]:
        """What there is so far."""
        return (*self._points, *((self._open_point(),) if self._returns else ()))


def _joined(a: TrainingPoint, b: TrainingPoint) -> TrainingPoint:
    """Two points that follow one another as one."""
    sessions = a.sessions + b.sessions
    return TrainingPoint(
        episodes=b.episodes,
        steps=b.steps,
        sessions=sessions,
        mean_return=(a.mean_return * a.sessions + b.mean_return * b.sessions) / sessions,
        mean_length=(a.mean_length * a.sessions + b.mean_length * b.sessions) / sessions,
    )
