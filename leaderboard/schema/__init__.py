"""The one source of truth for what is stored: suites, submissions, trace columns and rows of the board.

Everything here is read from files that strangers send, so every model forbids unknown fields, is immutable, and
bounds the size of every string, sequence and number. Paths and code are never stored, only names and hashes.
"""

from __future__ import annotations

from leaderboard.schema.basics import (
    MAX_JSON,
    SCHEMA_VERSION,
    Count,
    EntryPoint,
    EnvId,
    Finite,
    Json,
    Line,
    Name,
    Seconds,
    Sha256,
    Stored,
    Text,
    TrainingSeed,
    canonical_json,
    json_hash,
)
from leaderboard.schema.row import Badge, Estimate, Row
from leaderboard.schema.submission import (
    TRACE_COLUMNS,
    AgentRecord,
    Cell,
    Disclosure,
    Learned,
    LogRecord,
    Machine,
    Submission,
    World,
)
from leaderboard.schema.suite import (
    MAX_EPISODES,
    MAX_SUITE_EPISODES,
    RESERVED_OPTIONS,
    TRACKS,
    LogRef,
    SpentBudget,
    Suite,
    Task,
    Track,
    check_limit,
)

__all__ = [
    "MAX_EPISODES",
    "MAX_JSON",
    "MAX_SUITE_EPISODES",
    "RESERVED_OPTIONS",
    "SCHEMA_VERSION",
    "TRACE_COLUMNS",
    "TRACKS",
    "AgentRecord",
    "Badge",
    "Cell",
    "Count",
    "Disclosure",
    "EntryPoint",
    "EnvId",
    "Estimate",
    "Finite",
    "Json",
    "Learned",
    "Line",
    "LogRecord",
    "LogRef",
    "Machine",
    "Name",
    "Row",
    "Seconds",
    "Sha256",
    "SpentBudget",
    "Stored",
    "Submission",
    "Suite",
    "Task",
    "Text",
    "Track",
    "TrainingSeed",
    "World",
    "canonical_json",
    "check_limit",
    "json_hash",
]
