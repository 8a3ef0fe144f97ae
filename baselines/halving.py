"""Successive halving over a fixed list of arms, fed one result at a time."""

from __future__ import annotations

import math


class SuccessiveHalving:
    """Which of `num_arms` arms has the highest mean result, within about `episodes` results.

    In each of ceil(log2 num_arms) rounds every living arm gets the same number of results, so that a round
    spends an equal part of `episodes`; then the better half lives on (Karnin, Koren and Somekh, "Almost optimal
    exploration in multi-armed bandits", ICML 2013, algorithm 1, but results of earlier rounds are kept).
    Results may arrive in any order: `next` names the arm to try, `record` takes what it gave.
    """

    def __init__(self, num_arms: int, episodes: int) -> None:
        self._rounds = max(1, math.ceil(math.log2(num_arms)))
        self._episodes = episodes
        self._alive = list(range(num_arms))
        self._asked, self._count, self._total = [0] * num_arms, [0] * num_arms, [0.0] * num_arms
        self._quota = 0
        self._start_round()

    @staticmethod
    def affordable_arms(episodes: int) -> int:
        """The largest power of two of arms, at least 2, that `episodes` results can halve down to one."""
        rounds = 1
        while 2 ** (rounds + 1) * (rounds + 1) <= episodes:
            rounds += 1
        return int(2**rounds)

    def _start_round(self) -> None:
        self._quota += max(1, self._episodes // (self._rounds * len(self._alive)))

    @property
    def done(self) -> bool:
        """Whether one arm is left."""
        return len(self._alive) == 1

    def next(self) -> int:
        """The living arm that was asked for least; the first among equals."""
        arm = min(self._alive, key=lambda a: self._asked[a])
        self._asked[arm] += 1
        return arm

    def record(self, arm: int, result: float) -> None:
        """Add one result, and end the round if it was the last one missing."""
        self._count[arm] += 1
        self._total[arm] += result
        if not self.done and all(self._count[a] >= self._quota for a in self._alive):
            self._alive = sorted(self._alive, key=lambda a: -self.mean(a))[: (len(self._alive) + 1) // 2]
            self._start_round()

    def mean(self, arm: int) -> float:
        """Mean result of an arm; minus infinity before the first."""
        return self._total[arm] / self._count[arm] if self._count[arm] else -math.inf

    def count(self, arm: int) -> int:
        """How many results an arm has."""
        return self._count[arm]

    def best(self) -> int:
        """The living arm with the highest mean so far."""
        return max(self._alive, key=self.mean)
