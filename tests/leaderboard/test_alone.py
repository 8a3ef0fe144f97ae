"""Two commands at once on one folder: the second is refused, and the first goes on undisturbed."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from leaderboard.elsewhere import import_trace
from leaderboard.evaluate import batch, learn
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.curve import run as curves
from leaderboard.evaluate.curve.plan import make_curve_plan
from leaderboard.evaluate.executor_local import LocalExecutor
from leaderboard.files import alone_in
from leaderboard.sweep import run as sweeps
from leaderboard.sweep import tune as tunings
from leaderboard.sweep.expand import expand
from leaderboard.sweep.schema import SweepFile, TuneFile
from leaderboard.sweep.search import make_search
from recsim_envs import locks
from recsim_envs.errors import ConfigurationError
from tests.leaderboard.conftest import ENV, HERE

LOCAL, LEARNER = LocalExecutor(1), f"{HERE}:Learner"
TAKEN = f" is in use by process {os.getpid()} on "


@pytest.fixture
def commands(world_path, one_task, tmp_path):
    """What works in a folder: where its work is called from, and the command."""
    out, options = tmp_path / "out", {"world": str(world_path)}
    environments = [{"env_id": ENV, "options": options}]
    sweep = SweepFile(name="study", agents=["random"], environments=environments)
    search = {"name": "search", "agent": LEARNER, "search": {"salt": [1]}, "budget": {"episodes": 10_000}}
    tuning = TuneFile.model_validate(search | {"environments": environments})
    budget = {"episodes": 5, "steps": None}
    return {
        "evaluate": (batch, "run_all", lambda: evaluate(Job("random", out), one_task, workers=1)),
        "sweep": (sweeps, "run_all", lambda: sweeps.run_sweep(expand(sweep, ""), out, LOCAL, sweeps.SweepOptions())),
        "tune": (tunings, "run_all", lambda: tunings.tune(make_search(tuning, ""), out, LOCAL)),
        "train": (
            learn,
            "train_agent",
            lambda: learn.train_and_save(LEARNER, {}, ENV, options, seed=0, out=out, **budget),
        ),
        "curve": (
            curves,
            "run_cells",
            lambda: curves.learning_curve(
                LEARNER, make_curve_plan(LEARNER, {}, ENV, options, at=(0, 5), training_seeds=(0,), sessions=2), out
            ),
        ),
    }


@pytest.mark.parametrize("name", ["evaluate", "sweep", "tune", "train", "curve"])
def test_the_same_command_twice_at_once(commands, name, tmp_path, monkeypatch):
    module, work, command = commands[name]

    def meanwhile(*_, **__):
        with pytest.raises(ConfigurationError, match=TAKEN):
            command()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, work, meanwhile)
    with pytest.raises(KeyboardInterrupt):
        command()
    assert not list(tmp_path.rglob(".lock"))


def test_a_trace_made_elsewhere(finished, one_task, tmp_path):
    table = tmp_path / "actions.csv"
    table.write_text("task,training_seed,episode,step,action\n0,0,0,0,1\n")
    with alone_in(tmp_path / "run"), pytest.raises(ConfigurationError, match=TAKEN):
        import_trace(table, "somebody", one_task, tmp_path / "run")


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "suite" / "agent"):
        told = f"cannot write to {folder}: {tmp_path / 'file'} is a file, no folder; choose another name"
        with pytest.raises(ConfigurationError, match=told), alone_in(folder):
            pass


def test_a_finished_run_is_told_where_nothing_can_be_written(one_task, tmp_path, monkeypatch):
    """Root may write everywhere, so that the disk is read-only is told by what takes locks."""
    job = Job("random", tmp_path / "run")
    submission = evaluate(job, one_task, workers=1)

    def read_only(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(locks.os, "open", read_only)
    assert evaluate(job, one_task, workers=1) == submission
    with pytest.raises(ConfigurationError, match=r"cannot write to .*run: Read-only file system"):
        evaluate(replace(job, discard="always"), one_task, workers=1)
