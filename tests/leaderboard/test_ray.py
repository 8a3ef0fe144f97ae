"""Cells on a Ray cluster: the same bytes as here, whatever happens to its machines."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="RAY ABSENT: nothing was tested on a cluster; pip install 'longrec[dist]'")

from leaderboard.evaluate.batch import Job, evaluate, evaluate_all
from leaderboard.evaluate.executor import make_executor
from leaderboard.replay import verify
from recsim_envs.errors import AgentError

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


def test_a_lost_machine_changes_no_byte(cluster, agents, one_task, tmp_path, home):
    suite = one_task.model_copy(update={"training_seeds": (0, 3, 4)})
    jobs = [Job(f"{agents}:Lingers", tmp_path / "ray" / "lingers"), Job(f"{agents}:Crash", tmp_path / "ray" / "crash")]
    seen = []

    def watch(specs, event):
        seen.append(event)
        begun = {e.node for e in seen if e.phase == "start"}
        go = home.parent / "go"
        if len(begun) == 2 and not go.exists():  # both are in the middle of a cell
            cluster.remove_node(cluster.second, allow_graceful=False)
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
