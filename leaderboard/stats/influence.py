"""An agent's figure, linearised: what comparing a thousand agents needs of each, and no more.

The influence of user u on a ratio of sums N / D is (n_u - (N / D) d_u) / D: how far the figure moves, to first order,
when the user counts twice (Hampel, "The influence curve and its role in robust estimation", JASA 69, 1974; for
ratios the delta method, Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section 2.7). For a mean it
is exact. The variance of a difference of two agents on the same users is that of the difference of their influences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.stats.student import SeedLevel
from leaderboard.stats.sums import Floats, Sums, constant, ratio


@dataclass(frozen=True, eq=False)
class Influence:
    """A figure of one agent: `value`, NaN where undefined, and where it comes from.

    users: float64 (U,), the influence of each user, scaled so that the sum of squares is the variance of `value` over
    users; blocks: how many of these users belong to each task, (U,) of one; seeds: what training seeds add, empty where
    they do not differ; num_seeds: the fewest of any task; stream: whose seeds they are, as in `Sums`.
    """

    value: float
    users: Floats
    blocks: tuple[int, ...]
    seeds: tuple[SeedLevel, ...] = ()
    num_seeds: int = 1
    stream: str = ""


def influence(sums: Sums, scale: float = 1.0) -> Influence:
    """The figure of `sums`, times `scale`: for example 1 / (oracle - random), taken as given."""
    numerator, denominator = sums.numerator.sum(axis=0), sums.denominator.sum(axis=0)
    moved = scale * _influences(numerator, denominator)
    seeds = _seeds(sums, scale) if len(sums.numerator) > 1 else ()
    return Influence(scale * sums.value, moved, (len(moved),), seeds, len(sums.numerator), sums.stream)


def average(parts: Sequence[Influence], users: Sequence[int] | None = None) -> Influence:
    """The mean of one agent's figures on several tasks, whose trainings are independent.

    `users` says of each task whose users it has: those with the same number met the same ones, in the same order, which
    are clusters over all of these tasks. None: each task has users of its own.
    """
    share = 1.0 / len(parts)
    moved: dict[int, Floats] = {}
    for whose, part in zip(users or range(len(parts)), parts, strict=True):
        moved[whose] = share * part.users + moved.get(whose, 0.0)
    return Influence(
        value=share * sum(part.value for part in parts),
        users=np.concatenate(list(moved.values())),
        blocks=tuple(map(len, moved.values())),
        seeds=tuple(
            SeedLevel(share**2 * seed.raw, share**2 * seed.noise, seed.freedom) for part in parts for seed in part.seeds
        ),
        num_seeds=min(part.num_seeds for part in parts),
        stream=parts[0].stream,
    )


def _influences(numerator: Floats, denominator: Floats) -> Floats:
    """Of each user (..., U), on the ratio of the sums along the last axis; 0 where that is undefined or U is 1."""
    users = numerator.shape[-1]
    total = denominator.sum(axis=-1, keepdims=True)
    value = ratio(numerator.sum(axis=-1, keepdims=True), total)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = (numerator - value * denominator) / total
    unbiased = (users / max(1, users - 1)) ** 0.5  # as n - 1 in a variance
    return unbiased * np.nan_to_num(moved, nan=0.0, posinf=0.0, neginf=0.0)


def _seeds(sums: Sums, scale: float) -> tuple[SeedLevel, ...]:
    """The jackknife's variance over training seeds and what users alone put into it, as `intervals` has them."""
    once = scale * sums.of_other_seeds()
    if np.isnan(once).any() or constant(once, np.abs(once).max()):
        return ()
    freedom = len(once) - 1
    factor = freedom / len(once)
    raw = factor * float(((once - once.mean()) ** 2).sum())
    others = (part.sum(axis=0) - part for part in (sums.numerator, sums.denominator))
    moved = scale * _influences(*others)
    noise = factor * float(((moved - moved.mean(axis=0)) ** 2).sum())
    return (SeedLevel(raw, noise, freedom),)
