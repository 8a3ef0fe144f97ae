"""Submissions: who ran on what, what it took, and which files belong to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from leaderboard.schema.basics import (
    SCHEMA_VERSION,
    Count,
    EntryPoint,
    Json,
    Line,
    Name,
    Seconds,
    Sha256,
    Stored,
    TrainingSeed,
)
from leaderboard.schema.isolation import Isolation, Lost
from leaderboard.schema.making import (
    OPTIONAL_FILES,
    Disclosure,
    FileName,
    FileRecord,
    Latency,
    Machine,
    Phase,
    SeedRecord,
    Usage,
)
from leaderboard.schema.suite import SpentBudget, Suite


class AgentRecord(Stored):
    """Which agent ran: enough to run it again and to see whether its code is still the same."""

    name: Name
    entry_point: EntryPoint
    source_sha256: Sha256 = Field(
        description="of the sources of the agent's top-level package or module; of the files that a command names; "
        "of the file of a trace made elsewhere; of nothing, for a server"
    )
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
    usage: dict[Phase, Usage] = Field(default_factory=dict, description="of language models, as the agent tells it")
    latency: Latency | None = Field(default=None, description="of decisions in test sessions")
    lost: Lost = Field(default=Lost(), description="sessions in which the agent failed; its process was started anew")


class Submission(Stored):
    """`submission.json`. Its actions are in `traces.parquet` beside it; every figure is recomputed from those."""

    schema_version: Literal[1] = SCHEMA_VERSION
    created: AwareDatetime
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
    packages: dict[Name, Line] = Field(max_length=256)
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = Field(description="empty outside a git checkout")
    dirty: bool
    machine: Machine
    wall_seconds: Seconds = Field(description="sum over the cells, each on one core")
    working_seconds: Seconds | None = Field(
        default=None, description="wall_seconds less what was waited for language models; None: not measured"
    )
    disclosure: Disclosure = Disclosure()
    isolation: Isolation | None = Field(default=None, description="None: it ran inside the harness, as trusted code")
    configuration: Json = Field(default_factory=dict, description="every parameter of the agent, defaults too")
    seeds: tuple[SeedRecord, ...] = Field(default=(), max_length=4, description="kinds of randomness, each once")
    prices_sha256: Sha256 | None = Field(default=None, description="of the package's price table when it was made")
    files: dict[FileName, FileRecord] = Field(default_factory=dict, description="other files of the folder")
    left_out: tuple[FileName, ...] = Field(
        default=(), max_length=3, description="files of the run that the submitter left out"
    )
    contact: Line = ""

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
        self._check_fixed()
        self._check_logs()
        self._check_learned()
        wanted = [(t, s) for t in range(len(self.suite.tasks)) for s in self.suite.training_seeds]
        if [(c.task, c.training_seed) for c in self.cells] != wanted:
            raise ValueError("cells must be one for each task and training seed, in the suite's order")
        for cell in self.cells:
            self._check_spending(cell)
        if self.disclosure.hidden_state != self.agent.privileged:
            raise ValueError("disclosure.hidden_state and agent.privileged contradict each other")
        self._check_making()
        if self.isolation is None and any(cell.lost.sessions for cell in self.cells):
            raise ValueError("cells.lost counts sessions of an agent that ran inside the harness, where none are lost")
        return self

    def _check_fixed(self) -> None:
        for task, world, fingerprint in zip(self.suite.tasks, self.worlds, self.fingerprints, strict=True):
            if task.world not in (None, world.sha256) or task.fingerprint not in (None, fingerprint):
                raise ValueError(f"suite fixes another world or fingerprint of {task.env_id} than the run had")

    def _check_making(self) -> None:
        if self.working_seconds is not None and self.working_seconds > self.wall_seconds:
            raise ValueError("working_seconds is above wall_seconds, which it is a part of")
        if len({seed.kind for seed in self.seeds}) != len(self.seeds):
            raise ValueError("seeds names a kind twice")
        for name, file in self.files.items():
            if file.bytes > OPTIONAL_FILES[name]:
                raise ValueError(f"files: {name} has {file.bytes} bytes; at most {OPTIONAL_FILES[name]} are allowed")
        if len(set(self.left_out)) != len(self.left_out):
            raise ValueError("left_out names a file twice")
        for name in self.left_out:
            if name in self.files:
                raise ValueError(f"left_out names {name}, which files lists as there")

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
