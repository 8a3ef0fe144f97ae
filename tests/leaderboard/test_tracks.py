"""What agents may use: interaction within a budget, a named log, or nothing; and who can be on which track."""

from __future__ import annotations

import json
import shutil

import pytest

from leaderboard.board.arrange import board_of
from leaderboard.evaluate.batch import Job, evaluate, open_run
from leaderboard.evaluate.build import make_plan
from leaderboard.evaluate.cell import run_cell
from leaderboard.evaluate.logs import find_log, log_reference
from leaderboard.files import read_model
from leaderboard.replay import verify
from leaderboard.reproduce import reproduce
from leaderboard.results import rows
from leaderboard.schema import LogRef, SpentBudget, Submission, Suite, Task
from recsim_envs.errors import AgentError, ConfigurationError, LogError, SubmissionError
from recsim_envs.offline import DatasetSpec
from recsim_envs.offline.store import made
from tests.leaderboard.conftest import ENV

HERE = "tests.leaderboard.log_agents"
LOG = "longrec/games/mixed-v0"
pytestmark = pytest.mark.usefixtures("home_of_file")


def on(suite: Suite, track: str, sessions: int = 40, **changes) -> Suite:
    """The suite on another track."""
    log = LogRef(name=LOG, sessions=sessions) if track == "offline" else None
    tasks = [{**task.model_dump(), "log": log} for task in suite.tasks]
    return Suite.model_validate({**suite.model_dump(), "track": track, "tasks": tasks, **changes})


def run(path, suite, agent, workers=1, **parameters):
    return evaluate(Job(agent, path, parameters), suite, workers=workers)


@pytest.fixture(scope="module")
def learnt(suite, tmp_path_factory):
    """A run on track offline over two processes, which share the log; do not change it."""
    path = tmp_path_factory.mktemp("offline") / "run"
    run(path, on(suite, "offline"), f"{HERE}:LogLearner", workers=2)
    return path


def test_a_log_is_learnt_from_recorded_and_reproduced(learnt, suite):
    submission = read_model(learnt / "submission.json", Submission)
    assert [log.name for log in submission.logs] == [LOG, LOG]
    assert submission.logs[0].sha256 != submission.logs[1].sha256  # other options, other sessions
    assert submission.logs[0].sessions == 40
    assert {(cell.spent.episodes, cell.spent.steps) for cell in submission.cells} == {(0, 0)}
    told = [cell.facts for cell in submission.cells]
    assert [(f["name"], f["sessions"]) for f in told] == [(LOG, 40)] * 4
    assert told[0]["steps"] == submission.logs[0].steps
    assert told[0]["seed"] != told[1]["seed"]
    assert reproduce(learnt, workers=1).episodes == 70
    assert {row.log.sha256 for row in rows([verify(learnt)])} == {log.sha256 for log in submission.logs}


def test_nothing_of_training_is_left(learnt):
    assert sorted(p.name for p in learnt.iterdir()) == ["run.json", "submission.json", "traces.parquet"]


def test_tracks_have_tables_of_their_own(learnt, suite, tmp_path):
    paths = [learnt]
    for track in ("offline", "zero-shot", "online"):
        for agent in ("random", "oracle"):
            paths.append(tmp_path / track / agent)
            run(paths[-1], on(suite, track).model_copy(update={"name": f"tiny-{track}"}), agent)
    run(tmp_path / "same", on(suite, "offline"), "random")
    found = rows([verify(path) for path in [*paths, tmp_path / "same"]])
    for part in board_of(found).suites:
        members = [entry.row for section in part.sections for entry in section.entries]
        assert len({row.track for row in members}) == len({row.suite_hash for row in members}) == 1
    scored = {(row.track, row.agent) for row in found if "score" in row.metrics}
    assert ("offline", "LogLearner") not in scored  # random and oracle of another suite are no scale for it
    assert ("zero-shot", "random") in scored


