"""Rows of the board."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from leaderboard.schema.basics import Count, EnvId, Finite, Json, Line, Name, Seconds, Sha256, Stored
from leaderboard.schema.submission import Disclosure, LogRecord, World
from leaderboard.schema.suite import SpentBudget, Track

Badge = Literal["reported", "replayed"]


class Estimate(Stored):
    """A figure with its 95 % interval. Without an interval, `note` says why there is none."""

    value: Finite
    low: Finite | None = None
    high: Finite | None = None
    note: Line = ""

    @model_validator(mode="after")
    def _ordered(self) -> Estimate:
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high come together")
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise ValueError("low is above high")
        return self


class Row(Stored):
    """One line of the board: one submission on one task. Made by `leaderboard.results.rows`.

    `score` is among `metrics` only where the suite's random and oracle agents were submitted too.
    """

    agent: Name
    parameters: Json
    version: Line = Field(description="name of the submission's folder")
    suite: Name
    suite_hash: Sha256
    track: Track
    task: int
    env_id: EnvId
    options: Json
    world: World
    log: LogRecord | None = Field(default=None, description="what agents might learn from, on track offline")
    from_log: bool = Field(default=False, description="whether this agent learnt from it")
    badge: Badge
    privileged: bool
    training_seeds: int = Field(description="how many")
    episodes: int = Field(description="over all training seeds")
    users: int = Field(description="distinct test users met")
    steps: Count
    declared: SpentBudget
    spent: SpentBudget = Field(description="the most that any training seed used")
    metrics: dict[Name, Estimate]
    departures: dict[Line, Finite] = Field(description="share of episodes by cause of their end; sums to 1")
    stays: tuple[Line, ...] = Field(description="those of these causes that are no departures: the user stayed")
    curve: tuple[Finite, ...] = Field(description="share of sessions still running after step 1, 2, ..., horizon")
    wall_seconds: Seconds
    facts: tuple[Json, ...] = Field(description="Agent.describe() of each training seed")
    command: tuple[Line, ...]
    commit: str
    dirty: bool
    created: datetime
    disclosure: Disclosure
