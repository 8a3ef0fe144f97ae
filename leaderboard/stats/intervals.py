"""Intervals: a paired bootstrap over users, widened by what training seeds add.

What varies is which users came and which training seed was used; episodes of one user are not independent. So
users are resampled as clusters, with all their episodes under all training seeds: the cluster bootstrap (Davison &
Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8).

Training seeds are few, and resampling few units gives intervals that are far too short: by sqrt((S - 1) / S), and
again because their spread is itself hardly known (Hesterberg, "What Teachers Should Know about the Bootstrap", The
American Statistician 69(4), 2015, section 4.1.2). His remedy, wider percentiles, cannot reach beyond the
best and the worst seed. So the variance between seeds is estimated by the jackknife, less what users alone put into
it (as the interaction in a crossed analysis of variance), and joins the users' variance under a t quantile whose
degrees of freedom are those of Satterthwaite, "An Approximate Distribution of Estimates of Variance Components",
Biometrics Bulletin 2(6), 1946. Where seeds do not differ the interval is that of the bootstrap. What it
covers is measured in `tests/leaderboard/test_interval_coverage.py`. Reporting seeds at all follows Agarwal et al.,
"Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021.

User counts are the same for all agents of a task (common random numbers), so differences and scores are paired.
Draws are counter-based: the same data give the same interval, on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any, Final, Literal

import numpy as np

from leaderboard.schema import Estimate
from leaderboard.stats.student import SeedLevel, t_quantile
from leaderboard.stats.sums import AT_ONCE, REPLICATES, Floats, Sums, constant, forget, resample

LEVEL: Final = 0.95
Method = Literal["percentile", "bca"]
Statistic = Callable[..., Any]


def estimate(
    statistic: Statistic, *sums: Sums, method: Method = "percentile", replicates: int = REPLICATES, level: float = LEVEL
) -> Estimate | None:
    """`statistic` of the metrics of one or more agents, with its interval; None where it is undefined.

    `statistic` is a function of as many numbers as there are `sums`, and works on arrays elementwise. All sums
    must be over the same users. Degenerate cases have no interval and say why, instead of one of width zero.
    """
    users = sums[0].numerator.shape[1]
    if any(s.numerator.shape[1] != users for s in sums):
        raise ValueError("agents can be compared only on the same users")
    value = float(_finite(statistic(*(s.value for s in sums))))
    if np.isnan(value):
        return None
    if users < 2:
        return Estimate(value=value, note="one user: no interval")
    drawn = _finite(statistic(*(s.replicates(replicates) for s in sums)))
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < 0.9 * replicates:
        return Estimate(value=value, note="undefined in many resamples: no interval")
    levels = _seed_levels(statistic, sums, replicates)
    if any(np.isnan(seed.noise) for seed in levels):
        return Estimate(value=value, note="undefined without one of the training seeds: no interval")
    if constant(defined, value) and not levels:
        return Estimate(value=value, note="no variation over users or training seeds: no interval")
    jackknife = _finite(statistic(*(s.without_each_user() for s in sums))) if method == "bca" else None
    low, high = interval(defined, value, level, jackknife)
    low, high = _widened(low, high, value, float(defined.var()), levels, level)
    seeds = min(s.numerator.shape[0] for s in sums)
    note = "one training seed: its share of the variation is not in the interval" if seeds < 2 else ""
    return Estimate(value=value, low=low, high=high, note=note)


def interval(drawn: Floats, value: float, level: float, jackknife: Floats | None = None) -> tuple[float, float]:
    """Percentile interval of bootstrap replicates; bias-corrected and accelerated where `jackknife` is given.

    Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, sections 13.3 and 14.3.
    """
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if jackknife is not None:
        tails = _bca_levels(drawn, value, tails, jackknife)
    low, high = np.quantile(drawn, tails)
    return float(low), float(high)


def _bca_levels(drawn: Floats, value: float, tails: Floats, jackknife: Floats) -> Floats:
    normal = NormalDist()
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2  # ties count half
    edge = 0.5 / len(drawn)
    bias = normal.inv_cdf(float(np.clip(below, edge, 1 - edge)))
    spread = jackknife.mean() - jackknife
    scale = float((spread**2).sum()) ** 1.5
    acceleration = float((spread**3).sum()) / (6 * scale) if scale > 0 else 0.0
    shifted = [bias + normal.inv_cdf(float(t)) for t in tails]
    return np.array([normal.cdf(bias + z / (1 - acceleration * z)) for z in shifted])


def _seed_levels(statistic: Statistic, sums: Sequence[Sums], replicates: int) -> list[SeedLevel]:
    """The seed level of each agent among `sums` whose seeds differ by more than their users make them.

    Its noise is NaN where the statistic is undefined without one of the seeds.
    """
    found = []
    for stream in sorted({s.stream for s in sums if len(s.numerator) > 1}):
        once = _without_each_seed(statistic, sums, stream, Sums.of_other_seeds, lambda s: s.value)
        if constant(once, np.abs(once).max()):
            continue
        again = _without_each_seed(
            statistic, sums, stream, lambda s: s.of_other_seeds(replicates), lambda s: s.replicates(replicates)[:, None]
        )
        freedom = len(once) - 1
        factor = freedom / len(once)  # of the jackknife's variance
        raw = factor * float(((once - once.mean()) ** 2).sum())
        noise = (again - again.mean(axis=1, keepdims=True))[np.isfinite(again).all(axis=1)]
        of_users = factor * float(noise.var(axis=0).sum()) if len(noise) else np.nan
        if not raw <= of_users:
            found.append(SeedLevel(raw, of_users, freedom))
    return found


def _without_each_seed(
    statistic: Statistic,
    sums: Sequence[Sums],
    stream: str,
    without: Callable[[Sums], Any],
    whole: Callable[[Sums], Any],
) -> Any:
    """The statistic without each seed of one agent in turn, while the other agents keep theirs."""
    return _finite(statistic(*((without if s.stream == stream and len(s.numerator) > 1 else whole)(s) for s in sums)))


def _widened(
    low: float, high: float, value: float, variance: float, levels: Sequence[SeedLevel], level: float
) -> tuple[float, float]:
    """The users' interval, each side widened by the variance of the seeds; the same where there is none."""
    if not levels:
        return low, high
    added = sum(s.net for s in levels)
    freedom = (variance + added) ** 2 / sum(s.raw**2 / s.freedom for s in levels)
    quantile = t_quantile(max(freedom, min(s.freedom for s in levels)), level)
    normal = NormalDist().inv_cdf((1 + level) / 2)
    below, above = (
        quantile * float(np.hypot(max(side, 0.0) / normal, added**0.5)) for side in (value - low, high - value)
    )
    return value - below, value + above


