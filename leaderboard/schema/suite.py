"""Suites: tasks, training seeds, and the track that says what agents may use."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from leaderboard.schema.basics import (
    SCHEMA_VERSION,
    Count,
    EnvId,
    Json,
    Line,
    Name,
    Salt,
    Sha256,
    Sparse,
    Stored,
    Text,
    TrainingSeed,
    canonical_json,
    json_hash,
)

MAX_EPISODES: Final = 100_000  # of one task and training seed
MAX_SUITE_EPISODES: Final = 10_000_000  # of all tasks and training seeds together

Track = Literal["zero-shot", "scarce", "online", "offline"]


class SpentBudget(Stored):
    """Interaction with training users: episodes that ended, and steps. As a limit, None is no limit."""

    episodes: Count | None = None
    steps: Count | None = None


TRACKS: Final[dict[str, SpentBudget]] = {
    "zero-shot": SpentBudget(episodes=0, steps=0),
    "scarce": SpentBudget(episodes=100),
    "online": SpentBudget(steps=1_000_000),
    "offline": SpentBudget(episodes=0, steps=0),
}
"""What interaction each track allows an agent for one task and training seed; on track offline a log is given."""


# `family` and `of` name code to import, and a stranger's submission must not choose that.
RESERVED_OPTIONS: Final = frozenset(
    {"split", "family", "of", "env_id", "num_lanes", "num_envs", "autoreset_mode", "render_mode"}
)


class LogRef(Stored):
    """Which log agents learn from on track offline.

    Without `sha256` it is a named log of the task's environment and options, which anyone can make; with it, a file's:
    `sha256` is the hash of the log in it, and `name` and `sessions` say what it was.
    """

    name: Line = Field(min_length=1)
    sessions: int = Field(default=10_000, ge=1, lt=2**31)
    seed: Count = 0
    sha256: Sha256 | None = None


class Task(Sparse):
    """One environment of a suite. `options` are keywords of `gymnasium.make`, without `split`: it is always "test".

    `world` and `fingerprint` fix what the id stands for, data and dynamics: where they differ, nothing is run.
    """

    env_id: EnvId
    options: Json = Field(default_factory=dict)
    episodes: int = Field(ge=1, le=MAX_EPISODES, description="test episodes for each training seed: a fixed quota")
    log: LogRef | None = Field(default=None, description="of track offline: what agents learn from")
    world: Sha256 | None = Field(default=None, description="the hash that the data behind it must have")
    fingerprint: Sha256 | None = Field(default=None, description="the hash that a short fixed run of it must have")

    @model_validator(mode="after")
    def _no_reserved_options(self) -> Task:
        if taken := sorted(RESERVED_OPTIONS & self.options.keys()):
            raise ValueError(f"options must not set {taken[0]}: the harness does (test users, lanes, which code runs)")
        return self


class SeasonRef(Stored):
    """The season that a suite's seeds belong to, and its salt, which nobody knew before the close."""

    name: Name
    salt: Salt


class Suite(Sparse):
    """A fixed list of tasks, training seeds and a budget. Results are compared only inside one suite hash.

    `limit` is a budget below the track's; `season` makes the seeds those of a season. Where `parts` are shared, a part
    of the suite, for agents that refuse the rest, meets the suite's users, and its rows stand in the suite's tables: it
    names that suite as its `whole`.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Name
    track: Track = "scarce"
    limit: SpentBudget | None = None
    training_seeds: tuple[TrainingSeed, ...] = Field(min_length=1, max_length=64)
    tasks: tuple[Task, ...] = Field(min_length=1, max_length=256)
    season: SeasonRef | None = None
    parts: Literal["shared"] | None = Field(default=None, description="None: parts have test users of their own")
    whole: Suite | None = Field(default=None, description="of a part: the suite that its tasks are taken from")
    description: Text = ""

    @model_validator(mode="after")
    def _distinct(self) -> Suite:
        if len(set(self.training_seeds)) != len(self.training_seeds):
            raise ValueError("training_seeds holds a seed twice")
        labels = [canonical_json([t.env_id, t.options]) for t in self.tasks]
        if len(set(labels)) != len(labels):
            raise ValueError("tasks holds the same environment with the same options twice")
        if (total := self.episodes) > MAX_SUITE_EPISODES:
            raise ValueError(f"tasks and training_seeds ask for {total} episodes; at most {MAX_SUITE_EPISODES} may be")
        return self

    @model_validator(mode="after")
    def _fits_its_track(self) -> Suite:
        for n, task in enumerate(self.tasks):
            if (task.log is not None) != (self.track == "offline"):
                raise ValueError(
                    f"tasks.{n}.log is missing; agents of track offline learn from a log"
                    if task.log is None
                    else f"tasks.{n}.log is given; track {self.track} has none, only track offline"
                )
        check_limit(self.track, self.limit)
        return self

    @model_validator(mode="after")
    def _of_its_whole(self) -> Suite:
        if self.whole is None:
            return self
        alike = ("track", "limit", "training_seeds", "season")
        if (
            self.whole.parts != "shared"
            or self.parts is not None
            or any(getattr(self, name) != getattr(self.whole, name) for name in alike)
            or any(task not in self.whole.tasks for task in self.tasks)
        ):
            raise ValueError("whole is not a suite that this one is a part of; `longrec evaluate --env` makes parts")
        return self

    @property
    def table(self) -> Suite:
        """The suite whose tables rows stand in: the whole, of a part that shares its users."""
        return self.whole or self

    @property
    def numbers(self) -> tuple[int, ...]:
        """The number of each task in `table`."""
        return tuple(map(self.table.tasks.index, self.tasks))

    @property
    def episodes(self) -> int:
        """Test episodes over all tasks and training seeds."""
        return len(self.training_seeds) * sum(task.episodes for task in self.tasks)

    @property
    def hash(self) -> str:
        """SHA-256 of everything but the description."""
        return json_hash(self.model_dump(mode="json", exclude={"description"}))

    @property
    def seed_name(self) -> str:
        """What all seeds derive from. No suite can be named as a season's seeds are, so they share no seed."""
        name = self.table.name
        return name if self.season is None else f"season {self.season.name} {name} {self.season.salt}"

    @property
    def budget(self) -> SpentBudget:
        """What an agent may use for one task and training seed."""
        allowed = TRACKS[self.track]
        return allowed if self.limit is None else _least(self.limit, allowed)


def check_limit(track: Track, limit: SpentBudget | None) -> None:
    """Raise `ValueError` for a budget that is none, or that is more than the track allows."""
    if limit is None:
        return
    given, budget = limit.model_dump(exclude_none=True), _least(limit, TRACKS[track])
    if not given or any(n < 1 or n != getattr(budget, unit) for unit, n in given.items()):
        allowed = {unit: n for unit, n in TRACKS[track].model_dump(exclude_none=True).items() if n}
        told = " and ".join(f"{n} {unit}" for unit, n in allowed.items()) or "no interaction, so leave the budget out"
        raise ValueError(f"limit must be one episode or step or more, and no more than track {track} allows: {told}")


def _least(one: SpentBudget, other: SpentBudget) -> SpentBudget:
    """The stricter of two limits, unit by unit."""
    pairs = {unit: (getattr(one, unit), getattr(other, unit)) for unit in ("episodes", "steps")}
    known = {unit: [n for n in pair if n is not None] for unit, pair in pairs.items()}
    return SpentBudget(**{unit: min(found) for unit, found in known.items() if found})
