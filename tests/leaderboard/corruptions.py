"""Some hundred ways to damage a submission or to lie in one, by name. Each takes the folder and changes it in place."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leaderboard.files import file_sha256
from tests.leaderboard.edits import changed, cut, edit, read, retagged, select, write

Corruption = Callable[[Path], object]
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}"


def flips(name: str, count: int) -> dict[str, Corruption]:
    """One flipped bit in each of `count` regions of a file."""

    def flip(folder: Path, n: int) -> None:
        content = bytearray((folder / name).read_bytes())
        content[(2 * n + 1) * len(content) // (2 * count)] ^= 1 << n % 8
        (folder / name).write_bytes(content)

    return {f"bit {n} of {name}": lambda folder, n=n: flip(folder, n) for n in range(count)}


def leaves(record: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values in JSON; of lists and of the table of packages the first element's only."""
    if isinstance(record, dict) and record:
        for key, value in list(record.items())[: 1 if path == ("packages",) else None]:
            yield from leaves(value, (*path, key))
    elif isinstance(record, list) and record:
        yield from leaves(record[0], (*path, 0))
    else:
        yield path


def put(folder: Path, place: tuple[Any, ...], text: str) -> None:
    """Replace one value of submission.json by JSON text, which may be what Python would not write."""
    file = folder / "submission.json"
    record = json.loads(file.read_text())
    inner = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = "@here@"
    file.write_text(json.dumps(record).replace('"@here@"', text))


VALUES = {
    "a script": json.dumps(SCRIPT),
    "a path": '"../../../../etc/passwd"',
    "a great number": "1" + "0" * 400,
    "a negative number": "-1",
    "NaN": "NaN",
    "null": "null",
    "control characters": '"\\u001b[2J\\u0000\\r\\n\\u202e"',
    "a deep list": "[" * 3000 + "]" * 3000,
    "a long text": '"' + "x" * 100_000 + '"',
    "an object": '{"__class__": "os.system"}',
}


def fields(record: dict[str, Any]) -> dict[str, Corruption]:
    """Every value of submission.json, replaced by each of `VALUES`."""
    return {
        f"{'.'.join(map(str, place))} is {name}": lambda folder, place=place, text=text: put(folder, place, text)
        for place in leaves(record)
        for name, text in VALUES.items()
    }


def trace_edits() -> dict[str, Corruption]:
    """Edits of what the trace says, by somebody who renews hashes, and tags where that is told."""

    def column(name: str, at: int, value: Any, *, retag: bool = False) -> Corruption:
        def apply(folder: Path) -> None:
            trace = changed(read(folder))
            array = getattr(trace, name)
            array[at] = value(array[at]) if callable(value) else value
            write(folder, retagged(trace) if retag else trace)

        return apply

    def rows(choose: Callable[[list[int]], list[int]]) -> Corruption:
        return lambda folder: write(folder, select(trace := read(folder), choose(list(range(len(trace))))))

    one_more = lambda value: value + 1  # noqa: E731
    found: dict[str, Corruption] = {}
    for retag in (False, True):
        told = ", with new tags" if retag else ""
        for at in (0, 7, -1):
            found[f"action {at} is another{told}"] = column("actions", at, lambda a: (a + 1) % 60, retag=retag)
            found[f"reward {at} is higher{told}"] = column("rewards", at, one_more, retag=retag)
            found[f"seed {at} is another{told}"] = column("episode_seed", at, one_more, retag=retag)
        for value in (-1, 60, 2**31 - 1, -(2**31)):
            found[f"an action is {value}{told}"] = column("actions", 3, value, retag=retag)
        for value in (np.nan, np.inf, -np.inf, 3.4e38, -1.0):
            found[f"a reward is {value}{told}"] = column("rewards", 3, value, retag=retag)
        for value in (0, 2**64 - 1):
            found[f"a seed is {value}{told}"] = column("episode_seed", 3, value, retag=retag)
    for at in (0, 7, -1):
        found[f"tag {at} is another"] = column("tags", at, lambda t: t ^ 1)
    for end in ("", "horizon", "agent crashed", SCRIPT, "\x1b[2J", "x" * 600):
        found[f"an end is {end[:12]!r}"] = column("ends", 3, end)
    for name, top in (("task", 2**16 - 1), ("training_seed", 2**32 - 1), ("episode", 2**32 - 1)):
        found[f"{name} is one more"] = column(name, 5, one_more)
        found[f"{name} is {top}"] = column(name, 5, top)
    found |= {
        "an episode is missing": rows(lambda r: r[:-1]),
        "the first is missing": rows(lambda r: r[1:]),
        "an episode is there twice": rows(lambda r: [*r, r[4]]),
        "one stands for another": rows(lambda r: [r[1], *r[1:]]),
        "episodes are reversed": rows(lambda r: r[::-1]),
        "two are exchanged": rows(lambda r: [r[1], r[0], *r[2:]]),
        "all are there twice": rows(lambda r: r + r),
        "no episode": lambda folder: write(folder, read(folder).of(slice(0, 0))),
        "a session is cut": lambda folder: write(folder, cut(t := read(folder), 0, int(t.lengths[0]) - 1, t.ends[0])),
        "a session has no step": lambda folder: write(folder, cut(t := read(folder), 0, 0, t.ends[0])),
        "a reward of 0 has a sign": lambda folder: write(
            folder, retagged(changed(t := read(folder), rewards=np.where(t.rewards == 0, np.float32(-0.0), t.rewards)))
        ),
        "a session is lost": lambda folder: write(folder, cut(read(folder), 0, 0, "agent crashed")),
    }
    return found


