"""Editing a submission by hand, as a cheat, a mistake or a broken disk would."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np

from leaderboard.files import file_sha256
from leaderboard.traces import Trace, concatenate, read_trace, step_tags, write_trace


def read(path):
    return read_trace(path / "traces.parquet", 1000)[0]


def write(path, trace, *, keep_hash=False):
    write_trace(path / "traces.parquet", trace)
    if not keep_hash:
        edit(path, traces_sha256=file_sha256(path / "traces.parquet"))


def edit(path, **values):
    file = path / "submission.json"
    record = json.loads(file.read_text()) | values
    file.write_text(json.dumps(record))


def changed(trace, **columns):
    """A copy with other columns; where items stay as many a step as they were, their offsets follow the steps'."""
    if "offsets" in columns and "item_offsets" not in columns:
        columns["item_offsets"] = columns["offsets"] * (len(trace.actions) // len(trace.rewards))
    return Trace(**({f.name: getattr(trace, f.name).copy() for f in fields(trace)} | columns))


def retagged(trace):
    return changed(trace, tags=step_tags(trace.episode_seed, trace.offsets, trace.actions, trace.rewards))


def select(trace, rows):
    """Some rows of a trace, in any order."""
    return concatenate([trace.of(slice(r, r + 1)) for r in rows])


def longest(trace, task=0):
    return int(np.where(trace.task == task, trace.lengths, 0).argmax())


def cut(trace, i, steps, cause):
    """Episode i ends after so many of its steps, for another cause."""
    keep = np.ones(len(trace.rewards), bool)
    keep[trace.offsets[i] + steps : trace.offsets[i + 1]] = False
    offsets = trace.offsets - (np.arange(len(trace.offsets)) > i) * (trace.lengths[i] - steps)
    ends = trace.ends.copy()
    ends[i] = cause
    return changed(
        trace, offsets=offsets, ends=ends, **{n: getattr(trace, n)[keep] for n in ("actions", "rewards", "tags")}
    )
