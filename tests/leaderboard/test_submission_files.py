"""`verify` on files that are incomplete, contradictory, crafted or damaged: a typed error, never a crash."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard import replay, traces
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.replay import verify
from leaderboard.submit import submit
from recsim_envs.errors import LongrecError, PlatformError, SubmissionError
from tests.leaderboard.conftest import ENV
from tests.leaderboard.edits import edit, read, select, write


def test_a_file_that_is_not_the_submissions(submission):
    write(submission, read(submission))
    assert verify(submission)
    table = pq.read_table(submission / "traces.parquet")
    pq.write_table(table, submission / "traces.parquet", compression="snappy")
    with pytest.raises(SubmissionError, match="replays, but is not the file"):
        verify(submission)


def test_a_wrong_world(submission):
    record = json.loads((submission / "submission.json").read_text())
    record["worlds"][0]["sha256"] = "0" * 64
    edit(submission, worlds=record["worlds"])
    with pytest.raises(SubmissionError, match="was run on world 'tiny' 000000000000, here it is 'tiny'"):
        verify(submission)


def test_a_platform_that_computes_otherwise_than_the_submissions(submission):
    record = json.loads((submission / "submission.json").read_text())
    here = record["fingerprints"][1]
    edit(submission, fingerprints=[record["fingerprints"][0], "0" * 64])
    text = rf"Games-v0 computes otherwise here .* is {here[:12]}, there it was 000000000000 \(there longrec .*numpy"
    with pytest.raises(PlatformError, match=text):
        verify(submission)


def test_a_platform_that_computes_otherwise_than_the_package(submission, finished, suite, tmp_path, monkeypatch):
    monkeypatch.setattr("recsim_envs.fingerprint.golden", lambda: {ENV: "0" * 64})
    for call in (
        lambda: verify(submission),
        lambda: submit(submission, tmp_path / "subs"),
        lambda: evaluate(Job("random", tmp_path / "run"), suite, workers=1),
    ):
        with pytest.raises(PlatformError, match=r"computes otherwise on this platform.*do not score here"):
            call()
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "subs").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_traces(submission, share):
    file = submission / "traces.parquet"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(SubmissionError, match=r"traces.parquet is truncated, damaged or no Parquet file"):
        verify(submission)


def test_missing_files(submission):
    (submission / "traces.parquet").unlink()
    with pytest.raises(SubmissionError, match=r"traces.parquet does not exist"):
        verify(submission)
    (submission / "submission.json").unlink()
    with pytest.raises(SubmissionError, match=r"submission.json does not exist"):
        verify(submission)


def test_other_columns(submission):
    table = pq.read_table(submission / "traces.parquet")
    pq.write_table(table.drop_columns(["tags"]), submission / "traces.parquet")
    with pytest.raises(SubmissionError, match=r"columns are not those of a trace \(task: uint16"):
        verify(submission)


def test_more_steps_than_the_horizon_allows(submission):
    """A few kilobytes that decode to a hundred million zeros are refused by their footer."""
    table = pq.read_table(submission / "traces.parquet")
    bomb = pa.array([[0] * 2_000_000] + [[0]] * 69, pa.list_(pa.int32()))
    table = table.set_column(4, table.schema.field("actions"), bomb.cast(table.schema.field("actions").type))
    pq.write_table(table, submission / "traces.parquet")
    with pytest.raises(SubmissionError, match="more than the suite's horizon allows"):
        verify(submission)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"surprise": 1}, "field surprise: there is no such field"),
        ({"schema_version": 2}, "field schema_version: Input should be 1"),
        ({"wall_seconds": 1e300}, "field wall_seconds: Input should be less than or equal to"),
        ({"wall_seconds": -1}, "field wall_seconds"),
        ({"suite_hash": "0" * 64}, "suite_hash is not the hash of suite"),
        ({"command": ["x" * 501]}, "field command.0: String should have at most 500"),
        ({"commit": "../../etc"}, "field commit"),
        ({"cells": []}, "field cells"),
        ({"fingerprints": ["0" * 64]}, "fingerprints must hold one for each task"),
        ({"fingerprints": ["x", "y"]}, "field fingerprints.0"),
        ({"packages": {"<b>": "1"}}, "field packages"),
        ({"declared": {"episodes": 10**6}}, "declared is not the budget of track scarce"),
    ],
)
def test_metadata_outside_the_schema(submission, fields, text):
    edit(submission, **fields)
    with pytest.raises(SubmissionError, match=text):
        verify(submission)


@pytest.mark.parametrize(
    ("spent", "text"),
    [
        ({"episodes": 0}, r"task 0, training seed 0: spent\.steps is missing"),
        ({}, r"spent\.episodes is missing; 0 where nothing was used"),
        ({"episodes": 0, "steps": 3}, r"spent\.steps is 3, of an agent that does not train"),
    ],
)
def test_spending_that_cannot_be(submission, spent, text):
    cells = json.loads((submission / "submission.json").read_text())["cells"]
    edit(submission, cells=[cells[0] | {"spent": spent}, *cells[1:]])
    with pytest.raises(SubmissionError, match=text):
        verify(submission)


def test_spending_beyond_the_track(submission):
    record = json.loads((submission / "submission.json").read_text())
    record["cells"][1]["spent"]["episodes"] = 10**9
    edit(submission, cells=record["cells"], agent=record["agent"] | {"trains": True})
    with pytest.raises(
        SubmissionError, match=r"training seed 3: spent\.episodes is 1000000000; track scarce allows 100"
    ):
        verify(submission)


def test_hidden_state_is_told_in_one_way(submission):
    agent = json.loads((submission / "submission.json").read_text())["agent"]
    edit(submission, agent=agent | {"privileged": True})
    with pytest.raises(SubmissionError, match=r"disclosure\.hidden_state and agent\.privileged contradict"):
        verify(submission)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"created": NaN}', "\x00" * 50, '{"a":' * 5000])
def test_metadata_that_is_no_json(submission, text):
    (submission / "submission.json").write_text(text)
    with pytest.raises(
        SubmissionError, match=r"submission\.json: (Invalid JSON|Input should be an object|field created)"
    ):
        verify(submission)


def test_code_to_run_cannot_be_smuggled_in(submission):
    record = json.loads((submission / "submission.json").read_text())
    record["suite"]["tasks"][0]["options"]["family"] = "os:system"
    edit(submission, suite=record["suite"])
    with pytest.raises(SubmissionError, match="options must not set family"):
        verify(submission)


@pytest.mark.parametrize("name", ["submission.json", "traces.parquet"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_regular_files_are_read(submission, name, kind):
    """A link to /dev/zero never ends, and a pipe without a writer never begins."""
    file = submission / name
    file.unlink()
    if kind == "link":
        file.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.mkdir()
    with pytest.raises(SubmissionError, match=rf"{name} is no regular file .*; put the file itself there"):
        verify(submission)


def test_a_long_word_that_all_rows_share(submission):
    table = pq.read_table(submission / "traces.parquet")
    words = pa.array(["x" * 100_000] * len(table))
    table = table.set_column(table.schema.get_field_index("end"), table.schema.field("end"), words)
    pq.write_table(table, submission / "traces.parquet", compression="zstd")
    assert (submission / "traces.parquet").stat().st_size < 50_000
    with pytest.raises(SubmissionError, match="end holds a word of 100000 characters"):
        verify(submission)


def test_a_great_suite_with_another_trace(submission, monkeypatch):
    """Where naming the episode would take more memory than the files, their number or row is named."""
    trace = read(submission)
    monkeypatch.setattr(replay, "_NAMED", 50)
    write(submission, select(trace, list(range(69))))
    with pytest.raises(SubmissionError, match="69 episodes, the suite asks for 70"):
        verify(submission)
    write(submission, select(trace, [0, 2, 1, *range(3, 70)]))
    with pytest.raises(SubmissionError, match="row 1 is not the episode that the suite asks for there"):
        verify(submission)


@settings(max_examples=60)
@given(data=st.data())
def test_flipped_bits_are_never_accepted(finished, tmp_path_factory, data):
    """Any byte of either file: an error of ours, or a difference that is outside what is claimed."""
    folder = tmp_path_factory.mktemp("flip") / "s"
    shutil.copytree(finished, folder)
    file = folder / "traces.parquet"
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    with pytest.raises(LongrecError):
        verify(folder)


def test_an_end_beyond_its_dictionary():
    """What one flipped bit of a column of words can come to; the reader of Parquet does not always notice."""
    column = pa.DictionaryArray.from_arrays(pa.array([0, 2], pa.int8()), pa.array(["", "horizon"]), safe=False)
    with pytest.raises(SubmissionError, match=r"x\.parquet: end names a word that is not in its dictionary"):
        traces._ends(Path("x.parquet"), column)
