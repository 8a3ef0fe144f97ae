"""Statistics of the board: intervals, comparisons, tiers, figures over suites. See docs/statistics.md.

All work on `Sums`, an agent's sums over each user's episodes, so none needs a trace.
"""

from leaderboard.stats.improvement import improvement, improvements
from leaderboard.stats.influence import Influence, average, influence
from leaderboard.stats.intervals import LEVEL, difference, estimate, interval, mean, means, score, scores
from leaderboard.stats.pairs import Pairs, compare
from leaderboard.stats.power import Detectable, detectable, detectable_of
from leaderboard.stats.student import SeedLevel
from leaderboard.stats.suite import Aggregate, Profile, Scores, aggregate, profile, suite_scores, suites_scores
from leaderboard.stats.sums import CLUSTERS, REPLICATES, Sums, constant, counts
from leaderboard.stats.tiers import Tiers, tiers

__all__ = [
    "CLUSTERS",
    "LEVEL",
    "REPLICATES",
    "Aggregate",
    "Detectable",
    "Influence",
    "Pairs",
    "Profile",
    "Scores",
    "SeedLevel",
    "Sums",
    "Tiers",
    "aggregate",
    "average",
    "compare",
    "constant",
    "counts",
    "detectable",
    "detectable_of",
    "difference",
    "estimate",
    "improvement",
    "improvements",
    "influence",
    "interval",
    "mean",
    "means",
    "profile",
    "score",
    "scores",
    "suite_scores",
    "suites_scores",
    "tiers",
]