def file_damage() -> dict[str, Corruption]:
    """What a broken disk, a wrong copy or a crafted archive makes of the two files and their folder."""
    found: dict[str, Corruption] = {}
    for name in ("submission.json", "traces.parquet"):
        for share in (0.0, 0.1, 0.5, 0.9, 0.999):
            found[f"{name} ends at {share}"] = lambda f, name=name, share=share: _cut_file(f / name, share)
        for kind, make in _KINDS.items():
            found[f"{name} is {kind}"] = lambda f, name=name, make=make: _replace(f / name, make)
    found["traces.parquet has a tail"] = lambda f: _append(f / "traces.parquet", b"#!/bin/sh\n")
    found["submission.json has a tail"] = lambda f: _append(f / "submission.json", b'{"agent": 1}')
    for name in _STRANGERS:
        found[f"a file {name!r} beside"] = lambda f, name=name: Path(os.fsdecode(f / os.fsdecode(name))).write_bytes(
            b"x"
        )
    found["a folder beside"] = lambda f: (f / "cells").mkdir()
    found["a link out of it"] = lambda f: (f / "curve.json").symlink_to("../../../../../etc/passwd")
    found["the folder is a link"] = _folder_link
    found["it lies under another name"] = lambda f: f.parent.rename(f.parent.with_name("other"))
    record = {"sha256": "0" * 64, "bytes": 1}
    found["a listed file is missing"] = lambda f: edit(f, files={"curve.json": record})
    found["a listed file is another"] = lambda f: (
        edit(f, files={"curve.json": record}),
        (f / "curve.json").write_text("{"),
    )
    for name in ("../../x", "/etc/passwd", "traces.parquet", "x.py", SCRIPT):
        found[f"files lists {name[:16]!r}"] = lambda f, name=name: edit(f, files={name: record})
    return found


_STRANGERS = (
    b"README.md", b".hidden", b"run.json", b"conftest.py", b"__init__.py", b"sitecustomize.py", b"curve.json",
    b"transcript.jsonl", b"cassette.jsonl.gz", b"traces.parquet.exe", b"a\nb\x1b[2J", b"\xff\xfe", b"x" * 200,
)  # fmt: skip

