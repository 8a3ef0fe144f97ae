"""What a sweep file and a tuning file say. Both are JSON that people write, so strings stand for what is plain."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, GetJsonSchemaHandler, Tag, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from leaderboard.schema import (
    MAX_EPISODES,
    EnvId,
    Json,
    Line,
    Name,
    SpentBudget,
    Stored,
    Text,
    Track,
    TrainingSeed,
    canonical_json,
    check_limit,
)

Key = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,79}$")]
Values = Annotated[tuple[Any, ...], Field(min_length=1, max_length=1_000)]
Grid = dict[Key, Values]
"""Values to try, by name: every combination of them."""


class _Short(Stored):
    """A model that a string may stand for: its first field."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {next(iter(cls.model_fields)): value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(core))
        first = next(iter(cls.model_fields))
        return {"anyOf": [whole["properties"][first], whole]}


class AgentChoice(_Short):
    """An agent under fixed `parameters`, and under every combination of the values in `grid`."""

    agent: Line = Field(min_length=1, description="a registered agent, or module:Class")
    parameters: Json = Field(default_factory=dict)
    grid: Grid = Field(default_factory=dict)
    tuning: Text = Field(default="", description="disclosed in the submissions: how the parameters were found")

    @model_validator(mode="after")
    def _apart(self) -> AgentChoice:
        _check_apart("parameters", self.parameters, self.grid)
        return self


class EnvironmentChoice(_Short):
    """An environment under fixed `options`, and under every combination of the values in `grid`."""

    env_id: EnvId
    options: Json = Field(default_factory=dict)
    grid: Grid = Field(default_factory=dict)
    log: Line = Field(default="mixed", min_length=1, description="of track offline: a policy, a log's name, or a file")

    @model_validator(mode="after")
    def _apart(self) -> EnvironmentChoice:
        _check_apart("options", self.options, self.grid)
        return self


class TrackChoice(_Short):
    """A track, perhaps with a smaller budget than its own."""

    track: Track
    limit: SpentBudget | None = None

    @model_validator(mode="after")
    def _fits(self) -> TrackChoice:
        check_limit(self.track, self.limit)
        return self


class SuiteChoice(_Short):
    """A suite, or the part of it that has these environments, for agents that refuse the others."""

    suite: Line = Field(min_length=1, description="a built-in suite, or a JSON file")
    env_ids: tuple[EnvId, ...] = Field(default=(), max_length=256, description="none is all")


class Match(Stored):
    """Combinations that agree in everything that is given here; of parameters and options those that are named."""

    agent: Line | None = None
    parameters: Json | None = None
    env_id: EnvId | None = None
    options: Json | None = None
    track: Track | None = None
    suite: Name | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Match:
        if not self.model_fields_set:
            raise ValueError("an exclusion without a field would leave out everything")
        return self


class SweepFile(Stored):
    """Agents x environments x tracks x training seeds, and agents x suites.

    `training_seeds` and `episodes` are those of `environments`; a suite has its own.
    """

    schema_version: Literal[1] = 1
    name: Name
    description: Text = ""
    agents: tuple[AgentChoice, ...] = Field(min_length=1, max_length=256)
    environments: tuple[EnvironmentChoice, ...] = Field(default=(), max_length=256)
    tracks: tuple[TrackChoice, ...] = Field(
        default=(), max_length=16, description="default: scarce on environments, a suite's own on suites"
    )
    training_seeds: tuple[TrainingSeed, ...] = Field(default=(0, 1, 2), min_length=1, max_length=64)
    episodes: int = Field(default=100, ge=1, le=MAX_EPISODES, description="test episodes of each cell")
    suites: tuple[SuiteChoice, ...] = Field(default=(), max_length=64)
    exclude: tuple[Match, ...] = Field(default=(), max_length=1_000)

    @model_validator(mode="after")
    def _somewhere(self) -> SweepFile:
        if not self.environments and not self.suites:
            raise ValueError("name environments or suites to run the agents on")
        return self


class Range(Stored):
    """Numbers from `low` to `high`, drawn evenly, or evenly in their logarithm; whole ones where both ends are."""

    low: int | float
    high: int | float
    scale: Literal["linear", "log"] = "linear"

    @property
    def whole(self) -> bool:
        """Whether whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError("low must be below high, both finite")
        if self.scale == "log" and self.low <= 0:
            raise ValueError("a logarithmic range must lie above 0")
        return self


Searched = Annotated[
    Annotated[Values, Tag("values")] | Annotated[Range, Tag("range")],
    Discriminator(lambda value: "range" if isinstance(value, dict | Range) else "values"),
]
"""What a parameter is searched among: a list of values, or a range."""


class TuneBudget(Stored):
    """What all trials together may use, the defaults' among them: sessions or steps on train users, seconds of cells.

    Seconds depend on the machine: no trial is begun once they are spent.
    """

    episodes: int | None = Field(default=None, ge=1, le=10**12)
    steps: int | None = Field(default=None, ge=1, le=10**12)
    seconds: float | None = Field(default=None, gt=0, le=1e9)

    @model_validator(mode="after")
    def _limited(self) -> TuneBudget:
        if not self.model_fields_set:
            raise ValueError("state a budget: episodes, steps or seconds")
        return self


class TuneFile(Stored):
    """A search over parameters of one agent on train users: a grid of lists, or `trials` random draws."""

    schema_version: Literal[1] = 1
    name: Name
    description: Text = ""
    agent: Line = Field(min_length=1)
    parameters: Json = Field(default_factory=dict, description="fixed in all trials")
    search: dict[Key, Searched] = Field(min_length=1, max_length=32)
    budget: TuneBudget
    trials: int | None = Field(
        default=None, ge=1, le=10_000, description="random draws; None: the whole grid, or all the budget allows"
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="of the draws")
    environments: tuple[EnvironmentChoice, ...] = Field(min_length=1, max_length=64)
    track: TrackChoice = TrackChoice(track="scarce")
    training_seeds: tuple[TrainingSeed, ...] = Field(default=(0, 1), min_length=1, max_length=64)
    episodes: int = Field(default=100, ge=1, le=MAX_EPISODES, description="sessions that judge a trial, each cell")

    @model_validator(mode="after")
    def _apart(self) -> TuneFile:
        _check_apart("parameters", self.parameters, self.search, "search")
        return self


def combinations(fixed: Mapping[str, Any], grid: Mapping[str, tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """`fixed` with every combination of the values of `grid`, the last name's changing fastest."""
    for values in itertools.product(*grid.values()):
        yield {**fixed, **dict(zip(grid, values, strict=True))}


def _check_apart(what: str, fixed: Mapping[str, Any], searched: Mapping[str, Any], where: str = "grid") -> None:
    """Raise `ValueError` where a name has both a fixed value and others, or a value twice."""
    if both := sorted(fixed.keys() & searched.keys()):
        raise ValueError(f"{both[0]} is among both {what} and {where}; keep one")
    for name, values in searched.items():
        if isinstance(values, tuple) and len({canonical_json(v) for v in values}) != len(values):
            raise ValueError(f"{where}.{name} holds a value twice")
