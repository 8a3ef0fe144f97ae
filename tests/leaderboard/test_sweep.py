"""Whole sweeps and searches: what is kept, what is told, what is chosen."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from leaderboard import seeds
from leaderboard.evaluate.batch import Job, Run, evaluate
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.cell import CellSpec, run_cell
from leaderboard.evaluate.checkpoint import RunFolder
from leaderboard.evaluate.executor import Event, is_slow, make_executor
from leaderboard.evaluate.executor_local import LocalExecutor
from leaderboard.evaluate.logs import find_log, record_of
from leaderboard.replay import verify
from leaderboard.results import rows as board_rows
from leaderboard.schema import LogRef, Task
from leaderboard.suites import on_track
from leaderboard.sweep.cells import COLUMNS, CellRow, note, rows_of, write_csv
from leaderboard.sweep.cost import Cost, cost
from leaderboard.sweep.expand import expand
from leaderboard.sweep.run import SweepOptions, SweepRecord, run_sweep
from leaderboard.sweep.schema import SweepFile, TuneFile
from leaderboard.sweep.search import make_search
from leaderboard.sweep.tune import tune
from leaderboard.traces import read_trace
from recsim_envs.errors import AgentError, ConfigurationError, WorkerLostError
from recsim_envs.families.departure.simulator import DepartureSimulator
from recsim_envs.worlds import resolve
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


@pytest.fixture(scope="module")
def searched(world_path):
    return TuneFile.model_validate(
        {
            "name": "search",
            "agent": f"{HERE}:Knobs",
            "search": {"steps": [2, 3, 4]},
            "budget": {"episodes": 800},
            "environments": [
                {"env_id": ENV, "options": {"world": str(world_path)}},
                {"env_id": ENV, "options": {"world": str(world_path), "horizon": 12}},
            ],
            "training_seeds": [5],
            "episodes": 10,
        }
    )


@pytest.fixture(scope="module")
def tuned(searched, tmp_path_factory):
    out = tmp_path_factory.mktemp("tune")
    return out, tune(make_search(searched, "file"), out, LOCAL)


def test_a_search_is_judged_and_told(tuned):
    out, record = tuned
    assert [t.parameters for t in record.trials] == [{}, {"steps": 2}, {"steps": 3}, {"steps": 4}]
    assert [t.status for t in record.trials] == ["done", "done", "done", "failed"]
    assert "four steps are too many" in record.trials[3].error
    own, two, three, failed = record.trials
    assert (own.returns, own.score) == (two.returns, two.score)  # 2 is its own value
    assert failed.score is None
    assert {own.score, three.score} <= {0.0, 0.5, 1.0}
    assert own.returns != three.returns
    assert record.chosen_trial == (0 if own.score >= three.score else 2)
    assert record.chosen == record.trials[record.chosen_trial].parameters
    assert record.spent.episodes == sum(t.spent.episodes for t in record.trials) == 3 * 2 * 100
    assert json.loads((out / "tune.json").read_text())["chosen"] == record.chosen
    assert len((out / "trials.csv").read_text().splitlines()) == 1 + 8
    assert not list(out.rglob("submission.json"))


def test_a_search_given_again_runs_nothing(tuned, searched):
    out, record = tuned
    events = []
    assert tune(make_search(searched, "file"), out, LOCAL, watch=lambda s, e: events.append(e)) == record
    assert not events


def test_a_search_stops_when_its_seconds_are_spent(searched, tmp_path):
    limited = searched.model_copy(update={"budget": type(searched.budget)(seconds=1e-6)})
    record = tune(make_search(limited, "file"), tmp_path, LOCAL)
    assert [t.status for t in record.trials] == ["done", "not run", "not run", "not run"]
    assert record.chosen == {}


def test_no_test_user_is_met(searched, tmp_path, world_path, monkeypatch):
    """Training meets users to fit on, judging those that are held out, and neither shares a seed with a suite."""
    met = {}
    original = DepartureSimulator.begin

    def begin(self, lanes, drawn):
        original(self, lanes, drawn)
        met.setdefault(len(self._users), set()).update(self.user_ids()[lanes].tolist())

    monkeypatch.setattr(DepartureSimulator, "begin", begin)
    plan = make_search(searched, "file").plans[0]
    spec = CellSpec(plan, f"{HERE}:Knobs", 0, 5, 4, tmp_path / "cells" / "000-5.parquet")
    met.clear()  # of fingerprints
    run_cell(spec, lambda *report: None)
    world = resolve(str(world_path))
    fit, held_out = (set(world.users(split).tolist()) for split in ("fit", "held-out"))
    assert fit | held_out == set(world.users("train").tolist())
    assert not fit & held_out
    assert len(held_out) == round(len(world.users("train")) / 4)
    assert met[len(fit)] == fit
    assert met[len(held_out)] <= held_out
    trace, _ = read_trace(spec.path, 10)
    assert not set(trace.episode_seed.tolist()) & set(seeds.episode_seeds("search", ENV, 10).tolist())


def test_no_held_out_user_is_in_a_named_log(searched, tmp_path, world_path, own_home):
    changed = {"agent": "tests.leaderboard.log_agents:LogLearner", "search": {"needs_propensities": [True]}}
    environments = [{"env_id": ENV, "options": {"world": str(world_path)}, "log": "random"}]
    offline = changed | {"budget": {"seconds": 60}, "environments": environments, "track": "offline"}
    tuning = TuneFile.model_validate(searched.model_dump(exclude_unset=True) | offline)
    plan = make_search(tuning, "file").plans[0]
    log = find_log(plan.suite.tasks[0], "fit")
    assert plan.logs == (record_of(log),)
    simulator = simulator_for(plan.suite.tasks[0], len(log), "fit")
    simulator.begin(np.arange(len(log)), log.seeds)
    assert set(simulator.user_ids().tolist()) == set(resolve(str(world_path)).users("fit").tolist())
    assert all(np.array_equal(simulator.observe()[key], log.starts[key]) for key in log.starts)
    run_cell(CellSpec(plan, tuning.agent, 0, 5, 4, tmp_path / "cells" / "000-5.parquet"), lambda *report: None)


def test_parts_of_train_users_where_users_are_drawn():
    task = Task(env_id="longrec/Retention-v0", episodes=1)
    seen = {}
    for split in ("train", "test", "fit", "held-out"):
        simulator = simulator_for(task, 4, split)
        simulator.begin(np.arange(4), np.arange(4).astype(np.uint64))
        seen[split] = b"".join(np.asarray(value).tobytes() for value in simulator.privileged().values())
    assert len(set(seen.values())) == 4


def test_the_command_for_searches(longrec, searched, tmp_path):  # noqa: F811
    path = tmp_path / "search.json"
    path.write_text(searched.model_dump_json(exclude_unset=True))
    dry = json.loads(longrec("tune", path, "--dry-run", "--json").stdout)
    assert (len(dry["trials"]), dry["cells"]) == (4, 8)
    done = longrec("tune", path, "--workers", "1")
    assert done.returncode == 1  # a trial has failed
    assert "four steps are too many" in done.stdout
    assert "chosen: trial" in done.stderr


def test_executors_give_the_same_files(file, found, tmp_path):
    record = run_sweep(expanded(file), tmp_path, make_executor("local", workers=2), SweepOptions())
    assert record.count("done") == 5
    for agent in ("Learner", "random"):
        here, there = (out / by_cell(r)[agent, 0].run for out, r in ((tmp_path, record), found))
        assert (here / "traces.parquet").read_bytes() == (there / "traces.parquet").read_bytes()
