"""Tracks, budgets, logs and devices on the command line, and what does not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaderboard.cli import runs
from leaderboard.cli.tracks import Choice, chosen_suite, on_device
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.learn import train_and_save
from leaderboard.evaluate.logs import log_reference
from leaderboard.schema import LogRef, SpentBudget
from leaderboard.suites import custom_suite, load_suite
from recsim_envs.errors import AgentError, ConfigurationError
from tests.leaderboard.conftest import ENV

LOG = "longrec/games/mixed-v0"
pytestmark = pytest.mark.usefixtures("own_home")


def suite(choice=None, *, name=None, env=ENV, episodes=None, option=None):
    return chosen_suite(name, env, episodes, option, choice or Choice())


def test_an_environment_on_every_track():
    assert suite() == custom_suite(ENV)  # names of before, and so the users of before
    assert suite(Choice(track="scarce")) == suite()
    names = {suite(Choice(track=track)).name for track in ("zero-shot", "scarce", "online", "offline")}
    assert len(names) == 4
    less = suite(Choice(track="online", steps=500, episodes=3))
    assert less.budget == SpentBudget(episodes=3, steps=500)
    assert less.name != suite(Choice(track="online")).name
    assert suite(Choice(episodes=10)).budget == SpentBudget(episodes=10)


def test_the_log_of_an_environment():
    assert suite(Choice(track="offline")).tasks[0].log == LogRef(name=LOG)
    chosen = suite(Choice(track="offline", log="random", log_sessions=7, log_seed=2)).tasks[0].log
    assert chosen == LogRef(name="longrec/games/random-v0", sessions=7, seed=2)


def test_a_suite_on_another_track_is_another_suite():
    plain = load_suite("smoke-v1")
    assert suite(name="smoke-v1", env=None) == plain
    assert suite(Choice(track=plain.track), name="smoke-v1", env=None) == plain
    online = suite(Choice(track="online"), name="smoke-v1", env=None)
    assert (online.track, online.hash == plain.hash) == ("online", False)
    assert online.name.startswith("smoke-v1-online-")
    assert suite(Choice(track="online"), name="smoke-v1", env=None) == online
    offline = suite(Choice(track="offline", log_sessions=9), name="smoke-v1", env=None)
    assert [task.log.name.rpartition("/")[2] for task in offline.tasks] == ["mixed-v0"] * len(plain.tasks)
    assert {task.log.sessions for task in offline.tasks} == {9}
    fewer = suite(Choice(episodes=10), name="smoke-v1", env=None)
    assert fewer.budget == SpentBudget(episodes=10)
    assert len({plain.name, online.name, offline.name, fewer.name}) == 4


def test_a_part_of_a_suite_is_a_suite_of_its_own():
    whole = chosen_suite("online-v1", None, None, None, Choice(steps=300))
    found = chosen_suite("online-v1", "longrec/Retention-v0", None, None, Choice(steps=300))
    assert found.tasks == tuple(task for task in whole.tasks if task.env_id == "longrec/Retention-v0")
    assert (found.training_seeds, found.limit) == (whole.training_seeds, SpentBudget(steps=300))
    assert found.name == f"{whole.name}-Retention-v0"
    with pytest.raises(ConfigurationError, match="suite smoke-v1 has no environment 'longrec/Gams-v0'; did you mean"):
        chosen_suite("smoke-v1", "longrec/Gams-v0", None, None, Choice())


def test_a_suites_own_limit_goes_with_its_track(tmp_path):
    plain = load_suite("smoke-v1").model_copy(update={"name": "mine", "limit": SpentBudget(episodes=7)})
    (tmp_path / "mine.json").write_text(plain.model_dump_json())
    file = str(tmp_path / "mine.json")
    assert suite(name=file, env=None).budget == SpentBudget(episodes=7)
    assert suite(Choice(episodes=5), name=file, env=None).budget == SpentBudget(episodes=5)
    assert suite(Choice(track="online"), name=file, env=None).limit is None
    assert suite(Choice(track="offline"), name=file, env=None).budget == SpentBudget(episodes=0, steps=0)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (Choice(track="onlin"), "track 'onlin' does not exist; did you mean online"),
        (Choice(log="mixed"), "a log is learnt from on track offline only; add --track offline"),
        (Choice(track="scarce", log_sessions=5), "a log is learnt from on track offline only"),
        (
            Choice(track="scarce", episodes=101),
            "limit must be one episode or step or more, and no more",
        ),
        (Choice(track="zero-shot", steps=1), "no more than track zero-shot allows: no interaction, so leave"),
        (Choice(track="offline", steps=1), "no more than track offline allows"),
        (
            Choice(track="offline", log="longrec/books/mixed-v0"),
            "is a log of longrec/Books-v0, not of",
        ),
        (Choice(track="offline", log="mixd"), "must look like longrec/games/mixed-v0"),
    ],
)
def test_what_does_not_go_together(choice, text):
    with pytest.raises(ConfigurationError, match=text):
        suite(choice)
    if choice.log is None or "/" not in choice.log:
        with pytest.raises(ConfigurationError, match=text):
            suite(choice, name="smoke-v1", env=None)


def test_a_device_is_a_parameter_of_agents_that_have_one(capsys):
    agent = "tests.leaderboard.log_agents:OnDevice"
    assert on_device(agent, {"a": 1}, None) == {"a": 1}
    assert on_device(agent, {}, "cpu") == {}  # the default: the same run as without
    assert on_device(agent, {"a": 1}, "cuda:1") == {"a": 1, "device": "cuda:1"}
    with pytest.raises(ConfigurationError, match="say the same twice"):
        on_device(agent, {"device": "cpu"}, "cuda")
    assert capsys.readouterr().err == ""
    assert on_device("random", {}, "cuda") == {}
    assert "random computes on the CPU only: --device cuda changes nothing" in capsys.readouterr().err


def test_the_command_runs_a_log_of_a_file(world_path, tmp_path, capsys):
    """A folder of `longrec logs make`, found again by its hash when the run is reproduced."""
    from leaderboard.cli.checks import reproduce
    from recsim_envs.offline import DatasetSpec, generate, write_log

    options = {"world": str(world_path)}
    write_log(generate(DatasetSpec(ENV, "mixed", sessions=25, options=options)), tmp_path / "log")
    runs.evaluate(
        "tests.leaderboard.log_agents:LogLearner", env=ENV, episodes=4, option=[f"world={world_path}"],
        track="offline", log=str(tmp_path / "log"), out=tmp_path / "runs", workers=1, json=True,
    )  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    (row,) = told["rows"]
    assert (row["track"], row["log"]["name"], row["log"]["sessions"]) == ("offline", LOG, 25)
    assert row["spent"] == {"episodes": 0, "steps": 0}
    (tmp_path / "log").rename(tmp_path / "away")
    reproduce(Path(told["path"]), workers=1)


def test_a_file_without_propensities(world_path, tmp_path):
    """Fine for agents that do not need them; one that does names the log."""
    learner, options = "tests.leaderboard.log_agents:LogLearner", {"world": str(world_path)}
    columns = {"session": [1, 1, 2], "action": [3, 4, 3], "reward": [5.0, 1.0, 4.0]}
    pq.write_table(pa.table(columns), tmp_path / "mine.parquet")
    log = log_reference(str(tmp_path / "mine.parquet"), ENV, options)
    assert (log.name, log.sessions, log.seed) == ("mine", 2, 0)
    fixed = {"episodes": None, "steps": None, "seed": 0, "log": log}
    record = train_and_save(learner, {}, ENV, options, out=tmp_path / "a", **fixed)
    assert (record.log.name, record.log.steps, record.facts["sessions"]) == ("mine", 3, 2)
    needy = {"needs_propensities": True}
    with pytest.raises(AgentError, match="needs propensities, and log mine does not tell them"):
        train_and_save(learner, needy, ENV, options, out=tmp_path / "b", **fixed)
    assert not list(tmp_path.glob(".b-*"))  # nothing was kept
    assert not (tmp_path / "b").exists()
    suite = custom_suite(ENV, episodes=3, training_seeds=(0,), track="offline", options=options, log=log)
    with pytest.raises(AgentError, match=r"LogLearner, longrec/Games-v0, training seed 0: .* log mine does not"):
        evaluate(Job(learner, tmp_path / "c", needy), suite, workers=1)
    with pytest.raises(ConfigurationError, match="is a file: it has the sessions that it has, and no seed"):
        log_reference(str(tmp_path / "mine.parquet"), ENV, options, sessions=1)
