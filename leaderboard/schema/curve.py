"""How training went, as the harness metered it: part of `curve.json`."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from leaderboard.schema.basics import Count, Finite, Stored, TrainingSeed

MOST_POINTS: Final = 64


class TrainingPoint(Stored):
    """Some training sessions that ended one after another, and what had been used of the budget when the last did."""

    episodes: Count
    steps: Count
    sessions: int = Field(ge=1, description="that the means are over")
    mean_return: Finite
    mean_length: Finite = Field(description="steps, a leaving one included")


class TrainingCurve(Stored):
    """The sessions of one training, in order. Agents explore while they train: it shows that, not what was learned."""

    task: int = Field(ge=0, lt=256)
    training_seed: TrainingSeed
    points: tuple[TrainingPoint, ...] = Field(min_length=1, max_length=MOST_POINTS)
