"""Executors: whose cell fails when a process dies, who is skipped, and what is told of stragglers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard.cli.output import Progress
from leaderboard.evaluate import executor as executors
from leaderboard.evaluate.batch import Job, evaluate_all
from leaderboard.evaluate.build import make_plan
from leaderboard.evaluate.cell import CellSpec
from leaderboard.evaluate.executor import Event, run_cells
from leaderboard.evaluate.executor_local import LocalExecutor
from leaderboard.replay import verify
from recsim_envs.errors import AgentError, WorkerLostError
from tests.leaderboard.conftest import HERE


class Scripted:
    """Takes all cells at once and tells what it was given to tell; None is a moment in which nothing ends."""

    def __init__(self, *events):
        self.events = events

    def run(self, specs, queue, send):
        while queue.take() is not None:
            pass
        for event in self.events:
            if event is not None and event.phase in ("start", "train", "lost"):
                send(event)
            else:
                yield event


@pytest.fixture(scope="module")
def specs(one_task):
    plan = make_plan("random", {}, one_task)
    return [CellSpec(plan, "random", 0, seed, 5, Path(f"run{seed}/cells/a.parquet")) for seed in range(5)]


def test_a_process_that_dies_fails_its_own_cell_and_no_other(one_task, tmp_path, monkeypatch):
    monkeypatch.setenv("DIE", "1")
    jobs = [Job(f"{HERE}:Dies", tmp_path / "dies"), Job("random", tmp_path / "a"), Job("popular", tmp_path / "b")]
    failures = evaluate_all(jobs, one_task, executor=LocalExecutor(2))
    assert list(failures) == [0]
    assert isinstance(failures[0], WorkerLostError)
    for name in ("a", "b"):
        verify(tmp_path / name)


@pytest.mark.parametrize(("keep_going", "taken"), [(False, [0, 2, 3]), (True, [0, 1, 2, 3])])
def test_cells_of_a_failed_run_are_skipped_unless_told(specs, keep_going, taken):
    one_run = [replace(spec, path=Path("run/cells/a.parquet")) for spec in specs[:2]]
    seen = []

    class FailsFirst:
        def run(self, given, queue, send):
            while (i := queue.take()) is not None:
                seen.append(i)
                yield Event(i, "failed", error=AgentError("no")) if i == 0 else Event(i, "done")

    failures = run_cells([*one_run, *specs[2:4]], FailsFirst(), lambda event: None, keep_going=keep_going)
    assert seen == taken
    assert list(failures) == [0]


def test_a_cell_that_is_put_back_is_taken_next(specs):
    queue = executors.Queue(specs, keep_going=False)
    assert [queue.take(), queue.take()] == [0, 1]
    queue.put_back(0)
    assert [queue.take() for _ in range(5)] == [0, 2, 3, 4, None]


def test_stragglers_are_told_of_once_while_they_run(specs, monkeypatch):
    clock = itertools.count(0, 20)  # each look at the clock is 20 seconds later
    monkeypatch.setattr(executors.time, "monotonic", lambda: next(clock))
    ends = [event for i in range(4) for event in (Event(i, "start", node="near"), Event(i, "done", node="near"))]
    late = Event(3, "start", node="near")  # news that arrived after its end
    told = []
    script = Scripted(*ends, late, Event(4, "start", node="far"), *[None] * 5, Event(4, "done", node="far"))
    assert not run_cells(specs, script, told.append)
    assert [e for e in told if e.phase == "slow"] == [Event(4, "slow", 80, 20.0, node="far")]


def test_what_is_shown_of_machines(specs, capsys):
    with Progress(by_agent=True) as watch:
        for event in (
            Event(0, "train", 1, 10, node="far"), Event(0, "lost", node="far"), Event(0, "done", node="near"),
            Event(1, "slow", 90, 20, node="far"), Event(1, "failed", error=AgentError("out of ideas"), node="far"),
        ):  # fmt: skip
            watch(specs, event)
    shown = " ".join(capsys.readouterr().err.split())
    assert "lost on far, to be run again: random, longrec/Games-v0, training seed 0" in shown
    assert "done on near: random, longrec/Games-v0, training seed 0" in shown
    assert "slow on far: random, longrec/Games-v0, training seed 1 has run 90 s, others took 20 s" in shown
    assert "failed on far: out of ideas" in shown
