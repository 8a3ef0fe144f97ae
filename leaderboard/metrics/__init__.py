"""Metrics: one registry from names to formulas. They see replayed episodes only, never what a submission claims.

A new metric is one function under `@metric(...)`, in `sessions` or `shown`: its docstring is its definition on pages.
A mean-like metric returns a numerator and a denominator for each episode, so that its value is a ratio of sums and
`leaderboard.stats` can resample users and training seeds without knowing what it measures.
"""

from leaderboard.metrics import sessions, shown  # they register what they define
from leaderboard.metrics.curves import RewardCurve, departures, reward_curve, stays, survival
from leaderboard.metrics.outcomes import Outcomes
from leaderboard.metrics.registry import METRICS, SCORE, Metric, Ratio, digests, metric, reference

__all__ = [
    "METRICS",
    "SCORE",
    "Metric",
    "Outcomes",
    "Ratio",
    "RewardCurve",
    "departures",
    "digests",
    "metric",
    "reference",
    "reward_curve",
    "sessions",
    "shown",
    "stays",
    "survival",
]
