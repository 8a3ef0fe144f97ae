"""Delimited files: Arrow's parser reads them in blocks; only where a message needs a line are they read again."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

import polars as pl

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.tables import KEPT_EXAMPLES, Table

_DELIMITERS: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_GUESSED: Final = ",\t;|"
_BLOCK: Final = 8 << 20  # bytes that are parsed at a time, and the longest row
_LONGEST_HEADER: Final = 1 << 20
_NAMED: Final = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_NO_TEXT: Final = {
    b"PK\x03\x04": "is a zip archive or a spreadsheet; unpack it, or save the sheet as CSV",
    b"\x1f\x8b": "is gzipped; end its name in .gz",
    b"PAR1": "is Parquet; end its name in .parquet",
    b"\xff\xfe": "is UTF-16; pass --encoding utf-16",
    b"\xfe\xff": "is UTF-16; pass --encoding utf-16",
}
"""What the first bytes of a file give away, whose text makes no sense."""
_BROKEN: Final = (OSError, EOFError, zlib.error)  # what a truncated or damaged gzip file raises


class DelimitedTable(Table):
    r"""A CSV or TSV file, or one with another delimiter.

    names: the columns of a file without a header; None: the first line names them. delimiter: one character; None:
    by the suffix (.csv, .tsv, .tab), else whichever of , tab ; | is most frequent in the first line. quotes: whether
    a field may stand in double quotes, with any character inside. Empty lines are passed over; a line may end in
    \n, \r\n or \r. Raises `LogError` for a file that cannot be opened or decoded, and without a header.
    """

    unit = "line"

    def __init__(
        self, path: Path, *, names: Sequence[str] | None, delimiter: str | None, encoding: str, quotes: bool
    ) -> None:
        self._path, self._encoding, self._quotes = path, _known_encoding(encoding), quotes
        self._first = self._first_line()
        suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
        self._delimiter = delimiter or _DELIMITERS.get(suffix) or max(_GUESSED, key=self._first.count)
        self._headers = int(names is None)
        super().__init__(str(path), self._header() if names is None else names)
        self.size = path.stat().st_size

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Table.batches`; what is empty is empty text, not null."""
        import pyarrow as pa

        self.odd, self.odd_rows, self.done = 0, [], 0
        read = 0
        try:
            with self._path.open("rb") as raw, _unpacked(self._path, raw) as file:
                for batch in self._parse(file, columns):
                    self.done = raw.tell()
                    read += batch.num_rows
                    yield pl.DataFrame(pa.Table.from_batches([batch]))
        except (pa.ArrowInvalid, UnicodeError) as error:
            if self.done or read or self.odd or "skip initial" not in str(error):  # else there is only a header
                raise self._wrong_encoding() or self._no_table(error) from error
        except _BROKEN as error:
            raise LogError(f"{self._path} cannot be read: {error}; fetch or pack the file again") from error
        if not read and not self.odd:
            raise LogError(f"{self._path} holds no data lines; pass the file with the ratings or the items")

    def places(self, rows: Sequence[int]) -> dict[int, int]:
        """See `Table.places`. Reads the file up to the last of the rows, slowly."""
        wanted, found = set(rows), {}
        quoting: Any = csv.QUOTE_MINIMAL if self._quotes else csv.QUOTE_NONE
        with self._text(newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter, quoting=quoting)
            row, start = -self._headers, reader.line_num
            try:
                for fields in reader:
                    if fields:
                        if row in wanted:
                            found[row] = start + 1
                            if len(found) == len(wanted):
                                break
                        row += 1
                    start = reader.line_num
            except csv.Error:  # a field beyond the bounds of this slow reader
                pass
        return found

    def hint(self) -> str:
        """See `Table.hint`: whether the first line looks as if it had another delimiter."""
        other = max(_GUESSED, key=self._first.count)
        if self._delimiter in self._first or other not in self._first:
            return ""
        return (
            f" The first line has no {_NAMED.get(self._delimiter, self._delimiter)} but {_NAMED[other]}: end the "
            "file's name in .tsv for tabs, or in .txt to have the delimiter guessed."
        )

    def _parse(self, file: IO[bytes], columns: Sequence[str]) -> Iterator[Any]:
        import pyarrow as pa
        from pyarrow import csv as arrow

        # One thread: only then does the parser know the numbers of odd rows. As utf-8-sig even UTF-8 is decoded
        # first, so that wrong bytes are found in every row; in an odd one the parser would only print a traceback.
        yield from arrow.open_csv(
            file,
            arrow.ReadOptions(
                use_threads=False,
                block_size=_BLOCK,
                column_names=self.names,
                skip_rows=self._headers,
                encoding="utf-8-sig" if self._encoding == "utf-8" else self._encoding,
            ),
            arrow.ParseOptions(
                delimiter=self._delimiter,
                quote_char='"' if self._quotes else False,
                newlines_in_values=self._quotes,
                invalid_row_handler=self._skip,
            ),
            arrow.ConvertOptions(include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string())),
        )

    def _skip(self, row: Any) -> str:
        self.odd += 1
        if len(self.odd_rows) < KEPT_EXAMPLES:
            self.odd_rows.append((row.number - 1 - self._headers, row.actual_columns))
        return "skip"

    def _header(self) -> list[str]:
        try:
            names = next(csv.reader([self._first], delimiter=self._delimiter), [])
        except csv.Error as error:
            raise LogError(f"{self._path}, line 1: {error}; the first line must name the columns") from None
        if not names:
            raise LogError(f"{self._path} is empty or begins with an empty line; its first line must name the columns")
        return [name.strip() for name in names]

    def _first_line(self) -> str:
        try:
            self._demand_text()
            with self._text() as file:
                return file.readline(_LONGEST_HEADER).rstrip("\r\n").removeprefix("\ufeff")
        except UnicodeError as error:  # not always one of decoding: utf-16 without a byte order mark
            raise self._wrong_encoding() or self._no_table(error) from None
        except _BROKEN as error:
            problem = getattr(error, "strerror", None) or error
            raise LogError(f"{self._path} cannot be opened: {problem}; check the path") from None

    def _demand_text(self) -> None:
        """Raise `LogError` for a file that is evidently something else, which few encodings would notice."""
        with self._path.open("rb") as raw, _unpacked(self._path, raw) as file:
            first = file.read(4)
        for begin, advice in _NO_TEXT.items():
            if first.startswith(begin) and not self._encoding.startswith("utf-16"):
                raise LogError(f"{self._path} {advice}")

    def _text(self, newline: str | None = None) -> io.TextIOWrapper:
        return io.TextIOWrapper(_unpacked(self._path, self._path.open("rb")), self._encoding, newline=newline)

    def _wrong_encoding(self) -> LogError | None:
        """The first byte that is not in the encoding, if there is one."""
        decoder = codecs.getincrementaldecoder(self._encoding)()
        with self._path.open("rb") as raw, _unpacked(self._path, raw) as file:
            for number, line in enumerate(itertools.chain(file, [b""]), 1):
                try:
                    decoder.decode(line, final=not line)
                except UnicodeError as error:
                    what = "its beginning"
                    if isinstance(error, UnicodeDecodeError):
                        what = f"byte 0x{error.object[error.start]:02x}"
                    return LogError(
                        f"{self._path}, line {number if line else number - 1}: {what} is not {self._encoding}; pass "
                        "the file's encoding, for example --encoding latin-1"
                    )
        return None

    def _no_table(self, error: Exception) -> LogError:
        return LogError(
            f"{self._path} cannot be read as a table: {error}; check its delimiter, and whether a quote that opens "
            "a field is never closed"
        )


def _known_encoding(name: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), name)  # there are codecs of other things than text
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise LogError(f"encoding {name!r} is unknown; use utf-8, latin-1, cp1252 or the like") from None


def _unpacked(path: Path, raw: IO[bytes]) -> IO[bytes]:
    return gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw  # type: ignore[return-value]
