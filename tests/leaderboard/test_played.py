"""A run that is killed within a cell: sessions that had ended are not played again, and nothing is told too low."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard import seeds
from leaderboard.evaluate import played
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.schema import Isolation
from leaderboard.traces import read_trace, write_trace
from leaderboard.usage import joined, told
from tests.leaderboard.conftest import ENV

TALKER = "tests.leaderboard.agents:Talker"  # not in this file, whose imports a process of its own would wait for


@pytest.fixture
def often(monkeypatch):
    """What ends is kept at once."""
    monkeypatch.setattr(played, "EVERY", 0.0)
    monkeypatch.setattr(played, "_SHARE", 0)


@pytest.fixture
def kill(often, monkeypatch):
    """A function: the next run is killed right after it has kept sessions so many times."""

    def prepare(writes):
        def write(*arguments):
            nonlocal writes
            write_trace(*arguments)
            writes -= 1
            if not writes:
                raise KeyboardInterrupt

        monkeypatch.setattr(played, "write_trace", write)

    return prepare


@pytest.fixture
def job(tmp_path):
    return Job(TALKER, tmp_path / "run", {"notes": str(tmp_path / "notes")})


@pytest.fixture
def cell(one_task):
    """A suite of one cell."""
    return one_task.model_copy(update={"training_seeds": (0,)})


def run(job, suite, lanes=1):
    """The submission, the trace and the transcript."""
    submission = evaluate(job, suite, workers=1, num_lanes=lanes)
    return submission, *((job.path / name).read_bytes() for name in ("traces.parquet", "transcript.jsonl"))


def killed(job, suite, lanes=1):
    """Run until the kill: the numbers of the sessions that were kept. Then nothing is noted."""
    with pytest.raises(KeyboardInterrupt):
        evaluate(job, suite, workers=1, num_lanes=lanes)
    kept = read_trace(job.path / "cells" / "000-0.played", 25)[0].episode
    Path(job.parameters["notes"]).write_text("")
    return set(kept.tolist())


def begun(job, suite):
    """The numbers of the sessions that were begun, as noted."""
    keys = seeds.session_keys(suite.seed_name, ENV, 0, 25).tolist()
    return [keys.index(int(line)) for line in Path(job.parameters["notes"]).read_text().split()]


@pytest.mark.parametrize("isolation", [None, Isolation()])
@pytest.mark.parametrize("lanes", [1, 7])
def test_what_had_ended_is_not_played_again(cell, job, kill, tmp_path, lanes, isolation):
    job = replace(job, isolation=isolation)
    whole, *wanted = run(replace(job, path=tmp_path / "whole"), cell, lanes)
    kept = set()
    for writes in (1, 2):
        kill(writes)
        before, kept = kept, killed(job, cell, lanes)
        assert before < kept
    kill(0)
    submission, *found = run(job, cell, lanes)
    assert sorted(begun(job, cell)) == sorted(set(range(25)) - kept)
    assert found == wanted
    (one,), (other,) = submission.cells, whole.cells
    assert one.spent == other.spent
    assert one.latency.decisions == one.usage["test"].calls
    if lanes == 1:  # no session was under way when others were kept
        assert one.usage == other.usage
        assert one.facts.pop("resumed")
        assert one.facts == other.facts
    else:
        assert one.usage["test"].calls > other.usage["test"].calls


def test_what_a_lost_process_had_counted_stays_unknown(cell, job, kill):
    kill(2)
    killed(job, cell)
    _edit(job, failure="agent's process died")
    kill(0)
    (one,) = run(job, cell)[0].cells
    assert one.usage["test"].calls is None
    assert one.lost.told == "agent's process died"


def _edit(job, **fields):
    path = job.path / "cells" / "000-0.played"
    trace, footer = read_trace(path, 25)
    write_trace(path, trace, {"account": json.dumps(json.loads(footer["account"]) | fields)})


@pytest.mark.parametrize("how", ["another cell", "cut", "no account", "edited"])
def test_what_is_of_another_cell_or_damaged_is_not_taken(cell, job, kill, how):
    kill(2)
    killed(job, cell)
    path = job.path / "cells" / "000-0.played"
    trace, footer = read_trace(path, 25)
    if how == "another cell":
        _edit(job, cell="0" * 64)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "no account":
        write_trace(path, trace)
    else:
        write_trace(path, replace(trace, actions=trace.actions + 1), footer)
    kill(0)
    run(job, cell)
    assert sorted(begun(job, cell)) == list(range(25))


def test_quick_cells_write_nothing(cell, job, monkeypatch):
    monkeypatch.setattr(played, "write_trace", None)
    monkeypatch.setattr(played, "EVERY", 1e9)
    run(job, cell)


def test_counts_of_one_process_alone_are_not_measured():
    one = {"usage": {"calls": 3, "output_tokens": 7, "roles": {"a": {"calls": 3}}}, "waited_seconds": {"train": 1.0}}
    other = {"usage": {"calls": 2, "output_tokens": None, "roles": {"b": {"calls": 2}}}, "waited": 2.0}
    facts = joined(one, other)
    assert facts["usage"] == {"calls": 5, "output_tokens": None, "roles": {"a": {"calls": 3}, "b": {"calls": 2}}}
    assert facts["waited_seconds"] == {"train": 1.0, "test": None}
    assert told(joined(one, {"usage": None, "waited": None}))["test"].calls is None
    assert joined({"salt": 1}, {"usage": None, "waited": None}) == {"salt": 1}