def test_who_can_be_on_which_track(suite, tmp_path):
    cases = [
        (f"{HERE}:LogLearner", "scarce", "learns from logs and never interacts.* can be on zero-shot, offline"),
        (f"{HERE}:LogLearner", "online", "learns from logs and never interacts.* can be on zero-shot, offline"),
        (f"{HERE}:LogLearner", "zero-shot", "does not act untrained on longrec/Games-v0.*learned nothing yet"),
        ("fixed-cycle", "offline", "learns by interaction, not from logs.* can be on zero-shot, scarce, online"),
        ("fixed-cycle", "zero-shot", "does not act untrained.*no cycle yet.*use another track"),
    ]
    for agent, track, text in cases:
        with pytest.raises(AgentError, match=text):
            run(tmp_path / "x", on(suite, track), agent)
    assert not (tmp_path / "x").exists()  # refused before anything was run


def test_zero_shot_plays_who_can_act_untrained_untrained(one_task, tmp_path):
    submission = run(tmp_path / "a", on(one_task, "zero-shot"), "tests.leaderboard.agents:Learner")
    assert {(cell.spent.episodes, cell.spent.steps) for cell in submission.cells} == {(0, 0)}
    assert {cell.facts["salt"] for cell in submission.cells} == {0}
    file = tmp_path / "a" / "submission.json"
    stored = json.loads(file.read_text())
    stored["cells"][0]["spent"]["steps"] = 1
    file.write_text(json.dumps(stored))
    with pytest.raises(SubmissionError, match=r"spent\.steps is 1; track zero-shot allows 0"):
        verify(tmp_path / "a")


@pytest.mark.parametrize("how", ["step", "many"])
@pytest.mark.parametrize("limit", [{"episodes": 3}, {"steps": 12}, {"episodes": 50, "steps": 9}])
def test_a_smaller_budget_cannot_be_exceeded(one_task, tmp_path, limit, how):
    suite = on(one_task, "online", limit=limit)
    assert suite.budget == SpentBudget(**{"steps": 10**6} | limit)
    with pytest.raises(AgentError, match=r"Cheat, longrec/Games-v0, training seed 0: (the training budget is|environ)"):
        run(tmp_path / "a", suite, f"{HERE}:Cheat", how=how)


@pytest.mark.parametrize(("limit", "total"), [({"episodes": 9}, 9), ({"steps": 35}, 35)])
def test_progress_is_told_in_the_unit_of_the_budget(one_task, tmp_path, limit, total):
    told = []
    suite = on(one_task, "online", limit=limit)
    job = Job("tests.leaderboard.agents:Learner", tmp_path / "a")
    (run_,) = [open_run(job, make_plan(job.agent, {}, suite))]
    (spec, _) = run_.folder.specs(job.agent, 4)
    run_cell(spec, lambda *news: told.append(news))
    trained = [news for news in told if news[0].startswith("train, return ")]
    assert {news[2] for news in trained} == {total}
    assert [news[1] for news in trained] == sorted(news[1] for news in trained)
    assert 0 < trained[-1][1] <= total
    assert told[0] == ("train", 0, total)
    assert told[-1] == ("test", 25, 25)


def test_limits_and_logs_that_do_not_fit(one_task):
    for track, limit in (
        ("scarce", {"episodes": 101}), ("online", {"steps": 2 * 10**6}), ("zero-shot", {"episodes": 1}),
        ("offline", {"episodes": 1}), ("scarce", {"episodes": 0}), ("scarce", {}),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="limit must be one episode or step or more, and no more than track"):
            on(one_task, track, limit=limit)
    with pytest.raises(ValueError, match=r"tasks\.0\.log is missing; agents of track offline learn from a log"):
        Suite.model_validate({**one_task.model_dump(), "track": "offline"})
    with pytest.raises(ValueError, match=r"tasks\.0\.log is given; track scarce has none"):
        Suite.model_validate({**on(one_task, "offline").model_dump(), "track": "scarce"})


