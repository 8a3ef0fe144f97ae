"""The one source of truth for what is stored: suites, submissions, trace columns and rows of the board.

Everything here is read from files that strangers send, so every model forbids unknown fields, is immutable, and
bounds the size of every string, sequence and number. Paths and code are never stored, only names and hashes.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

SCHEMA_VERSION: Final = 1

MAX_JSON: Final = 65_536  # bytes of canonical JSON that one free-form field may hold
MAX_EPISODES: Final = 100_000  # of one task and training seed
MAX_SUITE_EPISODES: Final = 10_000_000  # of all tasks and training seeds together

Track = Literal["zero-shot", "scarce", "online", "offline"]
Badge = Literal["reported", "replayed"]


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the text that hashes are taken over. NaN and infinity are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def json_hash(value: Any) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _small_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(canonical_json(value).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"must be JSON of finite numbers, strings, lists and objects ({error})") from None
    if size > MAX_JSON:
        raise ValueError(f"holds {size} bytes of JSON; at most {MAX_JSON} are allowed")
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,79}$")]
"""A name that is safe in file names and addresses: letters, digits and . _ + -, at most 80."""
EnvId = Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,60}/)?[A-Za-z0-9_.-]{1,80}-v[0-9]{1,4}$")]
EntryPoint = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$", max_length=300)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[str, Field(max_length=500)]
Text = Annotated[str, Field(max_length=4_000)]
Json = Annotated[dict[str, Any], AfterValidator(_small_json)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
TrainingSeed = Annotated[int, Field(ge=0, lt=2**31)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Stored(BaseModel):
    """Base of everything that is read from or written to a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sparse(Stored):
    """Leaves out what is None, so that a field added later changes no hash of what was stored before."""

    @model_serializer(mode="wrap")
    def _without_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


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


class Task(_Sparse):
    """One environment of a suite. `options` are keywords of `gymnasium.make`, without `split`: it is always "test"."""

    env_id: EnvId
    options: Json = Field(default_factory=dict)
    episodes: int = Field(ge=1, le=MAX_EPISODES, description="test episodes for each training seed: a fixed quota")
    log: LogRef | None = Field(default=None, description="of track offline: what agents learn from")

    @model_validator(mode="after")
    def _no_reserved_options(self) -> Task:
        if taken := sorted(RESERVED_OPTIONS & self.options.keys()):
            raise ValueError(f"options must not set {taken[0]}: the harness does (test users, lanes, which code runs)")
        return self