def _finite(values: Any) -> Any:
    values = np.asarray(values, np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def mean(sums: Sums, **options: Any) -> Estimate | None:
    """A metric of one agent."""
    return estimate(lambda a: a, sums, **options)


def difference(first: Sums, second: Sums, **options: Any) -> Estimate | None:
    """The first agent's metric less the second's, paired by user."""
    return estimate(lambda a, b: a - b, first, second, **options)


def score(agent: Sums, bottom: Sums, top: Sums, **options: Any) -> Estimate | None:
    """The agent between `bottom` = 0 and `top` = 1, paired by user; None where top is not above bottom."""
    if not top.value > bottom.value:
        return None
    return estimate(lambda a, low, high: (a - low) / (high - low), agent, bottom, top, **options)


def means(sums: Sequence[Sums]) -> list[Estimate | None]:
    """`mean` of each of many metrics or agents, all over the same users, by few products of matrices."""
    return _many(sums, mean)


def scores(agents: Sequence[Sums], bottom: Sums, top: Sums) -> list[Estimate | None]:
    """`score` of each of many agents, the ends of the scale being resampled once."""
    low, high = replace(bottom), replace(top)  # copies, which keep their replicates when an agent among them forgets
    resample([low, high])
    return _many(agents, lambda agent: score(agent, low, high))


def _many(sums: Sequence[Sums], interval_of: Callable[[Sums], Estimate | None]) -> list[Estimate | None]:
    found = []
    for start in range(0, len(sums), AT_ONCE):
        some = sums[start : start + AT_ONCE]
        resample(some)
        found += [interval_of(s) for s in some]
        forget(some)
    return found
