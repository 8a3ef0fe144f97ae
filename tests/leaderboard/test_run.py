"""Whole runs: the same bytes however they are split over lanes, processes and interruptions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leaderboard.evaluate.batch import Job, evaluate, evaluate_all, run_path
from leaderboard.replay import verify
from leaderboard.schema import Submission
from leaderboard.submit import find, submit
from leaderboard.suites import custom_suite
from recsim_envs.errors import AgentError, ConfigurationError
from tests.leaderboard.conftest import ENV, HERE

LEARNER = f"{HERE}:Learner"


def traces(path: Path) -> bytes:
    return (path / "traces.parquet").read_bytes()


def run(path: Path, suite, agent=LEARNER, **options):
    return evaluate(Job(agent, path, command=("longrec", "evaluate", agent)), suite, **({"workers": 1} | options))


@pytest.fixture(scope="module")
def reference(one_task, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "run"
    run(path, one_task)
    return path


@pytest.mark.parametrize("options", [{"num_lanes": 1}, {"num_lanes": 7}, {"num_lanes": 100}, {"workers": 2}])
def test_lanes_and_processes_change_no_byte(reference, one_task, tmp_path, options):
    run(tmp_path / "run", one_task, **options)
    assert traces(tmp_path / "run") == traces(reference)


def test_what_a_submission_records(reference, one_task):
    submission = Submission.model_validate_json((reference / "submission.json").read_bytes())
    assert submission.suite == one_task
    assert submission.agent.name == "Learner"
    assert submission.agent.entry_point == LEARNER
    assert submission.agent.trains
    assert not submission.disclosure.hidden_state
    assert submission.command == ("longrec", "evaluate", LEARNER)
    assert {"longrec", "numpy", "gymnasium"} <= set(submission.packages)
    assert [c.spent.episodes for c in submission.cells] == [100, 100]
    assert all(c.spent.steps > 100 for c in submission.cells)
    assert submission.cells[0].facts != submission.cells[1].facts  # another training seed learned something else
    names = ["curve.json", "run.json", "submission.json", "traces.parquet"]
    assert sorted(p.name for p in reference.iterdir()) == names


def test_training_seeds_differ_and_share_their_episodes(reference):
    replayed = verify(reference)
    outcomes = replayed.outcomes[0]
    assert outcomes.left.shape == (2, 25)
    first, second = outcomes.items[: outcomes.offsets[25]], outcomes.items[outcomes.offsets[25] :]
    assert first.tolist() != second.tolist()


def test_a_finished_run_is_not_run_again(reference, one_task):
    before = (reference / "submission.json").read_bytes()
    run(reference, one_task)
    assert (reference / "submission.json").read_bytes() == before


def test_a_crash_keeps_finished_cells_and_the_same_command_goes_on(one_task, tmp_path, monkeypatch):
    agent, path = f"{HERE}:CrashOnSecondSeed", tmp_path / "run"
    with pytest.raises(
        AgentError, match=r"CrashOnSecondSeed, longrec/Games-v0, training seed 3: .*train failed.*second"
    ):
        run(path, one_task, agent)
    assert [p.name for p in (path / "cells").glob("*.parquet")] == ["000-0.parquet"]
    assert not (path / "submission.json").exists()
    kept = (path / "cells" / "000-0.parquet").stat().st_mtime_ns
    healed = tmp_path / "healed"
    healed.touch()
    monkeypatch.setenv("HEALED", str(healed))
    seen = []
    run(path, one_task, agent, watch=lambda specs, event: seen.append((specs[event.cell].training_seed, event.phase)))
    assert {seed for seed, _ in seen} == {3}
    assert kept
    fresh = tmp_path / "fresh"
    run(fresh, one_task, agent)
    assert traces(path) == traces(fresh)


def test_a_killed_run_goes_on(one_task, tmp_path):
    """Killed without warning in the second cell, with no chance to clean up."""
    path = tmp_path / "run"
    script = (
        "import os, sys; from pathlib import Path\n"
        "from leaderboard.evaluate.batch import Job, evaluate; from leaderboard.schema import Suite\n"
        "def watch(specs, event):\n    if specs[event.cell].training_seed == 3: os._exit(9)\n"
        f"evaluate(Job({LEARNER!r}, Path(sys.argv[1])), Suite.model_validate_json(sys.argv[2]), workers=1, watch=watch)"
    )
    arguments = [sys.executable, "-c", script, str(path), one_task.model_dump_json()]
    done = subprocess.run(
        arguments, cwd=Path(__file__).parents[2], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 9
    assert (path / "cells" / "000-0.parquet").exists()
    assert not (path / "submission.json").exists()
    run(path, one_task)
    run(tmp_path / "whole", one_task)
    assert traces(path) == traces(tmp_path / "whole")
    verify(path)


def test_a_dead_worker_is_an_agent_error(one_task, tmp_path, monkeypatch):
    monkeypatch.setenv("DIE", "1")
    with pytest.raises(AgentError, match="a worker process died, perhaps for want of memory"):
        run(tmp_path / "run", one_task, f"{HERE}:Dies", workers=2)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_workers_end_with_a_killed_run(one_task, tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from leaderboard.evaluate.batch import Job, evaluate; from leaderboard.schema import Suite\n"
        "if __name__ == '__main__':\n"
        f"    job = Job('{HERE}:Slow', Path(sys.argv[1]))\n"
        "    evaluate(job, Suite.model_validate_json(sys.argv[2]), workers=2)"
    )
    run_of_it = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run"), one_task.model_dump_json()],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PID_FOLDER": str(tmp_path)},
    )
    deadline = time.monotonic() + 60
    while len(workers := list(tmp_path.glob("*.pid"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    run_of_it.kill()
    run_of_it.wait()
    assert len(workers) == 2
    alive = [Path("/proc") / file.stem for file in workers]
    while any(_runs(process) for process in alive) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(_runs(process) for process in alive)


def _runs(process: Path) -> bool:
    """Whether it is there, and no zombie that only waits to be reaped."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_damaged_cell_is_done_again(one_task, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(AgentError):
        run(path, one_task, f"{HERE}:CrashOnSecondSeed")
    cell = path / "cells" / "000-0.parquet"
    cell.write_bytes(cell.read_bytes()[:200])
    with pytest.raises(AgentError, match="training seed 3"):
        run(path, one_task, f"{HERE}:CrashOnSecondSeed")
    assert cell.stat().st_size > 200


