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
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from leaderboard.schema import Estimate
from recsim_envs import rng

REPLICATES: Final = 2000
LEVEL: Final = 0.95
CLUSTERS: Final = 4096  # at most so many are resampled: a replicate counts each of them
Method = Literal["percentile", "bca"]
Floats = NDArray[np.float64]
Statistic = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Sums:
    """A mean-like metric of one agent on one task: sums over each user's episodes, (S seeds, U users) each."""

    numerator: Floats
    denominator: Floats
    stream: str = ""
    """Whose training seeds these are: those of one agent vary together, those of different agents independently."""

    @classmethod
    def of(cls, numerator: Any, denominator: Any, users: NDArray[np.int64], stream: str = "") -> Sums:
        """Sum episodes (S, E) over the E episodes' users, in ascending order of user.

        Where every session draws a user of its own, a session is a cluster. More than `CLUSTERS` users are dealt out
        to so many groups, which are clusters as well: users are independent, so sums over groups vary as they do.
        """
        _, index = np.unique(users, return_inverse=True)
        index = index % CLUSTERS
        count = int(index.max()) + 1

        def collect(values: Any) -> Floats:
            return np.stack([np.bincount(index, row, count) for row in np.asarray(values, np.float64)])

        return cls(collect(numerator), collect(denominator), stream)

    @property
    def value(self) -> float:
        """The metric itself: ratio of sums, NaN where nothing counts."""
        return float(_ratio(self.numerator.sum(), self.denominator.sum()))

    def replicates(self, number: int) -> Floats:
        """The metric in each bootstrap replicate of the users: (number,)."""
        return _ratio(*(part.sum(axis=1) for part in self._resampled(number)))

    def of_other_seeds(self, number: int | None = None) -> Floats:
        """The metric without training seed s, for each of S > 1: (S,), or (number, S) in replicates of the users."""
        if number is None:
            parts = self.numerator.sum(axis=1)[None], self.denominator.sum(axis=1)[None]
        else:
            parts = self._resampled(number)
        found = _ratio(*(part.sum(axis=1, keepdims=True) - part for part in parts))
        return found[0] if number is None else found

    def _resampled(self, number: int) -> tuple[Floats, Floats]:
        drawn = counts(self.numerator.shape[1], number, "users")
        return drawn @ self.numerator.T, drawn @ self.denominator.T

    def without_each_user(self) -> Floats:
        """The metric without user u, for each u: (U,), the jackknife that BCa needs."""
        n, d = self.numerator.sum(axis=0), self.denominator.sum(axis=0)
        return _ratio(n.sum() - n, d.sum() - d)


def _ratio(numerator: Any, denominator: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.true_divide(numerator, denominator)
    return np.where(np.isfinite(ratio), ratio, np.nan)


@lru_cache(maxsize=16)
def counts(size: int, replicates: int, purpose: str) -> Floats:
    """How often each of `size` units is drawn, with replacement, in each replicate: float64 (replicates, size)."""
    key = rng.derive_seed("bootstrap", purpose, size)
    drawn = rng.below_array(size, key, np.arange(replicates)[:, None], rng.EPISODE, np.arange(size)[None, :])
    cells = drawn + np.arange(replicates)[:, None] * size
    table = np.bincount(cells.reshape(-1), minlength=replicates * size).reshape(replicates, size).astype(np.float64)
    table.setflags(write=False)  # it is shared by the cache
    return table


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
    if any(np.isnan(seed.net) for seed in levels):
        return Estimate(value=value, note="undefined without one of the training seeds: no interval")
    if np.ptp(defined) <= 1e-12 * max(1.0, abs(value)) and not levels:
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


@dataclass(frozen=True)
class _SeedLevel:
    """What the training seeds of one agent add: variance between seeds, that without users' share, its freedom."""

    raw: float
    net: float
    freedom: int


def _seed_levels(statistic: Statistic, sums: Sequence[Sums], replicates: int) -> list[_SeedLevel]:
    """The seed level of each agent among `sums` whose seeds differ by more than their users make them.

    Its variances are NaN where the statistic is undefined without one of the seeds.
    """
    found = []
    for stream in sorted({s.stream for s in sums if len(s.numerator) > 1}):
        once = _without_each_seed(statistic, sums, stream, Sums.of_other_seeds, lambda s: s.value)
        if np.ptp(once) <= 1e-12 * max(1.0, float(np.abs(once).max())):
            continue
        again = _without_each_seed(
            statistic, sums, stream, lambda s: s.of_other_seeds(replicates), lambda s: s.replicates(replicates)[:, None]
        )
        freedom = len(once) - 1
        factor = freedom / len(once)  # of the jackknife's variance
        raw = factor * float(((once - once.mean()) ** 2).sum())
        noise = (again - again.mean(axis=1, keepdims=True))[np.isfinite(again).all(axis=1)]
        net = raw - factor * float(noise.var(axis=0).sum()) if len(noise) else np.nan
        if not net <= 0:
            found.append(_SeedLevel(raw, net, freedom))
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
    low: float, high: float, value: float, variance: float, levels: Sequence[_SeedLevel], level: float
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


def t_quantile(freedom: float, level: float) -> float:
    """The q with P(|T| <= q) = level for Student's t, by quadrature: T = sqrt(freedom) tan(a) has density cos(a) **
    (freedom - 1) in the angle a. For 1 <= freedom; relative error below 1e-4 for levels up to 0.99.
    """
    angles = np.linspace(0, min(np.pi / 2, 12 / np.sqrt(freedom)), 8193)
    density = np.cos(angles) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.sqrt(freedom) * np.tan(np.interp(level * mass[-1], mass, angles)))


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
