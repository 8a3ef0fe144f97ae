"""Tables of text, in batches of bounded memory, whatever holds them: delimited files, Parquet, frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import polars as pl

from recsim_envs.errors import LogError

TableSource: TypeAlias = Any  # a path, or a polars, pandas or Arrow table: see `open_table`
KEPT_EXAMPLES: Final = 5
_PARQUET: Final = (".parquet", ".pq")
_BATCH: Final = 250_000


class Table(ABC):
    """Named columns of text that can be read from the start, batch by batch.

    label: what messages call it. unit: what its rows are called, "line" or "row". names: its columns, each once.
    size, done: how much there is to read (0: unknown) and how much of it was read, in bytes or in rows.
    odd: rows with another number of fields than there are columns, which are skipped; odd_rows: number (from 0, among
    all rows) and fields of the first few of them. Both grow while batches are read.
    """

    unit = "row"

    def __init__(self, label: str, names: Sequence[str]) -> None:
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise LogError(f"{label}: column {twice[0]!r} is there twice; rename or remove one")
        self.label = label
        self.names = list(names)
        self.size = self.done = 0
        self.odd = 0
        self.odd_rows: list[tuple[int, int]] = []

    @abstractmethod
    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """These columns as String, null where a frame has null, in the order of the rows."""

    def places(self, rows: Sequence[int]) -> dict[int, int]:
        """Where these rows (from 0, odd ones counted) are, in units of `unit` from 1; here each row is one."""
        return {row: row + 1 for row in rows}

    def hint(self) -> str:
        """What may be wrong when an expected column is missing; empty where nothing is known."""
        return ""


def open_table(
    source: TableSource,
    *,
    names: Sequence[str] | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    quotes: bool = True,
    label: str = "the frame",
) -> Table:
    """The table in a path or a frame.

    source: the path of a Parquet file (.parquet, .pq) or else of a delimited file (gzipped if it ends in .gz); a
    polars DataFrame or LazyFrame; or what speaks Arrow's C stream interface, as pandas frames do. label: what
    messages call a frame; files go by their paths. The other arguments are about delimited files: see
    `delimited.DelimitedTable`. Raises `LogError` where it cannot be read.
    """
    from recsim_envs.worlds.logs.delimited import DelimitedTable

    if isinstance(source, str | Path):
        if "\0" in str(source):
            raise LogError(f"{str(source)!r} is no path; pass the file with the ratings or the items")
        path = Path(source)
        if path.suffix not in _PARQUET:
            return DelimitedTable(path, names=names, delimiter=delimiter, encoding=encoding, quotes=quotes)
        return _parquet(path)
    if isinstance(source, pl.DataFrame | pl.LazyFrame):
        return FrameTable(label, source.lazy(), len(source) if isinstance(source, pl.DataFrame) else 0)
    if hasattr(source, "__arrow_c_stream__"):
        return _arrow(source, label)
    raise LogError(f"{type(source).__name__} is no table; pass a path, or a polars or pandas frame")


class FrameTable(Table):
    """A lazy polars frame. Times become seconds, lists one text joined by "|", NaN null."""

    def __init__(self, label: str, frame: pl.LazyFrame, rows: int) -> None:
        try:
            self._schema = frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(label, error) from error
        super().__init__(label, self._schema.names())
        self._frame = frame
        self.size = rows

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Table.batches`."""
        texts = self._frame.select(_as_text(name, self._schema[name]) for name in columns)
        self.done = 0
        try:
            for batch in texts.collect_batches(chunk_size=_BATCH, maintain_order=True):
                self.done += len(batch)
                yield batch
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(self.label, error) from error
        if not self.done:
            raise LogError(f"{self.label} holds no rows; pass the one with the ratings or the items")


def _parquet(path: Path) -> FrameTable:
    try:
        if not path.exists():
            raise LogError(f"{path} cannot be opened: there is no such file; check the path")
        frame = pl.scan_parquet(path, glob=False)
        rows = frame.select(pl.len()).collect().item()
    except pl.exceptions.DuplicateError as error:
        raise LogError(f"{path}: a column is there twice ({error}); rename or remove one") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        problem = str(error).splitlines()[0]
        raise LogError(f"{path} cannot be read as Parquet ({problem}); check the file") from error
    return FrameTable(str(path), frame, rows)


def _arrow(source: Any, label: str) -> FrameTable:
    try:
        frame = pl.DataFrame(source)
    except pl.exceptions.DuplicateError as error:
        raise LogError(f"{label}: a column is there twice ({error}); rename or remove one") from error
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:  # Arrow's own errors are Value- and TypeErrors
        raise _unreadable(label, error) from error
    return FrameTable(label, frame.lazy(), len(frame))


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime | pl.Date):
        column = column.dt.epoch("us") / 1_000_000
    elif dtype.is_float():
        column = column.fill_nan(None)
    elif isinstance(dtype, pl.List):
        column = column.cast(pl.List(pl.String)).list.join("|", ignore_nulls=True)
    return column.cast(pl.String)


def _unreadable(label: str, error: Exception) -> LogError:
    lines = str(error).splitlines() or [type(error).__name__]
    return LogError(f"{label} cannot be read as text ({lines[0]}); make its columns texts, numbers, times or lists")
