"""Tables of text against Python's own csv module and against frames that are known."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs import delimited, tables
from recsim_envs.worlds.logs.tables import Table, open_table


def rows(table: Table) -> list[tuple[str | None, ...]]:
    return [row for batch in table.batches(table.names) for row in batch.rows()]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tables") / "table.csv"


@given(st.text('ab",\n\r é漢', max_size=40), st.sampled_from([64, 100, 1 << 20]))
def test_any_text_is_parsed_as_the_csv_module_parses_it(scratch, text, block):
    text = "a,b,c\n" + text
    scratch.write_bytes(text.encode())
    expected = [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]
    odd = [(k, len(row)) for k, row in enumerate(expected) if len(row) != 3]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BLOCK", block)
        table = open_table(scratch)
        if not expected:
            with pytest.raises(LogError, match="no data lines"):
                rows(table)
            return
        assert rows(table) == [tuple(row) for row in expected if len(row) == 3]
    assert (table.odd, table.odd_rows) == (len(odd), odd[:5])


fields = st.text('ab",\n\r é', max_size=6)


@given(
    st.lists(st.lists(fields, min_size=1, max_size=4), min_size=1, max_size=12), st.sampled_from(["\n", "\r\n", "\r"])
)
def test_rows_are_found_again_at_their_lines(scratch, table_rows, ending):
    """Each row is preceded by as many empty lines as it has fields."""
    text, expected = "x,y" + ending, []
    for fields in table_rows:
        text += ending * len(fields)
        expected.append(1 + len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1)
        quoted = ['"' + field.replace('"', '""') + '"' for field in fields]
        text += ",".join(quoted) + ending
    scratch.write_bytes(text.encode())
    found = open_table(scratch).places(range(len(table_rows)))
    assert [found[row] for row in range(len(table_rows))] == expected


def test_delimiters_go_by_suffix_and_otherwise_by_the_first_line(tmp_path):
    for name, mark in [("a.tsv", "\t"), ("a.tab", "\t"), ("a.txt", ";"), ("a", "|"), ("a.csv", ","), ("a.dat", "\t")]:
        (tmp_path / name).write_text(mark.join("abc") + "\n" + mark.join("123") + "\n")
        assert rows(open_table(tmp_path / name)) == [("1", "2", "3")]
    (tmp_path / "b.csv").write_text("a;b\n1;2\n")
    assert "no commas but semicolons" in open_table(tmp_path / "b.csv").hint()
    assert open_table(tmp_path / "a.csv").hint() == ""
    assert rows(open_table(tmp_path / "b.csv", delimiter=";")) == [("1", "2")]


def test_only_the_columns_that_are_wanted(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,c\n1,2,3\n")
    assert [batch.to_dict(as_series=False) for batch in open_table(tmp_path / "a.csv").batches(["c", "a"])] == [
        {"c": ["3"], "a": ["1"]}
    ]


def test_without_header_and_without_quotes(tmp_path):
    (tmp_path / "a.txt").write_text('1|"x\n2|y"\n3\n')
    table = open_table(tmp_path / "a.txt", names=("n", "word"), delimiter="|", quotes=False)
    assert rows(table) == [("1", '"x'), ("2", 'y"')]
    assert table.odd_rows == [(2, 1)]
    assert table.places([0, 2]) == {0: 1, 2: 3}


def test_gzipped_files(tmp_path):
    packed = gzip.compress(b"a\tb\n1\t2\n\n3\n")
    (tmp_path / "a.tsv.gz").write_bytes(packed)
    table = open_table(tmp_path / "a.tsv.gz")
    assert rows(table) == [("1", "2")]
    assert table.places([1]) == {1: 4}
    assert (table.done, table.size) == (len(packed), len(packed))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 99_999)[:-20])
    with pytest.raises(LogError, match=r"cut\.csv\.gz cannot be read"):
        rows(open_table(tmp_path / "cut.csv.gz"))
    (tmp_path / "no.csv.gz").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(LogError, match=r"no\.csv\.gz cannot be opened.*gzip"):
        open_table(tmp_path / "no.csv.gz")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b\n1,2\n1,\xe9\n", r"line 3: byte 0xe9 is not utf-8"),
        (b"a,b\n\xe9\n1,2\n", r"line 2: byte 0xe9 is not utf-8"),
        (b"a,b\n1,2\n3,\xe9", r"line 3: byte 0xe9 is not utf-8"),
        (b"a,\xe9\n1,2\n", r"line 1: byte 0xe9 is not utf-8"),
        (b'a,b\n1,"' + b"2,3\n" * 200, r"cannot be read as a table: .*a quote that opens a field is never closed"),
    ],
)
def test_files_that_are_no_tables_have_a_name(tmp_path, monkeypatch, data, message):
    monkeypatch.setattr(delimited, "_BLOCK", 64)
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(LogError, match=message):
        rows(open_table(tmp_path / "a.csv"))


FRAME = pl.DataFrame(
    {
        "id": [3, None],
        "share": [0.5, float("nan")],
        "kinds": [["x", "y"], []],
        "day": [datetime.date(1970, 1, 2), None],
        "word": ["é", ""],
    }
)
TEXTS = [("3", "0.5", "x|y", "86400.0", "é"), (None, None, "", None, "")]


@pytest.mark.parametrize("form", ["eager", "lazy", "arrow", "parquet", "pandas"])
def test_frames_become_text(tmp_path, form):
    source = FRAME
    if form == "pandas":
        pytest.importorskip("pandas")
        source = FRAME.drop("kinds").to_pandas()
    elif form == "parquet":
        source = tmp_path / "a.parquet"
        FRAME.write_parquet(source)
    else:
        source = {"eager": FRAME, "lazy": FRAME.lazy(), "arrow": FRAME.to_arrow()}[form]
    table = open_table(source)
    if form == "pandas":
        assert rows(table) == [("3.0", "0.5", "86400.0", "é"), (None, None, None, "")]
        return
    assert rows(table) == TEXTS
    assert (table.unit, table.places([1]), table.odd) == ("row", {1: 2}, 0)
    assert (table.done, table.size) == (2, 0 if form == "lazy" else 2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pa.table([[1], [2]], names=["a", "a"]), "a column is there twice"),
        (pl.DataFrame({"a": []}), "holds no rows"),
        (pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}), "cannot be read as text"),
        (pl.LazyFrame({"a": [1]}).select("b"), "cannot be read as text"),
        ([1, 2], "list is no table"),
        (None, "NoneType is no table"),
    ],
)
def test_frames_that_are_no_tables_have_a_name(source, message):
    with pytest.raises(LogError, match=message):
        rows(open_table(source))


def test_batches_are_small_whatever_the_table_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", 64)
    monkeypatch.setattr(tables, "_BATCH", 50)
    frame = pl.DataFrame({"a": range(1000), "b": range(1000)})
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        batches = list(open_table(tmp_path / name).batches(["a"]))
        assert max(map(len, batches)) <= 50
        assert pl.concat(batches)["a"].to_list() == [str(k) for k in range(1000)]
