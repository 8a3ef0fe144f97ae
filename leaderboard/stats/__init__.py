"""Statistics of the board: intervals, comparisons, tiers, figures over suites. See docs/statistics.md.

All work on `Sums`, an agent's sums over each user's episodes, so none needs a trace.
"""

from leaderboard.stats.intervals import LEVEL, difference, estimate, interval, mean, means, score, scores
from leaderboard.stats.sums import CLUSTERS, REPLICATES, Sums, counts

__all__ = [
    "CLUSTERS",
    "LEVEL",
    "REPLICATES",
    "Sums",
    "counts",
    "difference",
    "estimate",
    "interval",
    "mean",
    "means",
    "score",
    "scores",
]
