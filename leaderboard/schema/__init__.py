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
    Salt,
    Seconds,
    Sha256,
    Stored,
    Text,
    TrainingSeed,
    as_line,
    canonical_json,
    json_hash,
)
from leaderboard.schema.curve import TrainingCurve, TrainingPoint
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
from leaderboard.schema.rerun import Rerun, Reruns
from leaderboard.schema.row import Badge, Estimate, Rank, Row
from leaderboard.schema.season import Season, Secret
from leaderboard.schema.submission import (
    AgentRecord,
    Cell,
    Learned,
    LogRecord,
    Submission,
    World,
)
from leaderboard.schema.suite import (
    MAX_EPISODES,
    MAX_SUITE_EPISODES,
    RESERVED_OPTIONS,
    TRACKS,
    LogRef,
    SeasonRef,
    SpentBudget,
    Suite,
    Task,
    Track,
    check_limit,
)
from leaderboard.schema.trace import TRACE_COLUMNS, TraceRow
from leaderboard.schema.transcript import LessonsTold, SessionTold, TranscriptLine

__all__ = [
    "MAX_EPISODES",
    "MAX_JSON",
    "MAX_SUITE_EPISODES",
    "OPTIONAL_FILES",
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
    "FileName",
    "FileRecord",
    "Finite",
    "Isolation",
    "Json",
    "Latency",
    "Learned",
    "LessonsTold",
    "Line",
    "LogRecord",
    "LogRef",
    "Lost",
    "Machine",
    "Name",
    "Phase",
    "Rank",
    "Rerun",
    "Reruns",
    "Row",
    "Salt",
    "Season",
    "SeasonRef",
    "Seconds",
    "Secret",
    "SeedRecord",
    "SessionTold",
    "Sha256",
    "SpentBudget",
    "Stored",
    "Submission",
    "Suite",
    "Task",
    "Text",
    "TraceRow",
    "Track",
    "TrainingCurve",
    "TrainingPoint",
    "TrainingSeed",
    "TranscriptLine",
    "Usage",
    "World",
    "as_line",
    "canonical_json",
    "check_limit",
    "json_hash",
]
