"""Whole searches of parameters: what is told, what is chosen, and that no test user is met."""

from __future__ import annotations

import json

import numpy as np
import pytest

from leaderboard import seeds
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.cell import CellSpec, run_cell
from leaderboard.evaluate.executor_local import LocalExecutor
from leaderboard.evaluate.logs import find_log, record_of
from leaderboard.schema import Task
from leaderboard.sweep.schema import TuneFile
from leaderboard.sweep.search import make_search
from leaderboard.sweep.tune import tune
from leaderboard.traces import read_trace
from recsim_envs.families.departure.simulator import DepartureSimulator
from recsim_envs.worlds import resolve
from tests.leaderboard.conftest import ENV, HERE
from tests.leaderboard.test_cli import longrec  # noqa: F401  (a fixture)

LOCAL = LocalExecutor(1)


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