def test_one_failing_agent_does_not_stop_the_others(one_task, tmp_path):
    jobs = [Job(f"{HERE}:Crash", tmp_path / "a"), Job("random", tmp_path / "b")]
    failures = evaluate_all(jobs, one_task, workers=1)
    assert list(failures) == [0]
    verify(tmp_path / "b")


@pytest.mark.parametrize(
    ("agent", "parameters", "text"),
    [
        (LEARNER, {"salt": 1}, "another set of parameters"),
        ("random", {}, "another agent"),
        (LEARNER, {}, "another suite"),
    ],
)
def test_a_folder_holds_one_run(reference, one_task, suite, agent, parameters, text):
    chosen = suite if "suite" in text else one_task
    with pytest.raises(ConfigurationError, match=rf"holds a run with {text}; pass --fresh to discard it"):
        evaluate(Job(agent, reference, parameters), chosen, workers=1)


def test_discarding_an_earlier_run(one_task, tmp_path):
    path = tmp_path / "run"
    run(path, one_task, "random")
    evaluate(Job("popular", path, discard="other"), one_task, workers=1)
    assert verify(path).submission.agent.name == "popular"
    before = (path / "traces.parquet").stat().st_mtime_ns
    evaluate(Job("popular", path, discard="other"), one_task, workers=1)
    assert (path / "traces.parquet").stat().st_mtime_ns == before
    evaluate(Job("popular", path, discard="always"), one_task, workers=1)
    assert (path / "traces.parquet").stat().st_mtime_ns != before


def test_what_a_killed_write_left_is_no_obstacle(one_task, tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    (path / ".run.json-abc").write_text('{"agent"')
    run(path, one_task, "random")
    verify(path)


def test_a_killed_discard_can_be_given_again(one_task, tmp_path, monkeypatch):
    path = tmp_path / "run"
    with pytest.raises(AgentError):
        run(path, one_task, f"{HERE}:CrashOnSecondSeed")

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate(Job("random", path, discard="other"), one_task, workers=1)
    monkeypatch.undo()
    evaluate(Job("random", path, discard="other"), one_task, workers=1)
    verify(path)


def test_half_a_copy_is_no_submission(finished, tmp_path):
    whole = submit(finished, tmp_path)
    shutil.copytree(whole, whole.parent / f".{whole.name}-abc")
    assert find([tmp_path]) == [whole]


def test_folders_that_cannot_be_used(one_task, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match="holds other files; choose an empty or new folder"):
        run(tmp_path / "mine", one_task)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot write to .*file is a file, no folder; choose another name"):
        run(tmp_path / "file" / "run", one_task)


@pytest.mark.parametrize("how", ["array", "long", "surrogate", "list"])
def test_bad_facts(one_task, tmp_path, how):
    with pytest.raises(AgentError, match=r"Describes\.describe returned what is no JSON object of at most 65536 bytes"):
        evaluate(Job(f"{HERE}:Describes", tmp_path / "a", {"how": how}), one_task, workers=1)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_agent_that_exits_has_failed(one_task, tmp_path, workers):
    with pytest.raises(AgentError, match=r"Exits, longrec/Games-v0, training seed \d: Exits\.act failed: SystemExit"):
        run(tmp_path / "a", one_task, f"{HERE}:Exits", workers=workers)


def test_an_agent_that_overspends_is_named(one_task, tmp_path):
    with pytest.raises(AgentError, match="Overspends, longrec/Games-v0, training seed 0: the training budget is spent"):
        run(tmp_path / "a", one_task, f"{HERE}:Overspends")


def test_where_runs_live():
    suite = custom_suite(ENV)
    assert suite.training_seeds == (0, 1, 2)
    assert run_path(Path("r"), suite, "random", {}) == Path("r") / suite.name / "random"
    with_parameters = run_path(Path("r"), suite, "my.agents:Mine", {"a": 1})
    assert with_parameters.name.startswith("my.agents.Mine-")
    assert with_parameters != run_path(Path("r"), suite, "my.agents:Mine", {"a": 2})
