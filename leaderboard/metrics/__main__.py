"""`python -m leaderboard.metrics` prints what docs/metrics.md holds of the registry."""

from leaderboard.metrics import reference

print(reference(), end="")
