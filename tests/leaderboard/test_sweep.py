"""Whole sweeps: what is kept, what is told, what they cost."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from leaderboard.evaluate.batch import Job, Run, evaluate
from leaderboard.evaluate.cell import CellSpec
from leaderboard.evaluate.checkpoint import RunFolder
from leaderboard.evaluate.executor import Event, is_slow, make_executor
from leaderboard.evaluate.executor_local import LocalExecutor
from leaderboard.replay import verify
from leaderboard.results import rows as board_rows
from leaderboard.schema import LogRef
from leaderboard.suites import on_track
from leaderboard.sweep.cells import COLUMNS, CellRow, note, rows_of, write_csv
from leaderboard.sweep.cost import Cost, cost
from leaderboard.sweep.expand import expand
from leaderboard.sweep.run import SweepOptions, SweepRecord, run_sweep
from leaderboard.sweep.schema import SweepFile
from recsim_envs.errors import AgentError, ConfigurationError, WorkerLostError
from tests.leaderboard.conftest import ENV, HERE
from tests.leaderboard.test_cli import longrec  # noqa: F401  (a fixture)

ROOT = Path(__file__).parents[2]
LOCAL = LocalExecutor(1)


@pytest.fixture(scope="module")
def file(world_path):
    """Three agents, one of which fails under one of two seeds, in one environment."""
    return {
        "name": "study",
        "agents": [f"{HERE}:Learner", {"agent": f"{HERE}:FailsOnSecondKey"}, {"agent": "random", "tuning": "none"}],
        "environments": [{"env_id": ENV, "options": {"world": str(world_path)}}],
        "training_seeds": [0, 3],
        "episodes": 10,
    }


def expanded(file):
    return expand(SweepFile.model_validate(file), "file")


@pytest.fixture(scope="module")
def found(file, tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep")
    return out, run_sweep(expanded(file), out, LOCAL, SweepOptions(command=("longrec", "sweep")))


def by_cell(record):
    return {(row.agent, row.training_seed): row for row in record.cells}


def test_one_row_a_cell_and_failures_among_them(found):
    out, record = found
    rows = by_cell(record)
    assert {key: row.status for key, row in rows.items()} == {
        ("Learner", 0): "done", ("Learner", 3): "done",
        ("FailsOnSecondKey", 0): "done", ("FailsOnSecondKey", 3): "failed",
        ("random", 0): "done", ("random", 3): "done",
    }  # fmt: skip
    failed = rows["FailsOnSecondKey", 3]
    assert failed.error.startswith("AgentError: FailsOnSecondKey, longrec/Games-v0, training seed 3: ")
    assert "RuntimeError('not with this seed')" in failed.error
    assert failed.mean_return is None
    with (out / "results.csv").open(newline="") as text:
        lines = list(csv.DictReader(text))
    assert tuple(lines[0]) == COLUMNS
    assert [line["status"] for line in lines] == [row.status for row in record.cells]
    assert [line["return"] for line in lines] == [
        "" if row.mean_return is None else str(row.mean_return) for row in record.cells
    ]
    assert SweepRecord.model_validate_json((out / "sweep.json").read_bytes()) == record


def test_runs_are_submissions_as_evaluate_makes_them(found, file, tmp_path):
    out, record = found
    row = by_cell(record)["Learner", 0]
    replayed = verify(out / row.run)
    assert replayed.submission.command == ("longrec", "sweep")
    (on_board,) = board_rows([replayed])
    both = [by_cell(record)["Learner", seed] for seed in (0, 3)]
    assert on_board.metrics["R_traj"].value == pytest.approx(np.mean([r.mean_return for r in both]))
    assert on_board.metrics["Len"].value == pytest.approx(np.mean([r.mean_length for r in both]))
    evaluate(Job(f"{HERE}:Learner", tmp_path / "run"), replayed.submission.suite, workers=1)
    assert (tmp_path / "run" / "traces.parquet").read_bytes() == (out / row.run / "traces.parquet").read_bytes()
    assert verify(out / by_cell(record)["random", 0].run).submission.disclosure.tuning == "none"


def test_the_same_sweep_again_runs_nothing(found, file):
    out, record = found
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")}
    events = []
    again = run_sweep(
        expanded(file), out, LOCAL, SweepOptions(command=("longrec", "sweep")), lambda s, e: events.append(e)
    )
    assert again == record
    assert not events
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.parquet")} == before


def test_failures_are_tried_again_when_asked(found, file, monkeypatch):
    out, _ = found
    monkeypatch.setenv("HEALED", __file__)
    events = []
    options = SweepOptions(retry_failed=True)
    again = run_sweep(expanded(file), out, LOCAL, options, lambda s, e: events.append((s[e.cell].label, e.phase)))
    assert {label for label, _ in events} == {"FailsOnSecondKey, longrec/Games-v0, training seed 3"}
    row = by_cell(again)["FailsOnSecondKey", 3]
    assert row.status == "done"
    verify(out / row.run)


def test_a_cell_that_was_lost_is_tried_again_unasked(file, tmp_path):
    whole = expanded(file | {"agents": ["random"]})
    lost = WorkerLostError("gone")

    class Loses:
        def run(self, specs, queue, send):
            while (i := queue.take()) is not None:
                yield Event(i, "failed", error=lost, node="far")

    first = run_sweep(whole, tmp_path, Loses(), SweepOptions())
    assert [row.error for row in first.cells] == ["WorkerLostError: gone"] * 2
    assert run_sweep(whole, tmp_path, LOCAL, SweepOptions()).count("done") == 2


def test_only_some_cells(file, tmp_path):
    some = SweepOptions(only={"agent": ("Learner", "random"), "seed": ("3",)})
    record = run_sweep(expanded(file), tmp_path, LOCAL, some)
    assert {key for key, row in by_cell(record).items() if row.status == "done"} == {("Learner", 3), ("random", 3)}
    assert record.count("open") == 4
    with pytest.raises(ConfigurationError, match=r"--only agent=Lerner: no cell has it; did you mean Learner"):
        run_sweep(expanded(file), tmp_path, LOCAL, SweepOptions(only={"agent": ("Lerner",)}))
    with pytest.raises(ConfigurationError, match=r"--only sed=\.\.\. does not exist; did you mean seed"):
        run_sweep(expanded(file), tmp_path, LOCAL, SweepOptions(only={"sed": ("3",)}))


def test_a_killed_sweep_goes_on(file, found, tmp_path):
    """Killed without warning in the middle, with no chance to clean up."""
    path = tmp_path / "study.json"
    path.write_text(json.dumps(file))
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from leaderboard.evaluate.executor_local import LocalExecutor\n"
        "from leaderboard.sweep.expand import expand, read_sweep\n"
        "from leaderboard.sweep.run import SweepOptions, run_sweep\n"
        "def watch(specs, event):\n"
        "    if specs[event.cell].plan.agent.name == 'random': os.kill(os.getpid(), signal.SIGKILL)\n"
        "whole = expand(read_sweep(Path(sys.argv[1])), sys.argv[1])\n"
        "run_sweep(whole, Path(sys.argv[2]), LocalExecutor(1), SweepOptions(), watch)"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", script, str(path), str(tmp_path / "out")]
    done = subprocess.run(arguments, cwd=ROOT, env=environment, check=False)
    assert done.returncode == -9
    assert not (tmp_path / "out" / "sweep.json").exists()
    events = []
    record = run_sweep(expanded(file), tmp_path / "out", LOCAL, SweepOptions(), lambda s, e: events.append(s[e.cell]))
    assert {spec.plan.agent.name for spec in events} == {"random"}  # cells that had failed are known, too
    pairs = zip(record.cells, found[1].cells, strict=True)
    assert all(r.mean_return == other.mean_return for r, other in pairs if r.agent != "FailsOnSecondKey")


def test_stragglers():
    assert is_slow(100, [30, 31, 32])
    assert not is_slow(90, [30, 31, 32])  # not three times as long
    assert not is_slow(25, [1, 1, 1])  # no matter
    assert not is_slow(100, [1, 1])  # too few to tell


def test_what_open_cells_may_cost():
    """Cells that differ by their seed alone are a measure; what is taken from others is a guess and says so."""

    def row(**values):
        facts = {"agent": "a", "parameters": {}, "env_id": ENV, "options": {}, "suite": "s", "track": "scarce",
                 "limit": None, "training_seed": 0, "status": "open"}  # fmt: skip
        return CellRow(**(facts | values))

    def done(seconds, **values):
        return row(status="done", train_seconds=seconds - 1, test_seconds=1, **values)

    finished = [done(2.0), done(4.0, training_seed=1), done(9.0, training_seed=2), done(50.0, agent="b")]
    assert cost(row(training_seed=3), finished) == Cost(4.0)
    assert cost(row(agent="c"), finished) is None
    assert cost(row(env_id="longrec/Books-v0", parameters={"k": 1}), finished) == Cost(
        4.0, ("environment", "parameters")
    )
    online = {"track": "online", "limit": {"steps": 1000}, "suite": "t"}
    assert cost(row(**online), finished) == Cost(4.0, ("track", "budget", "suite"))
    assert cost(row(**online), [*finished, done(70.0, env_id="longrec/Books-v0", **online)]).unlike  # still a guess
    assert cost(row(**online), [*finished, done(80.0, **online)]) == Cost(80.0)
    mixed, drawn = ({"track": "offline", "log": {"name": f"longrec/games/{name}-v0"}} for name in ("mixed", "random"))
    assert cost(row(**drawn), [done(90.0, **mixed)]) == Cost(90.0, ("log",))
    assert cost(row(**drawn), [done(90.0, **mixed), done(7.0, **drawn)]) == Cost(7.0)


def test_a_row_tells_its_log_and_one_of_before_is_read(file, tmp_path):
    (combination,) = expanded(file | {"agents": ["random"]}).runs
    log = LogRef(name="longrec/games/random-v0")
    plan = combination.plan.model_copy(update={"suite": on_track(combination.plan.suite, "offline", logs=[log])})
    run = Run(Job("random", tmp_path / "run"), RunFolder(tmp_path / "run", plan, make=False))
    rows = rows_of([run], tmp_path)
    assert [row.log for row in rows] == [log, log]
    write_csv(tmp_path / "results.csv", rows)
    with (tmp_path / "results.csv").open(newline="") as text:
        assert json.loads(next(csv.DictReader(text))["log"])["name"] == log.name
    assert CellRow.model_validate(rows[0].model_dump(exclude={"log"})).log is None


def test_the_record_of_a_sweep_over_suites_is_read(tmp_path):
    """It tells `training_seeds` and `episodes` by their defaults, which a file for suites may not give."""
    sweep = SweepFile(name="s", agents=["random"], suites=["smoke-v1"])
    record = SweepRecord(sweep=sweep, command=(), cells=(), left_out=())
    assert SweepRecord.model_validate_json(record.model_dump_json()) == record


def test_what_is_noted_of_a_failure(tmp_path, file):
    (run,) = expanded(file | {"agents": ["random"]}).runs
    spec = CellSpec(run.plan, "random", 0, 0, 1, tmp_path / "cells" / "000-0.parquet")
    for error, again in ((AgentError("a"), False), (WorkerLostError("b"), True), (ConfigurationError("c"), True)):
        note(spec, Event(0, "failed", error=error, node="there"))
        told = json.loads((tmp_path / "cells" / "000-0.failed.json").read_text())
        assert told == {"error": type(error).__name__, "message": str(error), "again": again, "node": "there"}
    note(spec, Event(0, "done"))
    assert not list((tmp_path / "cells").iterdir())


def test_the_command(longrec, file, tmp_path):  # noqa: F811
    path = tmp_path / "study.json"
    path.write_text(json.dumps(file | {"agents": file["agents"][1:]}))
    dry = json.loads(longrec("sweep", path, "--dry-run", "--json").stdout)
    assert (dry["cells"], dry["to_do"], dry["without_estimate"]) == (4, 4, 4)
    assert not (tmp_path / "runs").exists()
    done = longrec("sweep", path, "--workers", "1")
    assert done.returncode == 1  # one has failed
    assert "not with this seed" in done.stdout
    assert "3 done, 1 failed; runs/study/results.csv" in done.stderr
    assert "training and test took 0 s" in done.stderr
    told = json.loads(longrec("sweep", path, "--workers", "1", "--json").stdout)
    assert [cell["status"] for cell in told["cells"]] == ["done", "failed", "done", "done"]
    path.write_text(json.dumps(file | {"agents": file["agents"][1:], "training_seeds": [0, 3, 5]}))
    dry = longrec("sweep", path, "--dry-run").stderr
    assert "6 cells: 0 done, 0 failed, 6 to do" in dry
    assert "6 are of agents that have finished none" in dry
    more = [*file["environments"], {"env_id": ENV, "options": {"horizon": 9}}]
    path.write_text(json.dumps(file | {"agents": file["agents"][1:], "environments": more}))
    dry = longrec("sweep", path, "--dry-run")
    assert "8 cells: 3 done, 1 failed, 4 to do" in dry.stderr
    assert "4 are guessed at " in dry.stderr
    assert dry.stdout.count("open, guessed: other options") == 4
    assert "--only takes KEY=VALUE" in longrec("sweep", path, "--only", "random").stderr


def test_executors_give_the_same_files(file, found, tmp_path):
    record = run_sweep(expanded(file), tmp_path, make_executor("local", workers=2), SweepOptions())
    assert record.count("done") == 5
    for agent in ("Learner", "random"):
        here, there = (out / by_cell(r)[agent, 0].run for out, r in ((tmp_path, record), found))
        assert (here / "traces.parquet").read_bytes() == (there / "traces.parquet").read_bytes()