class Suite(_Sparse):
    """A fixed list of tasks, training seeds and a budget. Results are compared only inside one suite hash.

    `limit` is a budget below the track's.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Name
    track: Track = "scarce"
    limit: SpentBudget | None = None
    training_seeds: tuple[TrainingSeed, ...] = Field(min_length=1, max_length=64)
    tasks: tuple[Task, ...] = Field(min_length=1, max_length=256)
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
        given = {} if self.limit is None else self.limit.model_dump(exclude_none=True)
        if self.limit is not None and (
            not given or any(n < 1 or n != getattr(self.budget, u) for u, n in given.items())
        ):
            raise ValueError(f"limit must be one episode or step or more, and no more than track {self.track} allows")
        return self

    @property
    def episodes(self) -> int:
        """Test episodes over all tasks and training seeds."""
        return len(self.training_seeds) * sum(task.episodes for task in self.tasks)

    @property
    def hash(self) -> str:
        """SHA-256 of everything but the description."""
        return json_hash(self.model_dump(mode="json", exclude={"description"}))

    @property
    def budget(self) -> SpentBudget:
        """What an agent may use for one task and training seed."""
        allowed = TRACKS[self.track]
        return allowed if self.limit is None else _least(self.limit, allowed)


def _least(one: SpentBudget, other: SpentBudget) -> SpentBudget:
    """The stricter of two limits, unit by unit."""
    pairs = {unit: (getattr(one, unit), getattr(other, unit)) for unit in ("episodes", "steps")}
    known = {unit: [n for n in pair if n is not None] for unit, pair in pairs.items()}
    return SpentBudget(**{unit: min(found) for unit, found in known.items() if found})


class AgentRecord(Stored):
    """Which agent ran: enough to run it again and to see whether its code is still the same."""

    name: Name
    entry_point: EntryPoint
    source_sha256: Sha256 = Field(description="of the Python sources of the agent's top-level package or module")
    parameters: Json = Field(default_factory=dict, description="the constructor's keywords that differ from defaults")
    privileged: bool = Field(description="whether it reads hidden state, as the oracle does")
    trains: bool
    learns_from_log: bool = Field(default=False, description="whether it learns from logs and never interacts")


class LogRecord(Stored):
    """The log that agents of one task learnt from: its name, the hash of what is in it, and its size."""

    name: Line
    sha256: Sha256
    sessions: Count
    steps: Count


class Learned(Stored):
    """What an agent had learned before the run, by `longrec train`: the hash of it, and what training used."""

    sha256: Sha256
    spent: SpentBudget


class World(Stored):
    """The data that one task ran on."""

    name: Line
    sha256: Sha256


class Cell(Stored):
    """One task under one training seed: what training used, how long both took, and what the agent tells."""

    task: int = Field(ge=0, lt=256)
    training_seed: TrainingSeed
    spent: SpentBudget = Field(description="metered by the harness, not told by the agent")
    train_seconds: Seconds
    test_seconds: Seconds
    facts: Json = Field(default_factory=dict, description="Agent.describe(): usage, learning curve, notes")


class Machine(Stored):
    """Where it ran."""

    system: Line
    processor: Line
    cores: int = Field(ge=1, le=1_000_000)
    python: Line


class Disclosure(Stored):
    """What the submitter says about how the agent came to be. `hidden_state` is filled in by the harness."""

    hidden_state: bool = False
    trained_on_test: bool = False
    tuning: Text = ""


class Submission(Stored):
    """`submission.json`. Its actions are in `traces.parquet` beside it; every figure is recomputed from those."""

    schema_version: Literal[1] = SCHEMA_VERSION
    created: datetime
    agent: AgentRecord
    suite: Suite
    suite_hash: Sha256
    declared: SpentBudget = Field(description="the track's budget for each task and training seed")
    worlds: tuple[World, ...] = Field(min_length=1, max_length=256, description="one for each task of the suite")
    fingerprints: tuple[Sha256, ...] = Field(
        min_length=1, max_length=256, description="of a short fixed run of each task, see recsim_envs.fingerprint"
    )
    logs: tuple[LogRecord, ...] = Field(default=(), max_length=256, description="of track offline: one for each task")
    learned: Learned | None = Field(default=None, description="of --load: what was loaded instead of training")
    cells: tuple[Cell, ...] = Field(min_length=1, max_length=16_384)
    traces_sha256: Sha256
    command: tuple[Line, ...] = Field(max_length=64)
    packages: dict[Name, Line] = Field(max_length=64)
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = Field(description="empty outside a git checkout")
    dirty: bool
    machine: Machine
    wall_seconds: Seconds = Field(description="sum over the cells, each on one core")
    disclosure: Disclosure = Disclosure()

    @model_validator(mode="after")
    def _consistent(self) -> Submission:
        if self.suite_hash != self.suite.hash:
            raise ValueError("suite_hash is not the hash of suite")
        if self.declared != self.suite.budget:
            raise ValueError(f"declared is not the budget of track {self.suite.track}")
        if len(self.worlds) != len(self.suite.tasks):
            raise ValueError("worlds must name one world for each task of the suite")
        if len(self.fingerprints) != len(self.suite.tasks):
            raise ValueError("fingerprints must hold one for each task of the suite")
        self._check_logs()
        self._check_learned()
        wanted = [(t, s) for t in range(len(self.suite.tasks)) for s in self.suite.training_seeds]
        if [(c.task, c.training_seed) for c in self.cells] != wanted:
            raise ValueError("cells must be one for each task and training seed, in the suite's order")
        for cell in self.cells:
            self._check_spending(cell)
        if self.disclosure.hidden_state != self.agent.privileged:
            raise ValueError("disclosure.hidden_state and agent.privileged contradict each other")
        return self

    def _check_learned(self) -> None:
        if self.learned is not None and [cell.spent for cell in self.cells] != [self.learned.spent]:
            raise ValueError("learned goes with one cell, whose spent is that of the training that was loaded")

    def _check_logs(self) -> None:
        wanted = [task.log for task in self.suite.tasks if task.log is not None]
        if len(self.logs) != len(wanted):
            raise ValueError(f"logs must hold one for each task on track offline, else none; it holds {len(self.logs)}")
        for log, ref in zip(self.logs, wanted, strict=True):
            if (log.name, log.sessions) != (ref.name, ref.sessions) or ref.sha256 not in (None, log.sha256):
                raise ValueError(f"logs holds {log.name}, which is not the log that the suite names")

    def _check_spending(self, cell: Cell) -> None:
        where = f"task {cell.task}, training seed {cell.training_seed}: spent"
        for unit in ("episodes", "steps"):
            used, limit = getattr(cell.spent, unit), getattr(self.declared, unit)
            if used is None:
                raise ValueError(f"{where}.{unit} is missing; 0 where nothing was used")
            if used and not self.agent.trains:
                raise ValueError(f"{where}.{unit} is {used}, of an agent that does not train")
            if limit is not None and used > limit:
                raise ValueError(f"{where}.{unit} is {used}; track {self.suite.track} allows {limit}")


TRACE_COLUMNS: Final[dict[str, str]] = {
    "task": "uint16",  # index into suite.tasks
    "training_seed": "uint32",
    "episode": "uint32",  # 0..quota-1
    "episode_seed": "uint64",  # a function of suite, environment and episode: the same for all agents
    "actions": "list<int32>",  # one a step, the leaving step included; k a step, in order, where slates of k are shown
    "rewards": "list<float32>",  # one a step, as claimed
    "tags": "list<uint16>",  # hash of (episode seed, step, action, reward), so that an edit is found with its step
    "end": "string",  # why the session ended, in the words of the simulator
}
"""Columns of `traces.parquet`: one row an episode, sorted by task, training seed (suite order) and episode."""


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
    log: LogRecord | None = Field(default=None, description="what agents learnt from, on track offline")
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
