"""What a board holds, before anything is drawn: suites, their tables, and in each the rows that may be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.schema import Line, LogRecord, Row, Sha256, Stored, Submission, Text, World

Floats = NDArray[np.float64]


class Reported(Stored):
    """A submission that could not be replayed: it stands apart, without figures, and is never ranked."""

    path: Line
    agent: Line = ""
    suite: Line = ""
    reason: Text


@dataclass(frozen=True, eq=False)
class Pairs:
    """One metric of every two entries of a section, paired by user: entry i less entry j, float64 (n, n) each.

    `low` and `high` are the 95 % interval of that one comparison. NaN stands where a figure is undefined. `separate`,
    bool (n, n), says who is told apart from whom when all comparisons of the section must hold together; it is what
    tiers are made of, and is there for the leading metric only, among entries that compete.
    """

    difference: Floats
    low: Floats
    high: Floats
    separate: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Entry:
    """One row with its names, and what pages tell of its submission beyond figures.

    `id` is unique on the board and `agent_id` the same for all rows of one agent with the same parameters; both are
    safe in file names and fragments. `label` is the shortest of agent, parameters and folder that is unique in its
    section; strangers wrote it. `key` is a hash of everything that an entry shows. `submission` is None where a board is made
    from rows alone.
    """

    row: Row
    id: str
    agent_id: str
    label: str
    key: str
    submission: Submission | None = None


@dataclass(frozen=True, eq=False)
class Section:
    """Rows that may be compared: one suite hash (so one track), one task, one world hash, one log hash.

    `lead` is the metric that tells them apart: the score, or R_traj where no row has a score. `ranked` stand by tier,
    and inside a tier by label; `apart` read hidden state. `metrics` are the columns. `causes` are the ends that occur,
    most frequent first, those of `stays`, where the user had not left, last. `pairs` holds the lead, and
    other metrics where the section is small; it is empty where a board is made from rows alone.
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
class SuiteBoard:
    """The sections of one suite hash."""

    name: str
    hash: Sha256
    sections: tuple[Section, ...]
    key: str

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


@dataclass(frozen=True)
class Page:
    """A file of the site. `inputs` is JSON that names all it is made of (the keys of what it shows).

    Where name, inputs and the code of the site are those that the file there was made from, `render` is not called.
    """

    name: str
    inputs: Any
    render: Callable[[], str]