def test_what_was_added_changes_no_hash_of_before(suite):
    """The hash of what was stored before logs and limits were added, taken then."""
    plain = Suite(name="fixed", training_seeds=(0,), tasks=(Task(env_id=ENV, episodes=5),))
    assert plain.hash == "b28255a79269ebf1ef3b65ed9a3bcc2eeb7a0da7059377763604ab33bb69788c"
    assert "log" not in plain.model_dump(mode="json")["tasks"][0]
    assert "limit" not in plain.model_dump(mode="json")
    assert on(suite, "offline").hash != on(suite, "offline", sessions=41).hash


def test_a_submission_names_the_log_of_its_suite(learnt, tmp_path):
    path = shutil.copytree(learnt, tmp_path / "copy")
    stored = json.loads((path / "submission.json").read_text())
    for logs, text in (([], "logs must hold one for each task"), (None, "is not the log that the suite names")):
        changed = stored | {"logs": [log | {"name": "longrec/games/random-v0"} for log in stored["logs"]]}
        (path / "submission.json").write_text(json.dumps(changed if logs is None else stored | {"logs": logs}))
        with pytest.raises(SubmissionError, match=text):
            verify(path)


def test_a_named_log_is_made_once_and_again_where_it_is_damaged(one_task, tmp_path, monkeypatch):
    monkeypatch.setenv("LONGREC_HOME", str(tmp_path))
    spec = DatasetSpec(ENV, "random", sessions=11, options=one_task.tasks[0].options)
    first = made(spec)
    (file,) = tmp_path.rglob("steps.parquet")
    before = file.stat().st_mtime_ns
    assert made(spec).sha256() == first.sha256()
    assert file.stat().st_mtime_ns == before
    file.write_bytes(b"PAR1")
    assert made(spec).sha256() == first.sha256()
    assert file.stat().st_mtime_ns != before
    other = DatasetSpec(ENV, "random", sessions=11, seed=1, options=one_task.tasks[0].options)
    assert made(other).sha256() != first.sha256()
    assert len(list(tmp_path.rglob("steps.parquet"))) == 2


def test_names_and_files_of_logs(one_task, tmp_path):
    options = one_task.tasks[0].options
    assert log_reference("mixed", ENV, options) == LogRef(name=LOG)
    assert log_reference(LOG, ENV, options, sessions=9, seed=2) == LogRef(name=LOG, sessions=9, seed=2)
    with pytest.raises(ConfigurationError, match="is a log of longrec/Books-v0, not of longrec/Games-v0"):
        log_reference("longrec/books/mixed-v0", ENV, options)
    with pytest.raises(ConfigurationError, match="must look like"):
        log_reference("nonsense", ENV, options)
    with pytest.raises(LogError, match=r"missing\.parquet does not exist"):
        log_reference(str(tmp_path / "missing.parquet"), ENV, options)
    task = one_task.tasks[0].model_copy(update={"log": LogRef(name="x", sessions=3, sha256="0" * 64)})
    with pytest.raises(LogError, match=r"log x \(000000000000\) is not here; give its file once with --log PATH"):
        find_log(task)


def test_the_folder_of_training_survives_a_failure_and_no_success(one_task, tmp_path):
    healed = tmp_path / "healed"
    for _ in range(2):
        with pytest.raises(AgentError, match="killed"):
            run(tmp_path / "a", one_task, f"{HERE}:FolderKeeper", healed=str(healed))
    kept = tmp_path / "a" / "cells" / "000-0.training" / "checkpoint.json"
    assert kept.read_text() == "1"
    healed.touch()
    submission = run(tmp_path / "a", one_task, f"{HERE}:FolderKeeper", healed=str(healed))
    assert [cell.facts["found"] for cell in submission.cells] == [True, False]
    assert not kept.parent.exists()
