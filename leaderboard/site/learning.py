"""Learning curves: what agents earned after more and more training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leaderboard.site.charts import Chart

if TYPE_CHECKING:
    from leaderboard.board.model import Entry


def learning_charts(entries: Sequence[Entry]) -> list[Chart]:
    """Nothing until submissions hold curves."""
    return []
