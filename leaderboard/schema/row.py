"""Rows of the board."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from leaderboard.schema.basics import Count, EnvId, Finite, Json, Line, Name, Seconds, Sha256, Stored
from leaderboard.schema.isolation import Lost
from leaderboard.schema.making import Disclosure, Latency, Usage
from leaderboard.schema.submission import LogRecord, World
from leaderboard.schema.suite import SpentBudget, Track

Badge = Literal["reported", "replayed", "re-run"]
"""*reported*: it could not be replayed here, and is never ranked. *replayed*: every reward, departure and length was
recomputed from its actions. *re-run*: the agent itself was run again and chose every action again."""


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


class Rank(Stored):
    """The places that a row may hold among those it competes with, 95 % sure of all rows of its table at once."""

    low: int = Field(ge=1, description="the best place")
    high: int = Field(ge=1, description="the worst place")


class Row(Stored):
    """One line of the board: one submission on one task. Made by `leaderboard.results.rows`.

    `score` is among `metrics` only where the suite's random and oracle agents were submitted too. `tier` and `rank`
    are of the table the row stands in (see docs/statistics.md); rows that read hidden state have none.
    """

    agent: Name
    parameters: Json
    version: Line = Field(description="name of the submission's folder")
    traces_sha256: Sha256 | None = Field(default=None, description="of the submission's traces")
    suite: Name = Field(description="whose table it stands in: of a part that shares its suite's users, the suite")
    suite_hash: Sha256
    season: Name | None = Field(default=None, description="whose hidden seeds these users came from, if any")
    track: Track
    task: int = Field(description="its number in that suite")
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
    metric_versions: dict[Name, int] = Field(default_factory=dict, description="of the formulas behind `metrics`")
    tier: int | None = Field(default=None, ge=1, description="1 is best; rows of one tier are not told apart")
    rank: Rank | None = None
    departures: dict[Line, Finite] = Field(description="share of episodes by cause of their end; sums to 1")
    stays: tuple[Line, ...] = Field(description="those of these causes that are no departures: the user stayed")
    curve: tuple[Finite, ...] = Field(description="share of sessions still running after step 1, 2, ..., horizon")
    reward_curve: tuple[Finite, ...] = Field(default=(), description="mean reward of all sessions at step 1, 2, ...")
    lost: Lost = Field(default=Lost(), description="sessions that the agent's failures ended, over all training seeds")
    usage_train: Usage | None = Field(default=None, description="of language models; None is not measured")
    usage_test: Usage | None = Field(default=None, description="of language models; None is not measured")
    cost_usd: Finite | None = Field(default=None, ge=0, description="of both, by the pinned table of prices")
    latency: Latency | None = Field(default=None, description="of the slowest training seed")
    wall_seconds: Seconds
    facts: tuple[Json, ...] = Field(description="Agent.describe() of each training seed")
    command: tuple[Line, ...]
    commit: str
    dirty: bool
    created: datetime
    disclosure: Disclosure
