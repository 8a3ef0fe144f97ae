"""Cells on a Ray cluster: the same bytes as here, whatever happens to its machines."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="RAY ABSENT: nothing was tested on a cluster; pip install 'longrec[dist]'")

from leaderboard.evaluate import executor_ray, ray_worker
from leaderboard.evaluate.batch import Job, evaluate, evaluate_all
from leaderboard.evaluate.build import make_plan
from leaderboard.evaluate.cell import CellSpec, run_cell
from leaderboard.evaluate.checkpoint import load_cell
from leaderboard.evaluate.executor import Queue, make_executor
from leaderboard.evaluate.learned import folder_sha256
from leaderboard.replay import verify
from leaderboard.schema import LogRef, Suite, Task
from recsim_envs.errors import AgentError, ConfigurationError, WorkerLostError
from recsim_envs.worlds import catalogue
from tests.leaderboard.conftest import ENV, HERE
from tests.worlds import tiny_world

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """No two clusters at once, whichever processes the tests are spread over."""
    with (tmp_path_factory.getbasetemp().parent / "ray.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An empty home folder: what Ray writes into it would be seen."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def cluster(alone, home):
    """Two machines of one CPU each, on loopback, with ports and folders of their own."""
    scratch = tempfile.mkdtemp(prefix="lr-", dir="/tmp")  # short, for the names of sockets
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_health_check_period_ms": "1000",
            "RAY_TMPDIR": scratch,
            "HOME": str(home),
            "LINGER": str(home.parent),
        }.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        made = Cluster(shutdown_at_exit=False)
        try:
            common = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 * 2**20}
            made.add_node(node_name="first", **common)
            made.second = made.add_node(node_name="second", **common)
            yield made
        finally:
            made.shutdown()
            shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    """A module that is installed nowhere: it must reach the machines with the cells."""
    folder = tmp_path_factory.mktemp("agents")
    shutil.copy(Path(__file__).with_name("agents.py"), folder / "far_agents.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield "far_agents"


def traces(path: Path) -> bytes:
    return (path / "traces.parquet").read_bytes()


def until(holds):
    """Wait, at most half a minute."""
    deadline = time.monotonic() + 30
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)


def is_alive(file):
    """Whether the process that a file is named after runs."""
    try:
        os.kill(int(file.stem), 0)
    except ProcessLookupError:
        return False
    return True


def test_a_lost_machine_changes_no_byte(cluster, agents, one_task, tmp_path, home):
    suite = one_task.model_copy(update={"training_seeds": (0, 3, 4)})
    jobs = [Job(f"{agents}:Lingers", tmp_path / "ray" / "lingers"), Job(f"{agents}:Crash", tmp_path / "ray" / "crash")]
    seen = []

    def watch(specs, event):
        seen.append(event)
        begun = {e.node for e in seen if e.phase == "start"}
        go = home.parent / "go"
        if len(begun) == 2 and not go.exists():
            until(lambda: len(list(home.parent.glob("*.pid"))) == 2)  # both are in the middle of a cell
            cluster.remove_node(cluster.second, allow_graceful=False)
            until(lambda: not all(map(is_alive, home.parent.glob("*.pid"))))  # else it might still end its cell
            go.touch()

    failures = evaluate_all(jobs, suite, executor=make_executor("ray", address=cluster.address), watch=watch)
    assert {e.node for e in seen} == {"first", "second"}
    assert [e.node for e in seen if e.phase == "lost"] == ["second"]
    assert list(failures) == [1]
    assert isinstance(failures[1], AgentError)
    assert "Crash.act failed: ZeroDivisionError" in str(failures[1])
    failed = [e.cell for e in seen if e.phase == "failed"]
    assert len(failed) == len(set(failed))  # an agent's own error is not tried again
    evaluate(Job(f"{agents}:Learner", tmp_path / "local"), suite, workers=1)  # what Lingers is, without lingering
    assert traces(tmp_path / "ray" / "lingers") == traces(tmp_path / "local")
    verify(tmp_path / "ray" / "lingers")
    assert not list(home.iterdir())


def processes(*words):
    """Command lines of running processes with one of these words in them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(word in line for word in words):
            found.append(line)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_ctrl_c_leaves_nothing_behind(alone, world_path, tmp_path):
    """On a cluster that was started for the run."""
    (tmp_path / "home").mkdir()
    temporary = Path(tempfile.mkdtemp(prefix="lr-", dir="/tmp"))
    own = {
        "OMP_NUM_THREADS": "1",
        "PID_FOLDER": str(tmp_path),
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(temporary),
    }
    arguments = ["evaluate", f"{HERE}:Slow", "--env", ENV, "-o", f"world={world_path}", "--executor", "ray", "--json"]
    command = [sys.executable, "-c", "from leaderboard.cli import main; main()", *arguments, "--workers", "1"]
    root = Path(__file__).parents[2]
    run = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")], cwd=root, env=os.environ | own, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not (started := list(tmp_path.glob("*.pid"))) and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        (session,) = temporary.glob("longrec-ray-*")
        assert processes(str(session))
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130, err
    assert "interrupted; what was finished is kept" in err
    assert out == ""
    while (processes(str(session)) or Path("/proc", started[0].stem).exists()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not processes(str(session))
    assert not list(temporary.glob("longrec-*"))
    assert not list((tmp_path / "home").iterdir())
    shutil.rmtree(temporary, ignore_errors=True)


def test_a_world_comes_along(tmp_path, monkeypatch):
    """Without the folder that the options name, as on a machine that does not have it."""
    import ray

    folder = tmp_path / "here" / "world"
    tiny_world(users=40, items=60, threshold=0.6, r_min=2.0, seed=3).save(folder)
    suite = Suite(
        name="far", training_seeds=(0,), tasks=(Task(env_id=ENV, options={"world": str(folder)}, episodes=5),)
    )
    plan = make_plan("random", {}, suite)
    near, far = (CellSpec(plan, "random", 0, 0, 5, tmp_path / name / "cells" / "a.parquet") for name in ("near", "far"))
    run_cell(near, lambda *report: None)
    packed = {"world": ray_worker.pack(folder)}
    monkeypatch.setattr(ray, "get", lambda key: packed[key])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    shutil.rmtree(folder.parent)
    catalogue._loaded.clear()
    ray_worker._unpack(far, ray_worker.Parcel(world=(str(folder), ("world",))))
    try:
        ray_worker._check(far, ray_worker.node_versions())
        run_cell(far, lambda *report: None)
    finally:
        catalogue._copies.clear()
    first, second = (load_cell(spec)[0] for spec in (near, far))
    assert first.actions.tobytes() == second.actions.tobytes()


def test_logs_of_files_and_what_was_learned_come_along(one_task, tmp_path, monkeypatch, own_home):
    import ray

    (tmp_path / "learned" / "agent").mkdir(parents=True)
    for name in ("training.json", "agent/weights.json", "agent/.hidden"):
        (tmp_path / "learned" / name).write_text(name)
    packed = {"anything": ray_worker.pack(tmp_path / "learned")}
    monkeypatch.setattr(ray, "get", lambda key: packed[key])
    log = LogRef(name="mine", sessions=3, sha256="a" * 64)
    task = one_task.tasks[0].model_copy(update={"log": log})
    plan = make_plan("random", {}, one_task)
    plan = plan.model_copy(update={"suite": one_task.model_copy(update={"tasks": (task,)})})
    spec = CellSpec(plan, "random", 0, 0, 5, tmp_path / "run" / "cells" / "a.parquet")
    ray_worker._unpack(spec, ray_worker.Parcel(log=("anything",), learned=("anything",)))
    for folder in (tmp_path / "run" / "learned", own_home / "logs" / ".kept" / "files" / ("a" * 64)):
        assert folder_sha256(folder) == folder_sha256(tmp_path / "learned")


def test_a_machine_that_would_give_other_results_is_told_of(one_task, tmp_path):
    plan = make_plan("random", {}, one_task)
    spec = CellSpec(plan, "random", 0, 0, 5, tmp_path / "cells" / "a.parquet")
    with pytest.raises(ConfigurationError, match=r"it has numpy .*, the driver 0\.1; install the same version there"):
        ray_worker._check(spec, {"numpy": "0.1"})
    for field, value, text in (
        ("agent", plan.agent.model_copy(update={"source_sha256": "0" * 64}), "its sources of baselines are others"),
        ("worlds", (plan.worlds[0].model_copy(update={"sha256": "0" * 64}),), "stands on another world there"),
        ("fingerprints", ("0" * 64,), "computes otherwise there"),
    ):
        other = CellSpec(plan.model_copy(update={field: value}), "random", 0, 0, 5, spec.path)
        with pytest.raises((ConfigurationError, ray_worker.PlatformError), match=text):
            ray_worker._check(other, {})


def test_addresses_and_what_is_missing(one_task, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"address 'somewhere' is neither auto nor HOST:PORT"):
        make_executor("ray", address="somewhere")
    with pytest.raises(ConfigurationError, match=r"no Ray cluster answers at 127\.0\.0\.1:1 .*ray start --head"):
        executor_ray._reachable("127.0.0.1:1")
    monkeypatch.setattr(executor_ray.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigurationError, match=r"needs the package ray; install it with: pip install 'longrec\[dist\]'"
    ):
        make_executor("ray")


def test_which_modules_are_sent(one_task, tmp_path, monkeypatch, agents):
    def spec(agent):
        return CellSpec(make_plan(agent, {}, one_task), agent, 0, 0, 5, tmp_path / "a.parquet")

    monkeypatch.setenv("LONGREC_PLUGINS", "far_agents.anything, json")
    (module,) = executor_ray._modules([spec("random"), spec(f"{agents}:Watcher")])
    assert Path(module).name == "far_agents.py"


def test_what_is_lost_is_tried_again_but_not_for_ever(one_task, tmp_path):
    plan = make_plan("random", {}, one_task)
    spec = CellSpec(plan, "random", 0, 0, 5, tmp_path / "cells" / "a.parquet")
    queue = Queue([spec], keep_going=False)
    drive = executor_ray._Drive.__new__(executor_ray._Drive)
    drive._specs, drive._queue, drive._where, drive._tries = [spec], queue, {0: "far"}, Counter()
    for attempt in range(1, executor_ray.ATTEMPTS + 1):
        assert queue.take() == 0
        drive._tries[0] += 1
        event = drive._lost(0, RuntimeError("gone"))
        assert event.phase == ("lost" if attempt < executor_ray.ATTEMPTS else "failed")
    assert isinstance(event.error, WorkerLostError)
    assert "lost 5 times with its process or machine" in str(event.error)
    assert queue.take() is None


def test_gpus(one_task, tmp_path):
    """An agent on cuda takes a GPU; a cluster without one is refused at once, since its cells would wait for ever."""
    plan = make_plan("random", {}, one_task)
    spec = CellSpec(plan, "random", 0, 0, 5, tmp_path / "a.parquet")
    agent = plan.agent.model_copy(update={"parameters": {"device": "cuda:0"}})
    on_gpu = replace(spec, plan=plan.model_copy(update={"agent": agent}))
    assert not executor_ray._needs_gpu(spec)
    assert executor_ray._needs_gpu(on_gpu)
    drive = executor_ray._Drive.__new__(executor_ray._Drive)
    drive._specs, drive._ray = [spec, on_gpu], SimpleNamespace(cluster_resources=lambda: {"CPU": 2.0})
    with pytest.raises(ConfigurationError, match="no machine of the Ray cluster has a GPU; set device=cpu"):
        drive._check_devices()
