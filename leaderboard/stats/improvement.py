"""The probability of improvement: how likely one agent gives a user more than another does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leaderboard.schema import Estimate
from leaderboard.stats.intervals import estimate
from leaderboard.stats.sums import Floats, Sums, apart, ratio


def improvement(first: Sums | Sequence[Sums], second: Sums | Sequence[Sums]) -> Estimate | None:
    """The probability that `first` gives a user more than `second`, ties counting half, with its interval.

    A user is drawn at random, and each agent with one of its training seeds; what is compared is the mean of the user's
    sessions. With one `Sums` a task, given in sequences, every task has the same weight and users of its own. But
    for the pairing by user it is what Agarwal et al., "Deep reinforcement learning at the edge of the statistical
    precipice", NeurIPS 2021, take over training runs in section 4.3: the statistic of Mann & Whitney, Annals of
    Mathematical Statistics 18(1), 1947.

    Raises `ValueError` where users, tasks or numbers of seeds do not agree.
    """
    tasks = list(zip(_listed(first), _listed(second), strict=True))
    shares = [_shares(a, b) for a, b in tasks]
    weight = np.concatenate([np.full(share.shape[2], 1.0 / share.shape[2]) for share in shares])
    joined = np.concatenate(shares, axis=2)
    if np.isnan(joined).any():
        return None
    one, other = tasks[0]

    def sums(values: Floats, stream: str) -> Sums:
        return Sums(values * weight, np.broadcast_to(weight, values.shape), stream)

    # With one side's seeds averaged away, the seeds of the other vary alone; the two parts share their mean.
    return estimate(
        lambda a, b, both: a + b - both,
        sums(joined.mean(axis=1), one.stream),
        sums(joined.mean(axis=0), other.stream),
        sums(np.tile(joined.mean(axis=(0, 1)), (min(joined.shape[:2]), 1)), ""),
    )


def improvements(agents: Sequence[Sums]) -> Floats:
    """`improvement` of each agent over each other on one task, without intervals: (n, n), 0.5 on the diagonal."""
    found = np.full((len(agents), len(agents)), 0.5)
    for i, first in enumerate(agents):
        for j, second in enumerate(agents[:i]):
            found[i, j] = _shares(first, second).mean()
            found[j, i] = 1.0 - found[i, j]
    return found


def _listed(sums: Sums | Sequence[Sums]) -> Sequence[Sums]:
    return [sums] if isinstance(sums, Sums) else sums


def _shares(first: Sums, second: Sums) -> Floats:
    """1 where a user got more of the first agent, 0.5 where as much, 0 where less: (S of first, S of second, U)."""
    if first.numerator.shape[1] != second.numerator.shape[1]:
        raise ValueError("agents can be compared only on the same users")
    a, b = (ratio(s.numerator, s.denominator) for s in (first, second))
    return np.heaviside(apart(a[:, None, :], b[None, :, :]), 0.5)
