"""`verify` accepts what was really run, and names the first thing that was not."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard import replay
from leaderboard.files import file_sha256
from leaderboard.replay import verify
from leaderboard.traces import MAX_STEPS, Trace, read_trace, step_tags, write_trace
from recsim_envs.errors import LongrecError, ReplayMismatchError, SubmissionError


def read(path):
    return read_trace(path / "traces.parquet", 1000, MAX_STEPS)[0]


def write(path, trace, *, keep_hash=False):
    write_trace(path / "traces.parquet", trace)
    if not keep_hash:
        edit(path, traces_sha256=file_sha256(path / "traces.parquet"))


def edit(path, **fields):
    file = path / "submission.json"
    record = json.loads(file.read_text()) | fields
    file.write_text(json.dumps(record))


def changed(trace, **columns):
    names = ("task", "training_seed", "episode", "episode_seed", "offsets", "actions", "rewards", "tags", "ends")
    return Trace(**({n: getattr(trace, n).copy() for n in names} | columns))


def retagged(trace):
    return changed(trace, tags=step_tags(trace.episode_seed, trace.offsets, trace.actions, trace.rewards))


def select(trace, rows):
    """Some rows of a trace, in any order."""
    parts = [slice(trace.offsets[r], trace.offsets[r + 1]) for r in rows]
    columns = {n: getattr(trace, n)[rows] for n in ("task", "training_seed", "episode", "episode_seed", "ends")}
    flat = {n: np.concatenate([getattr(trace, n)[p] for p in parts]) for n in ("actions", "rewards", "tags")}
    return Trace(offsets=np.concatenate([[0], np.cumsum(trace.lengths[rows])]), **columns, **flat)


def longest(trace, task=0):
    return int(np.where(trace.task == task, trace.lengths, 0).argmax())


def test_a_true_submission_replays(finished):
    replayed = verify(finished)
    trace = read(finished)
    assert replayed.steps == len(trace.actions)
    assert [o.left.shape for o in replayed.outcomes] == [(2, 25), (2, 10)]
    assert replayed.outcomes[0].returns.sum() == pytest.approx(trace.rewards[: trace.offsets[50]].sum())
    assert (replayed.outcomes[0].users >= 20).all()  # test users only


def test_an_edited_action_with_another_reward(submission):
    trace = read(submission)
    i = longest(trace)
    at = trace.offsets[i] + 1
    trace = changed(trace)
    trace.actions[at] = (trace.actions[at] + 1) % 60
    write(submission, trace)
    where = f"longrec/Games-v0, training seed {trace.training_seed[i]}, episode {trace.episode[i]}, step 1: item"
    with pytest.raises(ReplayMismatchError, match=where + ".*does not carry its tag.*evaluate again"):
        verify(submission)


def test_an_edited_action_with_the_same_reward_and_end(submission, world_path):
    """Two items that the user likes alike: only the tag tells them apart."""
    trace = read(submission)
    i = longest(trace)
    at = trace.offsets[i + 1] - 2
    for item in range(60):
        candidate = changed(trace)
        candidate.actions[at] = item
        if item == trace.actions[at]:
            continue
        write(submission, retagged(candidate))
        try:
            verify(submission)
        except ReplayMismatchError:
            continue
        break
    else:
        pytest.skip("no other item earns the same here")
    write(submission, candidate)  # the same edit without new tags
    with pytest.raises(ReplayMismatchError, match=f"step {trace.lengths[i] - 2}: item {candidate.actions[at]} "):
        verify(submission)


def test_an_edited_reward_with_its_tag(submission):
    trace = changed(read(submission))
    i = longest(trace)
    trace.rewards[trace.offsets[i]] += 1
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match=rf"episode {trace.episode[i]}, step 0: item \d+ earns .*claims"):
        verify(submission)


def test_nan_rewards_never_replay(submission):
    trace = changed(read(submission))
    trace.rewards[0] = np.nan
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match=r"step 0: item .* the trace claims nan"):
        verify(submission)


@pytest.mark.parametrize("item", [-1, 60, 2**31 - 1, -(2**31)])
def test_items_that_do_not_exist(submission, item):
    trace = changed(read(submission))
    trace.actions[0] = item
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match=f"step 0: item {item} does not exist, items are 0..59"):
        verify(submission)


def test_a_forbidden_repeat_is_named_by_episode(submission):
    trace = changed(read(submission))
    at = trace.offsets[53]  # fourth episode of the second task, where repeats are forbidden
    assert trace.lengths[53] > 1
    trace.actions[at + 1] = trace.actions[at]
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match="training seed 0, episode 3, step 1: the action is not allowed"):
        verify(submission)


def test_a_cut_and_a_stretched_session(submission):
    trace = read(submission)
    i = longest(trace)
    keep = np.ones(len(trace.actions), bool)
    keep[trace.offsets[i + 1] - 1] = False
    offsets = trace.offsets - (np.arange(len(trace.offsets)) > i)
    flat = {n: getattr(trace, n)[keep] for n in ("actions", "rewards", "tags")}
    write(submission, changed(trace, offsets=offsets, **flat))
    with pytest.raises(ReplayMismatchError, match="the trace ends here, the session goes on"):
        verify(submission)
    short = int(np.where(trace.task == 0, trace.lengths, 99).argmin())
    at = trace.offsets[short + 1]
    flat = {n: np.insert(getattr(trace, n), at, 0) for n in ("actions", "rewards", "tags")}
    offsets = trace.offsets + (np.arange(len(trace.offsets)) > short)
    write(submission, retagged(changed(trace, offsets=offsets, **flat)))
    with pytest.raises(ReplayMismatchError, match=r"the session ends here by '.+', the trace goes on"):
        verify(submission)


def test_a_wrong_cause(submission):
    trace = changed(read(submission))
    trace.ends[0] = "<script>" * 40
    write(submission, trace)
    with pytest.raises(ReplayMismatchError, match=r"the session ended by '.+', the trace says '<script>") as caught:
        verify(submission)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (list(range(69)), "training seed 3, episode 9 is missing"),
        ([0, 0, *range(2, 70)], "training seed 0, episode 1 is missing"),
        ([*range(70), 5], "training seed 0, episode 5 is there twice"),
        ([1, 0, *range(2, 70)], "are not sorted"),
        ([], "training seed 0, episode 0 is missing"),
    ],
)
def test_quota(submission, rows, text):
    trace = read(submission)
    assert len(trace) == 70
    if rows:
        write(submission, select(trace, rows))
    else:
        empty = {n: getattr(trace, n)[:0] for n in ("task", "training_seed", "episode", "episode_seed", "ends")}
        flat = {n: getattr(trace, n)[:0] for n in ("actions", "rewards", "tags")}
        write(submission, Trace(offsets=np.zeros(1, np.int64), **empty, **flat))
    with pytest.raises(SubmissionError, match=text):
        verify(submission)


def test_an_episode_that_nobody_asked_for(submission):
    trace = changed(read(submission))
    trace.training_seed[-1] = 4
    write(submission, trace)
    with pytest.raises(SubmissionError, match="training seed 3, episode 9 is missing"):
        verify(submission)


def test_a_wrong_seed(submission):
    trace = changed(read(submission))
    trace.episode_seed[3] += 1
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match="episode 3: its seed is not the one that the suite derives"):
        verify(submission)


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
        ({"surprise": 1}, "field surprise: Extra inputs are not permitted"),
        ({"schema_version": 2}, "field schema_version: Input should be 1"),
        ({"wall_seconds": 1e300}, "field wall_seconds: Input should be less than or equal to"),
        ({"wall_seconds": -1}, "field wall_seconds"),
        ({"suite_hash": "0" * 64}, "suite_hash is not the hash of suite"),
        ({"command": ["x" * 501]}, "field command.0: String should have at most 500"),
        ({"commit": "../../etc"}, "field commit"),
        ({"cells": []}, "field cells"),
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
    with pytest.raises(SubmissionError, match=r"submission\.json: field"):
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
