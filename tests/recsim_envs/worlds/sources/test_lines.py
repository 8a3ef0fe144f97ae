"""Files of records: blocks, damage, and Arrow's parser against the plain one."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs.errors import LogError
from recsim_envs.worlds.sources.readers import lines as lines_module
from recsim_envs.worlds.sources.readers.lines import UNREAD, ColonTable
from recsim_envs.worlds.sources.readers.records import SEPARATOR, JsonTable, Kind, LiteralTable, RecordTable

FIELDS = {"t": Kind.TEXT, "n": Kind.NUMBER, "l": Kind.TEXTS}
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=SEPARATOR), max_size=5)
records = st.fixed_dictionaries(
    {},
    optional={
        "t": texts | st.none() | st.integers(-5, 5),
        "n": st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6, width=32) | texts | st.booleans(),
        "l": st.lists(texts, max_size=3) | st.none() | texts,
        "else": st.dictionaries(texts, st.integers(0, 3), max_size=2),
    },
)
lines = st.lists(records.map(json.dumps) | st.sampled_from(["", "{", "[1]", "null", '{"t": "a"'])).filter(bool)


def read(table):
    return pl.concat(table.batches(table.names))


def values(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Numbers as numbers: 3 and 3.0 are one."""
    number = pl.col("n").cast(pl.Float64, strict=False)
    return frame.with_columns(number).to_dicts()


@given(lines)
@settings(max_examples=100)
def test_arrow_and_the_plain_parser_say_the_same(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("json") / "records.json"
    path.write_text("".join(f"{line}\n" for line in written), "utf-8")
    table = JsonTable(path, FIELDS)
    plain = RecordTable._frame(table, [line.encode() for line in written])
    assert values(read(table)) == values(plain)


def test_arrow_is_used_for_blocks_without_oddities(tmp_path, monkeypatch):
    monkeypatch.setattr(JsonTable, "_parsed", lambda *_: pytest.fail("parsed line by line"))
    path = tmp_path / "records.json"
    path.write_text('{"t": "a", "n": 3, "l": ["x", "y"], "else": {"k": [1]}}\n{"else": 1}\n')
    found = read(JsonTable(path, FIELDS))
    assert found.rows() == [("a", "3.0", f"x{SEPARATOR}y", None), (None, None, None, None)]


def test_fields_of_python_dictionaries(tmp_path):
    path = tmp_path / "records"
    path.write_text("{'t': 7, 'n': True, 'l': [['a', 'b'], ['c', 3]]}\n{'t': 'x\\d', 'n': 2.5, 'l': 'a'}\nx + 1\n")
    found = read(LiteralTable(path, FIELDS)).rows()
    assert found[0] == ("7", None, SEPARATOR.join("abc"), None)
    assert found[1] == ("x\\d", "2.5", None, None)
    assert found[2] == (None, None, None, "x + 1")


@pytest.mark.parametrize("deep", ["[" * 50_000, '{"a":' * 50_000, "-" * 50_000 + "1", "1+" * 50_000 + "1"])
def test_what_is_nested_too_deeply_ends_nothing(tmp_path, deep):
    path = tmp_path / "records"
    path.write_text(f"{{'t': {deep}}}\n{{'t': 'a'}}\n")
    assert read(LiteralTable(path, FIELDS))["t"].to_list() == [None, "a"]
    path.write_text(f'{{"t": {deep}}}\n{{"t": "a"}}\n')
    assert read(JsonTable(path, FIELDS))["t"].to_list() == [None, "a"]


def test_counts_come_largest_first(tmp_path):
    path = tmp_path / "records"
    path.write_text('{"g": {"b": 1, "a": 1, "c": 9}}\n{"g": [1]}\n')
    found = read(JsonTable(path, {"g": Kind.COUNTS}))["g"].to_list()
    assert found == [SEPARATOR.join("cab"), None]


@given(
    st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), min_size=1), st.integers(1, 9), st.booleans()
)
@settings(max_examples=60)
def test_blocks_lose_no_line(tmp_path_factory, written, size, ended):
    folder = tmp_path_factory.mktemp("blocks")
    content = b"\n".join(written) + b"\n" * (ended or not written[-1])
    (folder / "plain").write_bytes(content)
    (folder / "packed.gz").write_bytes(gzip.compress(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "BLOCK", size)
        for name in ("plain", "packed.gz"):
            found = read(ColonTable(folder / name, ["a", "b"]))
            expected = [line.decode("latin-1").rstrip("\r").split("::") for line in written]
            assert found.drop(UNREAD).rows() == [tuple(p) if len(p) == 2 else (None, None) for p in expected]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-10], lambda data: data[:30] + b"\0" * 40 + data[70:], lambda _: b"no gzip"]
)
def test_damaged_gzip_is_named(tmp_path, damage):
    path = tmp_path / "records.json.gz"
    path.write_bytes(damage(gzip.compress(b"".join(b'{"t": "%d"}\n' % n for n in range(500)))))
    with pytest.raises(LogError, match=r"records\.json\.gz is truncated or damaged"):
        read(JsonTable(path, FIELDS))


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lines_module, "BLOCK", 10)
    monkeypatch.setattr(lines_module, "LONGEST", 100)
    path = tmp_path / "records.json"
    path.write_bytes(b'{"t": 1}\n' + b"x" * 200)
    with pytest.raises(LogError, match="a line after line 1 is longer"):
        read(JsonTable(path, FIELDS))


@pytest.mark.parametrize(("content", "message"), [(None, "there is no such file"), (b"", "is empty")])
def test_no_file_and_an_empty_one(tmp_path, content, message):
    path = tmp_path / "records.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LogError, match=message):
        read(JsonTable(path, FIELDS))


def test_progress_is_in_bytes_of_the_packed_file(tmp_path, monkeypatch):
    monkeypatch.setattr(lines_module, "BLOCK", 1000)
    path = tmp_path / "records.json.gz"
    path.write_bytes(gzip.compress(b'{"t": "a"}\n' * 1000))
    table = JsonTable(path, FIELDS)
    done = [table.done for _ in table.batches(["t"])]
    assert done == sorted(done)
    assert done[-1] == table.size == path.stat().st_size
