"""Lines that are JSON objects or the text of Python dictionaries, as tables of the fields that are wanted."""

from __future__ import annotations

import ast
import io
import json
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

import polars as pl

from recsim_envs.worlds.sources.readers.lines import UNREAD, LinesTable

SEPARATOR: Final = "\x1f"
"""Stands between the texts of a list: the ASCII unit separator, which no title or category contains."""
_KEPT: Final = 80  # characters of a line that is no record
# What parsers raise for text that is no literal or no JSON, or one nested too deeply.
_NO_RECORD: Final = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


class Kind(Enum):
    """What a field holds: a text, a number, a list of texts (perhaps of lists of them), or numbers by text."""

    TEXT = "text"
    NUMBER = "number"
    TEXTS = "texts"
    COUNTS = "counts"


class RecordTable(LinesTable):
    """A file of one dictionary a line. What is missing or of another kind than it should be is null.

    Of a list, the texts in it are joined by SEPARATOR; of numbers by text, the texts from the largest number on.
    """

    def __init__(self, path: Path, fields: Mapping[str, Kind]) -> None:
        super().__init__(path, list(fields))
        self._fields = fields

    def _frame(self, lines: list[bytes]) -> pl.DataFrame:
        columns: dict[str, list[str | None]] = {name: [] for name in self.names}
        for line in lines:
            record = self._record(line)
            columns[UNREAD].append(None if record is not None else line.decode("utf-8", "replace")[:_KEPT])
            for name, kind in self._fields.items():
                columns[name].append(None if record is None else _as_text(record.get(name), kind))
        return pl.DataFrame(columns, schema=dict.fromkeys(self.names, pl.String()))

    def _record(self, line: bytes) -> dict[Any, Any] | None:
        try:
            record = self._parsed(line)
        except _NO_RECORD:
            return None
        return record if isinstance(record, dict) else None

    @abstractmethod
    def _parsed(self, line: bytes) -> Any: ...


class LiteralTable(RecordTable):
    """Python dictionaries. Only literals are understood; nothing is ever run."""

    def _frame(self, lines: list[bytes]) -> pl.DataFrame:
        with warnings.catch_warnings():
            for category in (SyntaxWarning, DeprecationWarning):  # reviews are full of backslashes
                warnings.simplefilter("ignore", category)
            return super()._frame(lines)

    def _parsed(self, line: bytes) -> Any:
        return ast.literal_eval(line.decode("utf-8").strip())


class JsonTable(RecordTable):
    """JSON objects. Arrow parses a block at a time; only one with an odd record is parsed line by line."""

    def _parsed(self, line: bytes) -> Any:
        return json.loads(line)

    def _frame(self, lines: list[bytes]) -> pl.DataFrame:
        frame = None if Kind.COUNTS in self._fields.values() else self._arrow_frame(lines)
        return super()._frame(lines) if frame is None else frame

    def _arrow_frame(self, lines: list[bytes]) -> pl.DataFrame | None:
        """The lines by Arrow's parser; None where one is blank, no record, or has a field of another kind."""
        import pyarrow as pa
        from pyarrow import json as arrow

        if not all(line.startswith(b"{") for line in lines):  # Arrow ends the process at a line "null"
            return None
        data = b"\n".join(lines)
        types = {Kind.TEXT: pa.string(), Kind.NUMBER: pa.float64(), Kind.TEXTS: pa.list_(pa.string())}
        schema = pa.schema([(name, types[kind]) for name, kind in self._fields.items()])
        try:
            table = arrow.read_json(
                io.BytesIO(data),
                arrow.ReadOptions(use_threads=False, block_size=len(data) + 1),
                arrow.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != len(lines):
            return None
        frame = pl.DataFrame(table)
        lists = [name for name, kind in self._fields.items() if kind is Kind.TEXTS]
        return frame.select(
            *(
                pl.col(name).list.join(SEPARATOR, ignore_nulls=True) if name in lists else pl.col(name).cast(pl.String)
                for name in self._fields
            ),
            pl.lit(None, pl.String).alias(UNREAD),
        )


def _as_text(value: Any, kind: Kind) -> str | None:
    if kind is Kind.TEXTS:
        return SEPARATOR.join(_texts(value)) if isinstance(value, list | tuple) else None
    if kind is Kind.COUNTS:
        return SEPARATOR.join(_counted(value)) if isinstance(value, dict) else None
    if isinstance(value, str):
        return _sound(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield _sound(value)


def _counted(counts: dict[Any, Any]) -> list[str]:
    sound = {_sound(key): n for key, n in counts.items() if isinstance(key, str) and isinstance(n, int | float)}
    return sorted(sound, key=lambda key: (-sound[key], key))


def _sound(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can spell and no other text can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
