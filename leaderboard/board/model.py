"""What a board holds, before anything is drawn: suites, their tables, and in each the rows that may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leaderboard.board.summary import Summary
from leaderboard.evaluate.curve.kept import CurveFile
from leaderboard.lives import Lives
from leaderboard.schema import (
    LessonsTold,
    Line,
    LogRecord,
    Rank,
    Row,
    SessionTold,
    Sha256,
    Stored,
    Submission,
    Text,
    World,
)

if TYPE_CHECKING:
    from leaderboard.stats import Aggregate, Pairs, Profile


class Reported(Stored):
    """A submission that could not be replayed: it stands apart, without figures, and is never ranked."""

    path: Line
    agent: Line = ""
    suite: Line = ""
    reason: Text


@dataclass(frozen=True, eq=False)
class Entry:
    """One row with its names, and what pages tell of its submission beyond figures.

    `id` is unique on the board and `agent_id` the same for all rows of one agent with the same parameters; both are
    safe in file names and fragments. `label` is the shortest of agent with its language model, other parameters and
    folder that is unique in its section; strangers wrote it. `key` is a hash of everything that an entry shows, `own`
    of all but its tier and rank, which change when others join. `summary` is None where a board is made from rows
    alone.
    """

    row: Row
    id: str
    agent_id: str
    label: str
    own: str
    key: str
    summary: Summary | None = None

    @property
    def submission(self) -> Submission | None:
        """Everything that was recorded of the run."""
        return None if self.summary is None else self.summary.submission

    @property
    def task(self) -> int:
        """Which of its submission's tasks it is of; of a part of a suite, not what `row.task` is."""
        return self.row.task if self.submission is None else self.submission.suite.numbers.index(self.row.task)

    def lives(self) -> Lives | None:
        """A few of its sessions, step by step; read from the cache when it is asked for."""
        return None if self.summary is None else self.summary.lives(self.task)

    def curves(self) -> CurveFile | None:
        """Its submission's learning curves; read from the cache when they are asked for."""
        return None if self.summary is None else self.summary.curves()

    def transcript(self) -> list[SessionTold | LessonsTold]:
        """What the agent told of its sessions on this task; read from the cache when it is asked for."""
        return self.summary.transcript(self.task) if self.summary else []


@dataclass(frozen=True, eq=False)
class Section:
    """Rows that may be compared: one suite hash (so one track), one task, one world hash, one log hash.

    `lead` is the metric that tells them apart: the score, or R_traj where no row has a score. `ranked` stand by tier,
    and inside a tier by label; `apart` read hidden state. `metrics` are the columns. `causes` are the ends that occur,
    most frequent first, those of `stays`, where the user had not left, last. `pairs` compares every two entries, in
    their order, by the lead and, where the section is small, by other metrics; `separate` and `p` are among `ranked`
    only, and are there for the lead only. It is empty where a board is made from rows alone. `scale` is the lead of one
    unit of return.
    """

    id: str
    world: World
    log: LogRecord | None
    lead: str
    ranked: tuple[Entry, ...]
    apart: tuple[Entry, ...]
    metrics: tuple[str, ...]
    causes: tuple[str, ...]
    stays: frozenset[str]
    key: str
    pairs: Mapping[str, Pairs] = field(default_factory=dict)
    scale: float = 1.0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All rows, those that read hidden state last: the order of `pairs`."""
        return self.ranked + self.apart

    @property
    def first(self) -> Row:
        """A row, for what all of them share."""
        return self.entries[0].row

    @property
    def title(self) -> str:
        """The environment's id without its namespace."""
        return self.first.env_id.rpartition("/")[2]


@dataclass(frozen=True, eq=False)
class Overall:
    """One submission over all tasks of its suite: its normalised scores taken together.

    Those that read hidden state have neither tier nor rank.
    """

    summary: Summary
    aggregate: Aggregate
    profile: Profile
    tier: int | None
    rank: Rank | None


@dataclass(frozen=True, eq=False)
class Standing:
    """An `Overall` on the board: `entries` holds its row in each section of the suite."""

    entries: tuple[Entry, ...]
    aggregate: Aggregate
    profile: Profile
    tier: int | None
    rank: Rank | None


@dataclass(frozen=True, eq=False)
class SuiteBoard:
    """The sections of one suite hash.

    `standings`, by tier and label, take the suite's tasks together; there are none for a suite of one task, and none
    for a submission that lacks a score on one of them.
    """

    name: str
    hash: Sha256
    sections: tuple[Section, ...]
    key: str
    standings: tuple[Standing, ...] = ()

    @property
    def first(self) -> Row:
        """A row, for what all of them share: track and budget."""
        return self.sections[0].first


@dataclass(frozen=True, eq=False)
class Board:
    """All suites, by name, and the submissions that could not be replayed."""

    suites: tuple[SuiteBoard, ...]
    reported: tuple[Reported, ...]
    key: str

    @property
    def sections(self) -> list[Section]:
        """Every table, in order."""
        return [section for suite in self.suites for section in suite.sections]

    @property
    def rows(self) -> list[Row]:
        """Every row, in the order of the board."""
        return [entry.row for section in self.sections for entry in section.entries]
