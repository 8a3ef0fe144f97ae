"""`curve.json` of a submission: how training went, and how well what was learned does at several budgets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from leaderboard.evaluate.curve.plan import LearningCurve
from leaderboard.schema import Count, Stored, TrainingCurve


class CurveFile(Stored):
    """Curves that go with a submission. They are told: verification replays what is in the trace, and no training.

    training: metered by the harness while the run trained. tested: results of `longrec train --curve`, of the same
    agent on tasks of the suite.
    """

    schema_version: Literal[1] = 1
    training: tuple[TrainingCurve, ...] = Field(default=(), max_length=16_384)
    left_out: Count = Field(default=0, description="cells whose training is not told, for size")
    tested: tuple[LearningCurve, ...] = Field(default=(), max_length=256)
