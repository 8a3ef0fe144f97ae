"""Ratings and items files as frames of text with line numbers: delimited files and Parquet."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl

from recsim_envs.errors import LogError

# Columns of ours beside the file's. Names of delimited columns are stripped, so none begins with a space.
LINE: Final = " line"
EXTRA: Final = " extra fields"
_DELIMITERS: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_CHUNK = 200_000


def read_table(path: Path, columns: Mapping[str, str], optional: Sequence[str], encoding: str) -> pl.DataFrame:
    """The wanted columns of a CSV, TSV or Parquet file with named columns, as `read_delimited` returns them.

    `columns` maps our names to the file's. An optional column that the file lacks is filled with nulls. For a
    Parquet file `line` counts rows. Raises `LogError` for a file that cannot be read, and for a column that is
    missing or there twice.
    """
    if path.suffix == ".parquet":
        frame = _read_parquet(path)
    else:
        delimiter = _DELIMITERS.get(path.suffix) or max(",\t;|", key=_first(path, encoding).count)
        frame = read_delimited(path, _header(path, delimiter, encoding), delimiter, encoding, header=True)
    missing = [name for name in columns.values() if name not in frame.columns]
    fatal = [theirs for ours, theirs in columns.items() if theirs in missing and ours not in optional]
    if fatal:
        found = [name for name in frame.columns if name not in (LINE, EXTRA)]
        raise LogError(
            f"{path}: no column {', '.join(map(repr, fatal))}; it has {', '.join(map(repr, found))}. "
            "Say which is which, for example --columns user=CustomerId"
        )
    wanted = [
        (pl.lit(None, pl.String) if theirs in missing else pl.col(theirs)).alias(ours)
        for ours, theirs in columns.items()
    ]
    return frame.select(LINE, EXTRA, *wanted)


def read_delimited(path: Path, names: Sequence[str], delimiter: str, encoding: str, *, header: bool) -> pl.DataFrame:
    """A delimited file as strings, null where empty, beside `line` (int64, from 1) and `extra fields` (int64).

    A line with too few fields has nulls at its end, one with too many counts the rest in `extra fields`; empty
    lines are passed over. With a header, fields may be quoted.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise LogError(f"{path}: column {twice[0]!r} is there twice; rename or remove one")
    schema = {LINE: pl.Int64, EXTRA: pl.Int64} | dict.fromkeys(names, pl.String)
    chunks = [pl.DataFrame(schema=schema)]
    try:
        with path.open(encoding=encoding, newline="") as file:
            rows = _rows(file, len(names), delimiter, header)
            while chunk := list(islice(rows, _CHUNK)):
                chunks.append(pl.DataFrame(chunk, schema=schema, orient="row"))
    except UnicodeDecodeError:
        raise _wrong_encoding(path, encoding) from None
    except LookupError:
        raise LogError(f"encoding {encoding!r} is unknown; use utf-8, latin-1, cp1252 or the like") from None
    except csv.Error as error:
        raise LogError(f"{path} cannot be read as a table: {error}; check its delimiter and quotes") from None
    except OSError as error:
        raise LogError(f"{path} cannot be opened: {error.strerror}; check the path") from None
    frame = pl.concat(chunks)
    if not len(frame):
        raise LogError(f"{path} holds no data lines; pass the file with the ratings or the items")
    return frame


def _header(path: Path, delimiter: str, encoding: str) -> list[str]:
    try:
        names = next(csv.reader([_first(path, encoding)], delimiter=delimiter), [])
    except csv.Error as error:
        raise LogError(f"{path}, line 1: {error}; the first line must name the columns") from None
    if not names:
        raise LogError(f"{path} is empty or begins with an empty line; its first line must name the columns")
    return [name.removeprefix("\ufeff").strip() for name in names]


def _rows(file: Iterator[str], width: int, delimiter: str, header: bool) -> Iterator[list[int | str | None]]:
    reader = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if header else csv.QUOTE_NONE)
    if header:
        next(reader, None)
    start = reader.line_num
    for row in reader:
        if row:
            fields = [field.strip() or None for field in row[:width]] + [None] * (width - len(row))
            yield [start + 1, max(0, len(row) - width), *fields]
        start = reader.line_num


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
        line = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE)
        texts = [_as_text(name, dtype) for name, dtype in frame.schema.items()]
        return frame.select(line, pl.lit(0, pl.Int64).alias(EXTRA), *texts)
    except pl.exceptions.DuplicateError as error:
        raise LogError(f"{path}: a column is there twice ({error}); rename or remove one") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LogError(f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}); check the file") from error


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime | pl.Date):
        column = column.cast(pl.Datetime("us")).dt.epoch("us") / 1_000_000
    return column.list.join("|") if isinstance(dtype, pl.List) else column.cast(pl.String)


def _first(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding) as file:
            return file.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _wrong_encoding(path, encoding) from None
    except LookupError:
        raise LogError(f"encoding {encoding!r} is unknown; use utf-8, latin-1, cp1252 or the like") from None
    except OSError as error:
        raise LogError(f"{path} cannot be opened: {error.strerror}; check the path") from None


def _wrong_encoding(path: Path, encoding: str) -> LogError:
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                raw.decode(encoding)
            except UnicodeDecodeError as error:
                return LogError(
                    f"{path}, line {number}: byte 0x{raw[error.start]:02x} is not {encoding}; "
                    "pass the file's encoding, for example --encoding latin-1"
                )
    return LogError(f"{path} is not {encoding}; pass the file's encoding, for example --encoding latin-1")
