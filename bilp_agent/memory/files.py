"""Memories on disk: JSON lines below a line that says what they are, written whole or not at all.

The first line promises a number of records, so that a file that was cut is known for one. Version 1 had neither the
books of a reflection's use nor the encoder's dimension; it is read as if nothing had been used yet.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Generic, get_type_hints

from bilp_agent.memory.records import R
from recsim_envs.errors import AgentError
from recsim_envs.files import write_file

FILES = {"planner": "planner.jsonl", "actor": "actor.jsonl", "critic": "critic.jsonl"}
"""Where a saved agent's folder keeps each role's memory."""
TRAINING = "training.json"
FORMAT, VERSION = "longrec-billp-memory", 2
READABLE = (1, 2)
UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)  # what JSON of another shape raises
RESCUE = "copy the folder again, or keep what is whole with `longrec memory rescue`"


@dataclass(frozen=True)
class Stored(Generic[R]):
    """What a file holds. encoder, dim: name of the encoder that it was made with, and its width (None in version 1)."""

    kind: type[R]
    records: list[R]
    encoder: str
    dim: int | None


def write_records(path: Path, kind: type[R], records: Sequence[R], encoder: str, dim: int) -> None:
    """Write records of one kind; atomically.

    Raises `AgentError` where the folder cannot be written to, or a record holds a number that is not finite: the file
    could not be read again. What was there before stays then.
    """
    head = {"format": FORMAT, "version": VERSION, "kind": kind.__name__, "records": len(records)}
    try:
        lines = [json.dumps(head | {"encoder": encoder, "dim": dim}), *(_line(record) for record in records)]
    except ValueError as error:
        raise AgentError(f"{path}: a record holds a number that is not finite, so nothing was written") from error
    write_file(path, "\n".join(lines) + "\n")


def _line(record: Any) -> str:
    """JSON; what UTF-8 cannot hold (half a surrogate pair, which a model may write) is escaped."""
    text = json.dumps(asdict(record), ensure_ascii=False, allow_nan=False)
    return text if not any("\ud800" <= sign <= "\udfff" for sign in text) else json.dumps(asdict(record))


def read_records(path: Path, kind: type[R], lost: list[str] | None = None) -> Stored[R]:
    """Read what `write_records` wrote; the file is never changed.

    Raises `AgentError` naming the file, the line and what to do if it is unusable. Where a list `lost` is given, lines
    that cannot be read are told in it and left out; only the first line must be whole.
    """
    try:
        lines = path.read_bytes().rstrip(b"\n").split(b"\n")
    except OSError as error:
        raise AgentError(f"{path}: cannot be read ({error.strerror}); train the agent again") from error
    promised, encoder, dim = _head(path, lines[0], kind)
    faults = [f"{path}: holds {len(lines) - 1} of {promised} records; {RESCUE}"] if len(lines) - 1 != promised else []
    if lost is None and faults:
        raise AgentError(faults[0])
    hints, needed = get_type_hints(kind), {f.name for f in fields(kind) if f.default is MISSING}
    records: list[R] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            records.append(_record(line, kind, hints, needed))
        except UNREADABLE as error:
            faults.append(f"{path}: line {number} is damaged ({error}); {RESCUE}")
            if lost is None:
                raise AgentError(faults[-1]) from error
    if lost is not None:
        lost += faults
    return Stored(kind, records, encoder, dim)


def _head(path: Path, line: bytes, kind: type[R]) -> tuple[int, str, int | None]:
    """How many records the first line promises, and the name and width of their encoder."""
    try:
        head = json.loads(line)
        if head["format"] != FORMAT or head["kind"] != kind.__name__:
            raise AgentError(f"{path}: not a memory of {kind.__name__} records; give the folder that `save` wrote")
        if head["version"] not in READABLE:
            raise AgentError(
                f"{path}: version {head['version']}, this longrec reads {READABLE[0]} to {VERSION}; train the agent "
                "again, or read it with the longrec that wrote it"
            )
        return int(head["records"]), str(head["encoder"]), head.get("dim")
    except UNREADABLE as error:
        raise AgentError(f"{path}: line 1 is damaged ({error}); copy the folder again or train again") from error


def _record(line: bytes, kind: type[R], hints: dict[str, Any], needed: set[str]) -> R:
    """One record; raises ValueError or TypeError if it is none of this kind."""
    values = json.loads(line)
    if not needed <= set(values) <= set(hints):
        raise ValueError(f"fields {sorted(values)}")
    return kind(**{name: _typed(name, value, hints[name]) for name, value in values.items()})


def _typed(name: str, value: Any, hint: Any) -> Any:
    """A JSON value as the field's type; raises ValueError if it is of another or not finite."""
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if hint in (str, int, bool) and type(value) is hint:
        return value
    raise ValueError(f"field {name} is {value!r}")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What goes wrong in the block, for the file holds something else than was saved, is an `AgentError` naming it."""
    try:
        yield
    except (OSError, AttributeError, *UNREADABLE) as error:
        raise AgentError(f"{path}: cannot be read ({error}); copy the folder again or train the agent again") from error


def read_json(path: Path, version: int | None = None) -> dict[str, Any]:
    """A JSON object. Raises `AgentError` naming the file if it holds none, or one of another version than asked for."""
    with reading(path):
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no JSON object")
        if version is not None and found["version"] != version:
            raise AgentError(f"{path}: version {found['version']}, this longrec reads {version}; train again")
        return found
