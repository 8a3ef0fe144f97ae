"""What is learned, as typed records that are found again by the nearness of the state they were made in.

Three memories of one kind: reflections (read by the Planner), judged recommendations (read by the Actor) and
valued states (read by the Critic). Records of the same state share one vector. They are stored as JSON lines.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar, get_type_hints

from recsim_envs.errors import AgentError
from recsim_envs.text.encoder import Encoder

FORMAT, VERSION = "longrec-billp-memory", 1


@dataclass(frozen=True)
class Reflection:
    """What one session taught. state: the user's profile. steps: how long the user stayed, of at most `horizon`."""

    state: str
    cause: str
    text: str
    principles: tuple[str, ...]
    steps: int
    horizon: int
    episode: int


@dataclass(frozen=True)
class ActorExample:
    """One recommendation and whether its advantage was above zero (`encouraged`) or not; `advantage` is its size."""

    state: str
    item: int
    encouraged: bool
    advantage: float


@dataclass(frozen=True)
class CriticExample:
    """What a state turned out to be worth: r + gamma V(next state), or the penalty for leaving."""

    state: str
    value: float


R = TypeVar("R", Reflection, ActorExample, CriticExample)


@dataclass(frozen=True)
class Match(Generic[R]):
    """A remembered state near the one asked for, with all its records, oldest first; `distance` is squared."""

    state: str
    distance: float
    records: tuple[R, ...]


class Memory(Generic[R]):
    """Records of one type with exact nearest-neighbour retrieval, nearest first, ties by age (oldest first).

    The faiss index grows with the memory and is asked one query at a time, so that an answer never depends on
    what else is asked in the same batch.
    """

    def __init__(self, kind: type[R], encoder: Encoder) -> None:
        self.kind: type[R] = kind
        self.encoder = encoder
        self.records: list[R] = []
        self._states: dict[str, int] = {}
        self._texts: list[str] = []
        self._by_state: list[list[R]] = []
        self._index: Any = None
        self._found: dict[tuple[str, int], list[Match[R]]] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __contains__(self, state: str) -> bool:
        return state in self._states

    @property
    def num_states(self) -> int:
        """How many different states the records have."""
        return len(self._texts)

    def add(self, record: R) -> None:
        """Remember one record."""
        row = self._states.setdefault(record.state, len(self._texts))
        if row == len(self._texts):
            self._texts.append(record.state)
            self._by_state.append([])
        self._by_state[row].append(record)
        self.records.append(record)
        self._found.clear()

    def nearest(self, state: str, k: int) -> list[Match[R]]:
        """The k nearest remembered states (fewer if there are fewer), nearest first."""
        if k <= 0 or not self._texts:
            return []
        found = self._found.get((state, k))
        if found is None:
            found = self._found[state, k] = self._search(state, min(k, len(self._texts)))
        return found

    def _search(self, state: str, k: int) -> list[Match[R]]:
        index = self._grown_index()
        distances, rows = index.search(self.encoder.encode([state]), k)
        order = sorted(zip(distances[0].tolist(), rows[0].tolist(), strict=True))
        return [Match(self._texts[row], distance, tuple(self._by_state[row])) for distance, row in order]

    def _grown_index(self) -> Any:
        """The index with every state in it; only new states are embedded."""
        if self._index is None:
            self._index = _faiss().IndexFlatL2(self.encoder.dim)
        if self._index.ntotal < len(self._texts):
            self._index.add(self.encoder.encode(self._texts[self._index.ntotal :]))
        return self._index

    def save(self, path: Path) -> None:
        """Write the records as JSON lines below a line that says what they are; atomically."""
        head = {"format": FORMAT, "version": VERSION, "kind": self.kind.__name__, "records": len(self.records)}
        lines = [json.dumps(head | {"encoder": self.encoder.name})]
        lines += [json.dumps(asdict(record), ensure_ascii=False) for record in self.records]
        write_atomically(path, "\n".join(lines) + "\n")

    @classmethod
    def load(cls, path: Path, kind: type[R], encoder: Encoder) -> Memory[R]:
        """The memory that `save` wrote. Raises `AgentError` naming the file and line if it is unusable."""
        memory = cls(kind, encoder)
        for record in _read(path, kind):
            memory.add(record)
        return memory


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader finds the old one or the new one, never a part."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            scratch.write_text(text, "utf-8")
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise AgentError(f"cannot write {path} ({error.strerror}); choose another folder") from error


def _read(path: Path, kind: type[R]) -> list[R]:
    try:
        lines = path.read_text("utf-8").rstrip("\n").split("\n")
        head = json.loads(lines[0])
        if head["format"] != FORMAT or head["kind"] != kind.__name__:
            raise AgentError(f"{path}: not a memory of {kind.__name__} records; give the folder that `save` wrote")
        if head["version"] != VERSION:
            raise AgentError(f"{path}: version {head['version']}, this longrec reads {VERSION}; train the agent again")
        promised = int(head["records"])
    except OSError as error:
        raise AgentError(f"{path}: cannot be read ({error.strerror}); train the agent again") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise AgentError(f"{path}: line 1 is damaged ({error}); copy the folder again or train again") from error
    if len(lines) - 1 != promised:
        raise AgentError(f"{path}: holds {len(lines) - 1} of {promised} records; copy the folder again or train again")
    return [_record(path, number, line, kind) for number, line in enumerate(lines[1:], 2)]


def _record(path: Path, line_number: int, line: str, kind: type[R]) -> R:
    try:
        values = json.loads(line)
        hints = get_type_hints(kind)
        if set(values) != {f.name for f in fields(kind)}:
            raise ValueError(f"fields {sorted(values)}")
        return kind(**{name: _typed(name, value, hints[name]) for name, value in values.items()})
    except (ValueError, TypeError) as error:
        raise AgentError(f"{path}: line {line_number} is damaged ({error}); copy the folder again") from error


def _typed(name: str, value: Any, hint: Any) -> Any:
    """A JSON value as the field's type; raises ValueError if it is of another or not finite."""
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if hint in (str, int, bool) and type(value) is hint:
        return value
    raise ValueError(f"field {name} is {value!r}")


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise AgentError("faiss is not installed, which the memories need; run: pip install 'longrec[llm]'") from error
    return faiss


def records_of(matches: Sequence[Match[R]]) -> list[R]:
    """All records of the matches: nearest state first, and within a state newest first."""
    return [record for match in matches for record in reversed(match.records)]