_KINDS: dict[str, Callable[[Path, bytes], object]] = {
    "a link to a copy": lambda file, content: file.symlink_to(_aside(file, content)),
    "a link to a device": lambda file, content: file.symlink_to("/dev/zero"),
    "a link to itself": lambda file, content: file.symlink_to(file.name),
    "a link up": lambda file, content: file.symlink_to("../.."),
    "a hard link": lambda file, content: os.link(_aside(file, content), file),
    "a pipe": lambda file, content: os.mkfifo(file),
    "a folder": lambda file, content: file.mkdir(),
    "a socket": lambda file, content: _socket(file),
    "a pickle": lambda file, content: file.write_bytes(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."),
    "zeros": lambda file, content: file.write_bytes(bytes(len(content))),
    "backwards": lambda file, content: file.write_bytes(content[::-1]),
    "UTF-16": lambda file, content: file.write_bytes(content.decode("latin-1").encode("utf-16")),
    "not UTF-8": lambda file, content: file.write_bytes(content.replace(b"o", b"\xff")),
    "missing": lambda file, content: None,
}


def _list_another(folder: Path) -> None:
    (folder / "curve.json").write_text("{")
    edit(folder, files={"curve.json": {"sha256": "0" * 64, "bytes": 1}})


def _replace(file: Path, make: Callable[[Path, bytes], object]) -> None:
    content = file.read_bytes()
    file.unlink()
    make(file, content)


def _aside(file: Path, content: bytes) -> Path:
    other = file.parents[2] / f"copy-of-{file.name}"
    other.write_bytes(content)
    return other


def _socket(file: Path) -> None:
    here = Path.cwd()
    os.chdir(file.parent)  # the path of a socket is short
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(file.name)
    finally:
        os.chdir(here)


def _folder_link(folder: Path) -> None:
    elsewhere = folder.parents[1] / "elsewhere"
    shutil.move(folder, elsewhere)
    folder.symlink_to(elsewhere)


def _cut_file(file: Path, share: float) -> None:
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


def _append(file: Path, tail: bytes) -> None:
    file.write_bytes(file.read_bytes() + tail)


def tables() -> dict[str, Corruption]:
    """Parquet that is no trace, or decodes to far more than it holds; with its hash renewed."""

    def made(change: Callable[[Any], Any], **options: Any) -> Corruption:
        def apply(folder: Path) -> None:
            file = folder / "traces.parquet"
            pq.write_table(change(pq.read_table(file)), file, **options)
            edit(folder, traces_sha256=file_sha256(file))

        return apply

    def column(name: str, values: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda table: table.set_column(table.schema.get_field_index(name), name, values(table))

    return {
        "a column more": made(lambda t: t.append_column("score", pa.array([1.0] * len(t)))),
        "a column less": made(lambda t: t.drop_columns(["tags"])),
        "columns in another order": made(lambda t: t.select(t.column_names[::-1])),
        "no column": made(lambda t: t.select([])),
        "wider integers": made(column("task", lambda t: t["task"].cast(pa.int64()))),
        "doubles": made(column("rewards", lambda t: t["rewards"].cast(pa.list_(pa.float64())))),
        "rewards as texts": made(column("rewards", lambda t: pa.array([["1"]] * len(t)))),
        "nulls": made(column("end", lambda t: pa.array([None] * len(t), pa.string()))),
        "nulls among actions": made(column("actions", lambda t: pa.array([[None]] * len(t), pa.list_(pa.int32())))),
        "a session of half a million zeros": made(
            column("actions", lambda t: pa.array([[0] * 500_000] + [[0]] * (len(t) - 1), pa.list_(pa.int32())))
        ),
        "a word of 300 thousand letters": made(column("end", lambda t: pa.array(["x" * 300_000] * len(t)))),
        "a hundred thousand rows": made(lambda t: pa.concat_tables([t] * (10**5 // len(t))), compression="zstd"),
        "four hundred row groups": made(lambda t: pa.concat_tables([t] * 60), row_group_size=10),
    }


def jsons() -> dict[str, Corruption]:
    """JSON that readers disagree on, or that is too much."""

    def made(change: Callable[[str], str]) -> Corruption:
        return lambda f: (f / "submission.json").write_text(change((f / "submission.json").read_text()))

    return {
        "a name twice": made(lambda text: text.replace("{", '{"dirty": true,', 1)),
        "a name twice, deep": made(lambda text: text.replace('"cores"', '"cores": 1, "cores"', 1)),
        "a byte order mark": made(lambda text: "\ufeff" + text),
        "a comment": made(lambda text: text + "// fine"),
        "two objects": made(lambda text: text + text),
        "a list of it": made(lambda text: f"[{text}]"),
        "a text of it": made(json.dumps),
        "a hundred thousand brackets": made(lambda text: '{"a":' * 100_000),
        "a lone surrogate": made(lambda text: text.replace('"random"', '"\\ud800"', 1)),
        "seventy megabytes": lambda f: os.truncate(f / "submission.json", 70 * 2**20),
        "an unknown name": made(lambda text: text.replace("{", '{"score": 1.0,', 1)),
        "a prototype": made(lambda text: text.replace("{", '{"__proto__": {},', 1)),
    }
