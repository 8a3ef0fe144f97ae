"""Runs that load what `longrec train` saved: the same as training in the run would have found out, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from leaderboard.cli import checks, runs
from leaderboard.cli.tracks import learned_parameters
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.build import make_plan, with_learned
from leaderboard.evaluate.learn import train_and_save
from leaderboard.files import read_model
from leaderboard.replay import verify
from leaderboard.reproduce import reproduce
from leaderboard.schema import LogRef, Submission
from leaderboard.submit import submit
from leaderboard.suites import custom_suite
from recsim_envs.errors import AgentError, ConfigurationError, SubmissionError
from tests.leaderboard.conftest import ENV

HERE = "tests.leaderboard.log_agents"
AGENT, FROM_LOG = f"{HERE}:Counts", f"{HERE}:LogLearner"
pytestmark = pytest.mark.usefixtures("home_of_file")


@pytest.fixture(scope="module")
def learned(world_path, tmp_path_factory) -> Path:
    """What an agent learned from 6 episodes under seed 5; do not change it."""
    out = tmp_path_factory.mktemp("learned") / "counts"
    train_and_save(AGENT, {"by": 2}, ENV, {"world": str(world_path)}, episodes=6, steps=None, seed=5, out=out)
    return out


def suite_of(world_path, **changes):
    fields = {"env_id": ENV, "episodes": 6, "training_seeds": (5,), "options": {"world": str(world_path)}}
    return custom_suite(**(fields | changes))


def test_what_was_learned_is_played_recorded_and_reproduced(learned, tmp_path, capsys):
    runs.evaluate(AGENT, load=learned, episodes=6, out=tmp_path, workers=1, json=True)
    path = Path(json.loads(capsys.readouterr().out)["path"])
    submission = read_model(path / "submission.json", Submission)
    (cell,) = submission.cells
    assert cell.facts["learned"] == 12  # by 2 an episode: nothing was trained again, and the parameters are its own
    assert cell.spent == submission.learned.spent
    assert cell.spent.episodes == 6
    assert submission.suite.training_seeds == (5,)
    assert verify(path).steps > 0
    assert reproduce(path, workers=1).episodes == 6  # from the copy beside it
    copied = submit(path, tmp_path / "submissions")
    with pytest.raises(AgentError, match="no copy of it is here; give it with --load DIR"):
        reproduce(copied, workers=1)
    checks.reproduce(copied, load=learned, workers=1)


def test_learning_in_the_run_from_a_log_gives_the_same_as_loading(world_path, tmp_path):
    """Seeds of training differ between suites, so an agent that uses none is compared."""
    log = LogRef(name="longrec/games/mixed-v0", sessions=30)
    options = {"world": str(world_path)}
    train_and_save(FROM_LOG, {}, ENV, options, episodes=None, steps=None, seed=5, out=tmp_path / "x", log=log)
    suite = suite_of(world_path, track="offline", log=log)
    loaded = evaluate(Job(FROM_LOG, tmp_path / "a", load=tmp_path / "x"), suite, workers=1)
    trained = evaluate(Job(FROM_LOG, tmp_path / "b"), suite, workers=1)
    assert loaded.traces_sha256 == trained.traces_sha256
    assert loaded.logs == trained.logs
    assert (loaded.learned is None, trained.learned is None) == (False, True)
    other = suite_of(world_path, track="offline", log=LogRef(name="longrec/games/mixed-v0", sessions=31))
    with pytest.raises(AgentError, match="was learned with another log"):
        evaluate(Job(FROM_LOG, tmp_path / "c", load=tmp_path / "x"), other, workers=1)


def test_what_does_not_fit_is_refused(learned, world_path, tmp_path):
    def plan(agent=AGENT, parameters=None, folder=learned, **changes):
        chosen = {"by": 2} if parameters is None else parameters
        return with_learned(make_plan(agent, chosen, suite_of(world_path, **changes)), folder)

    assert plan().learned is not None
    for change, text in (
        ({"agent": f"{HERE}:FolderKeeper", "parameters": {}}, "another agent: Counts, .*, here it is FolderKeeper"),
        ({"parameters": {}}, "another set of parameters"),
        ({"training_seeds": (5, 6)}, "another training seed: 5, here it is 5, 6"),
        ({"env_id": "longrec/Books-v0"}, "another environment: longrec/Games-v0, here it is longrec/Books-v0"),
        ({"options": {"world": str(world_path), "horizon": 9}}, "another set of options"),
        ({"folder": tmp_path}, "holds nothing that was learned; give a folder that `longrec train` wrote"),
        ({"track": "zero-shot"}, r"took 6 episodes of training; track zero-shot allows 0"),
    ):
        with pytest.raises(AgentError, match=text):
            plan(**change)
    for field, value, text in (
        (("agent", "source_sha256"), "0" * 64, "another version of the agent's source code: 000000000000"),
        (("world", "sha256"), "0" * 64, "another world: 000000000000, here it is"),
        (("spent", "episodes"), 101, "took 101 episodes of training; track scarce allows 100; use --track online"),
        (("spent", "episodes"), "many", "field spent.episodes"),
    ):
        copy = Path(shutil.copytree(learned, tmp_path / "copy", dirs_exist_ok=True))
        stored = json.loads((copy / "training.json").read_text())
        stored[field[0]][field[1]] = value
        (copy / "training.json").write_text(json.dumps(stored))
        with pytest.raises(AgentError, match=text):
            plan(folder=copy)


def test_a_default_that_is_spelt_out_is_the_same(world_path, tmp_path):
    out, options, suite = tmp_path / "counts", {"world": str(world_path)}, suite_of(world_path)
    train_and_save(AGENT, {}, ENV, options, episodes=2, steps=None, seed=5, out=out)
    for given in ({}, {"by": 1}):
        assert with_learned(make_plan(AGENT, given, suite), out).learned.spent.episodes == 2
    with pytest.raises(AgentError, match=r"another set of parameters: \{'by': 1\}, here it is \{'by': 2\}"):
        with_learned(make_plan(AGENT, {"by": 2}, suite), out)


def test_the_device_of_training_is_not_that_of_playing(learned, world_path, tmp_path):
    agent, options = f"{HERE}:CountsOnDevice", {"world": str(world_path)}
    out, far = tmp_path / "far", {"by": 2, "device": "cuda:7"}
    train_and_save(agent, far, ENV, options, episodes=6, steps=None, seed=5, out=out)
    assert learned_parameters(out, agent, {}) == {"by": 2}
    assert learned_parameters(out, agent, {"device": "mps"}) == {"by": 2, "device": "mps"}
    assert learned_parameters(out, agent, {"by": 3}) == {"by": 3}  # refused by the plan
    with pytest.raises(AgentError, match="was learned by CountsOnDevice, not by random; evaluate CountsOnDevice"):
        learned_parameters(out, "random", {})
    assert with_learned(make_plan(agent, {"by": 2}, suite_of(world_path)), out).learned.spent.episodes == 6


def test_what_was_changed_afterwards_is_found_out(learned, world_path, tmp_path, monkeypatch):
    job = Job(AGENT, tmp_path / "run", {"by": 2}, load=learned)
    evaluate(job, suite_of(world_path), workers=1)
    file = tmp_path / "run" / "learned" / "agent" / "count.json"
    file.write_text("1000")
    with pytest.raises(AgentError, match=r"is not what the agent of .* had learned: its hash is another one"):
        reproduce(tmp_path / "run", workers=1)
    for name in ("submission.json", "traces.parquet"):
        (tmp_path / "run" / name).unlink()
    with pytest.raises(AgentError, match="is not what this run was begun with; give the command again with --load"):
        evaluate(job, suite_of(world_path), workers=1)
    shutil.rmtree(file.parent)
    with pytest.raises(AgentError, match="is missing, so there is nothing to load"):
        evaluate(job, suite_of(world_path), workers=1)


def test_a_submission_cannot_claim_less_than_training_used(learned, world_path, tmp_path):
    evaluate(Job(AGENT, tmp_path / "run", {"by": 2}, load=learned), suite_of(world_path), workers=1)
    file = tmp_path / "run" / "submission.json"
    stored = json.loads(file.read_text())
    stored["cells"][0]["spent"]["episodes"] = 1
    file.write_text(json.dumps(stored))
    with pytest.raises(SubmissionError, match="whose spent is that of the training that was loaded"):
        verify(tmp_path / "run")


def test_what_the_training_fixes_is_not_given_again(learned, finished, tmp_path):
    for options in ({"env": ENV}, {"suite": "smoke-v1"}, {"option": ["horizon=3"]}, {"budget_steps": 5}):
        with pytest.raises(ConfigurationError, match="--load takes environment, options, log and budget from"):
            runs.evaluate(AGENT, load=learned, out=tmp_path, **options)
    with pytest.raises(AgentError, match="trained in its run; leave --load out"):
        reproduce(finished, load=learned)
