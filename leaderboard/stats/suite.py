"""Figures of one agent over a whole suite, of its normalised scores on each task under each training seed.

After Agarwal, Schwarzer, Castro, Courville & Bellemare, "Deep reinforcement learning at the edge of the statistical
precipice", NeurIPS 2021 (sections 4.2 and 4.3), whose library rliable gives the same figures. Its stratified
bootstrap, which draws training runs within each task, is kept with two changes. Users are drawn as well, the same for
the agent and for both ends of the scale, and for tasks that share them. And of S seeds S - 1 are drawn, not S, which
makes the variance of their mean unbiased, where S draws make it too small by (S - 1) / S (McCarthy & Snowden, "The
bootstrap and finite population sampling", Vital and Health Statistics 2(95), 1985; Rao & Wu, "Resampling inference with
complex survey data", JASA 83, 1988).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from leaderboard.schema import Estimate
from leaderboard.stats.intervals import LEVEL
from leaderboard.stats.sums import AT_ONCE, REPLICATES, Floats, Sums, constant, counts, ratio, users_of
from recsim_envs import rng

THRESHOLDS: Final = tuple(np.linspace(0, 1.2, 61).round(2).tolist())
"""Scores at which a profile is drawn."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Normalised scores of one agent: `values` float64 (S seeds, T tasks), and in R replicates: (R, S', T).

    A replicate holds S' = S - 1 seeds, drawn anew for each task; the one seed where S is 1. users: the fewest of any
    task.
    """

    values: Floats
    replicates: Floats
    users: int


def suite_scores(
    agent: Sequence[Sums], bottom: Sequence[Sums], top: Sequence[Sums], replicates: int = REPLICATES
) -> Scores | None:
    """Scores of an agent between `bottom` = 0 and `top` = 1; one `Sums` a task each. None where a task has no scale."""
    return next(suites_scores([agent], bottom, top, replicates))


def suites_scores(
    agents: Sequence[Sequence[Sums]],
    bottom: Sequence[Sums],
    top: Sequence[Sums],
    replicates: int = REPLICATES,
    users: Sequence[int] | None = None,
) -> Iterator[Scores | None]:
    """`suite_scores` of each of many agents, by few products of matrices.

    `users` says of each task whose users it has: for those with the same number, the same are drawn. None: each task
    has users of its own.
    """
    if not all(high.value > low.value for low, high in zip(bottom, top, strict=True)):
        yield from (None for _ in agents)
        return
    weights = [_weights(whose, of, replicates) for whose, of in zip(users or range(len(bottom)), bottom, strict=True)]
    ends = [[_of_all_seeds(s, w) for s in pair] for *pair, w in zip(bottom, top, weights, strict=True)]
    for start in range(0, len(agents), AT_ONCE):
        some = agents[start : start + AT_ONCE]
        of_tasks = [_of_each_seed([a[task] for a in some], w) for task, w in enumerate(weights)]
        for n, agent in enumerate(some):
            scores = [ratio(found[n] - low, high - low) for found, (low, high) in zip(of_tasks, ends, strict=True)]
            yield _split(np.stack(scores, axis=-1), agent)


def _split(scores: Floats, agent: Sequence[Sums]) -> Scores | None:
    """From scores (1 + R, S, T), the first without resampling."""
    if np.isnan(scores[0]).any():
        return None
    users = min(s.numerator.shape[1] for s in agent)
    return Scores(scores[0], _draw_seeds(scores[1:], agent[0].stream), users)


def _weights(whose: int, sums: Sums, replicates: int) -> Floats:
    """How often each user counts: (1 + R, U), once in the first row."""
    users = sums.numerator.shape[1]
    return np.concatenate([np.ones((1, users)), counts(users, replicates, users_of(whose))])


def _of_all_seeds(sums: Sums, weights: Floats) -> Floats:
    """A metric with users counted by `weights`: (1 + R, 1)."""
    return ratio(weights @ sums.numerator.sum(axis=0), weights @ sums.denominator.sum(axis=0))[:, None]


def _of_each_seed(sums: Sequence[Sums], weights: Floats) -> list[Floats]:
    """A metric of several agents under each seed, with users counted by `weights`: (1 + R, S) each."""
    numerator, denominator = (
        weights @ np.concatenate(parts).T for parts in zip(*((s.numerator, s.denominator) for s in sums), strict=True)
    )
    stops = np.cumsum([len(s.numerator) for s in sums])[:-1]
    return np.split(ratio(numerator, denominator), stops, axis=1)


def of_runs(values: Floats, replicates: int = REPLICATES) -> Scores:
    """Scores (S, T) that are known without error, so that training seeds alone vary: what rliable takes."""
    return Scores(values, _draw_seeds(np.repeat(values[None], replicates, axis=0), ""), 2)


def _draw_seeds(of_users: Floats, stream: str) -> Floats:
    replicates, seeds, tasks = of_users.shape
    if seeds == 1:
        return of_users
    key = rng.derive_seed("bootstrap", "seeds of tasks", stream)
    lanes = np.arange((seeds - 1) * tasks).reshape(1, seeds - 1, tasks)
    chosen = rng.below_array(seeds, key, np.arange(replicates)[:, None, None], rng.EPISODE, lanes)
    return np.take_along_axis(of_users, chosen, axis=1)


def interquartile_mean(scores: Floats) -> Floats:
    """The mean of the middle half of all scores (..., S, T), a quarter being cut at either end, rounded down."""
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = flat.shape[-1] // 4
    return flat[..., cut : flat.shape[-1] - cut].mean(axis=-1)


def mean_score(scores: Floats) -> Floats:
    """The mean of all scores (..., S, T)."""
    return scores.mean(axis=(-2, -1))


def median_score(scores: Floats) -> Floats:
    """The median over tasks of the mean over seeds of scores (..., S, T)."""
    return np.median(scores.mean(axis=-2), axis=-1)


def optimality_gap(scores: Floats) -> Floats:
    """How far scores (..., S, T) stay below 1 on average, what exceeds it not making up for others."""
    return 1.0 - np.minimum(scores, 1.0).mean(axis=(-2, -1))


@dataclass(frozen=True)
class Aggregate:
    """An agent over a suite, in normalised score; see the functions of these names."""

    iqm: Estimate
    mean: Estimate
    median: Estimate
    optimality_gap: Estimate


def aggregate(scores: Scores, level: float = LEVEL) -> Aggregate:
    """The four figures, with percentile intervals of the stratified bootstrap."""
    return Aggregate(
        *(_estimate(scores, f, level) for f in (interquartile_mean, mean_score, median_score, optimality_gap))
    )


def _estimate(scores: Scores, figure: Callable[[Floats], Floats], level: float) -> Estimate:
    value = float(figure(scores.values))
    if scores.users < 2:
        return Estimate(value=value, note="one user: no interval")
    drawn = figure(scores.replicates)
    if not np.isfinite(drawn).all():
        return Estimate(value=value, note="undefined in some resamples: no interval")
    if constant(drawn, value):
        return Estimate(value=value, note="no variation over users or training seeds: no interval")
    low, high = (float(x) for x in np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]))
    note = "one training seed: its share of the variation is not in the interval" if len(scores.values) < 2 else ""
    return Estimate(value=value, low=low, high=high, note=note)


@dataclass(frozen=True)
class Profile:
    """A performance profile: the share of (training seed, task) pairs whose score is above each threshold of `at`.

    low, high: a band that holds at each threshold by itself; None where there is none. The area under a profile from 0
    on is the mean of the scores, those below 0 counting 0.
    """

    at: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


def profile(scores: Scores, at: Sequence[float] = THRESHOLDS, level: float = LEVEL) -> Profile:
    """The profile of an agent; source: Dolan & Moré, Mathematical Programming 91, 2002, as used by Agarwal et al."""
    share = [float((scores.values > t).mean()) for t in at]
    drawn = np.stack([(scores.replicates > t).mean(axis=(1, 2)) for t in at], axis=1)
    if scores.users < 2 or np.ptp(scores.replicates, axis=0).max() == 0:
        return Profile(tuple(at), tuple(share), None, None)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Profile(tuple(at), tuple(share), tuple(low.tolist()), tuple(high.tolist()))
