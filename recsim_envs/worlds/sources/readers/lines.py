"""Files of one record a line, plain or gzipped, as a `Table`: read in blocks of bounded size, each line a row."""

from __future__ import annotations

import csv
import gzip
import zlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final, cast

import polars as pl

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.tables import Table

UNREAD: Final = "unread"
BLOCK: Final = 1 << 24
LONGEST: Final = 1 << 26  # bytes of a line; no record comes near, and without a bound a file could fill the memory


class LinesTable(Table):
    """A file whose lines are records, each with some of the columns `names`, and with UNREAD.

    UNREAD has the line itself where it is no record, and null elsewhere, so that a `Sieve` can tell of it. Raises
    `LogError` for a file that cannot be read, is truncated or damaged, or has a line of more than 64 MiB.
    """

    unit = "line"

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        super().__init__(str(path), [*names, UNREAD])
        if not path.is_file():
            raise LogError(f"{path} cannot be opened: there is no such file; check the path")
        self._path = path
        self.size = path.stat().st_size

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Table.batches`."""
        read, self.done = 0, 0
        try:
            with self._path.open("rb") as raw:
                stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if self._path.suffix == ".gz" else raw
                for block in _whole_lines(stream):
                    lines = block.removesuffix(b"\n").split(b"\n")
                    frame = self._frame(lines)
                    read, self.done = read + len(lines), raw.tell()
                    yield frame.select(columns)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise LogError(
                f"{self.label} is truncated or damaged after line {read} ({error}); fetch it anew"
            ) from error
        except OSError as error:
            raise LogError(f"{self.label} cannot be read: {error.strerror or error}; check the path") from error
        except OverflowError:
            raise LogError(
                f"{self.label}: a line after line {read} is longer than 64 MiB; is it the right file?"
            ) from None
        if not read:
            raise LogError(f"{self.label} is empty; fetch it anew")

    @abstractmethod
    def _frame(self, lines: list[bytes]) -> pl.DataFrame:
        """The columns `names` as text, one row a line."""


class ColonTable(LinesTable):
    """A file in Latin-1 with "::" between its fields, which no parser of CSV takes for a delimiter."""

    def _frame(self, lines: list[bytes]) -> pl.DataFrame:
        text = pl.Series(UNREAD, [line.decode("latin-1").rstrip("\r") for line in lines])
        names, parts = self.names[:-1], pl.col("parts")
        fits = parts.list.len() == len(names)
        fields = [pl.when(fits).then(parts.list.get(i, null_on_oob=True)).alias(name) for i, name in enumerate(names)]
        split = text.to_frame().with_columns(pl.col(UNREAD).str.split("::").alias("parts"))
        return split.select(*fields, pl.when(~fits).then(UNREAD))


class CsvLines(LinesTable):
    """A CSV file with a header whose fields may hold what they should not: line ends, quotes that are never closed.

    Each line is parsed for itself, so that what is torn costs the lines it is on and nothing after them.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, [])
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            header = file.readline(BLOCK)
        self.names = [*next(csv.reader([header]), []), UNREAD]
        self._begun = False

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Table.batches`."""
        self._begun = False
        return super().batches(columns)

    def places(self, rows: Sequence[int]) -> dict[int, int]:
        """See `Table.places`."""
        return {row: row + 2 for row in rows}

    def _frame(self, lines: list[bytes]) -> pl.DataFrame:
        width = len(self.names) - 1
        rows = [self._fields(line.decode("utf-8", "replace"), width) for line in lines[not self._begun :]]
        self._begun = True
        return pl.DataFrame(rows, schema=dict.fromkeys(self.names, pl.String()), orient="row")

    def _fields(self, line: str, width: int) -> list[str | None]:
        try:
            fields: list[str | None] = [*next(csv.reader([line]), [])]
        except csv.Error:
            fields = []
        return [*fields, None] if len(fields) == width else [*(None,) * width, line]


def _whole_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in blocks that end where lines end. Raises `OverflowError` for a line beyond LONGEST."""
    rest = b""
    while block := stream.read(BLOCK):
        block = rest + block
        end = block.rfind(b"\n") + 1
        rest = block[end:]
        if len(rest) > LONGEST:
            raise OverflowError
        if end:
            yield block[:end]
    if rest:
        yield rest
