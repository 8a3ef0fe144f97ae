"""What goes with a run beside its trace: transcript, curves, cassette, and what the record says of how it was made."""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from leaderboard import provenance
from leaderboard.agents import agent_record
from leaderboard.attached import check_attached
from leaderboard.cli import main
from leaderboard.evaluate.attach import add_curves
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.curve.kept import CurveFile
from leaderboard.evaluate.curve.plan import LearningCurve, make_curve_plan
from leaderboard.evaluate.curve.run import learning_curve
from leaderboard.files import file_sha256, read_model, write_json
from leaderboard.prices import prices_sha256
from leaderboard.replay import verify
from leaderboard.schema import (
    OPTIONAL_FILES,
    Cell,
    Isolation,
    LessonsTold,
    SpentBudget,
    Submission,
    TrainingCurve,
    TrainingPoint,
)
from leaderboard.submit import find, submit
from leaderboard.transcripts import read_transcript, to_text
from recsim_envs.errors import AgentError, ConfigurationError, LanguageModelError, SubmissionError
from recsim_envs.spec import Agent
from tests.leaderboard.conftest import ENV, HERE

SMALL = {"window": 3, "shortlist": 4}


class Quiet(Agent):
    """Defaults that no file can hold."""

    def __init__(self, *, numbers=(1, 2), place=Path("/x"), depth: int = 3) -> None:
        pass


@pytest.fixture(scope="module")
def small(one_task):
    task = one_task.tasks[0].model_copy(update={"episodes": 6})
    return one_task.model_copy(update={"tasks": (task,), "track": "zero-shot"})


@pytest.fixture(scope="module")
def told(small, tmp_path_factory):
    """A language agent's run with everything; do not change it."""
    path = tmp_path_factory.mktemp("told") / "run"
    job = Job("act-only", path, SMALL, record=True, contact="me@example.org")
    return path, evaluate(job, small, workers=1)


def test_every_file_is_listed_and_goes_along(told, tmp_path):
    path, submission = told
    assert set(submission.files) == {"transcript.jsonl", "cassette.jsonl.gz"}
    target = submit(path, tmp_path)
    for name, record in submission.files.items():
        assert record.sha256 == file_sha256(target / name)
        assert record.bytes == (target / name).stat().st_size
    assert verify(target).submission == submission


def test_a_transcript_can_stay_behind_and_the_submission_says_so(told, tmp_path, monkeypatch):
    path, submission = told
    command = ["longrec", "submit", str(path), "--no-transcript", "--to", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match="0"):
        main()
    (target,) = find([tmp_path])
    without = verify(target).submission
    assert without.left_out == ("transcript.jsonl",)
    assert submission == without.model_copy(update={"files": submission.files, "left_out": ()})
    assert {file.name for file in target.iterdir()} == {"submission.json", "traces.parquet", "cassette.jsonl.gz"}
    with pytest.raises(ValidationError, match=r"left_out names transcript\.jsonl, which files lists"):
        Submission.model_validate(without.model_dump() | {"files": submission.files})
    with pytest.raises(ValidationError, match="left_out names a file twice"):
        Submission.model_validate(without.model_dump() | {"left_out": ("transcript.jsonl", "transcript.jsonl")})


def test_a_transcript_that_went_along_before_cannot_stay_behind_unnoticed(told, tmp_path):
    path, _ = told
    target = submit(path, tmp_path)
    with pytest.raises(SubmissionError, match="holds the transcript already"):
        submit(path, tmp_path, transcript=False)
    assert submit(path, tmp_path) == target
    assert submit(path, tmp_path / "other", transcript=False) == submit(path, tmp_path / "other", transcript=False)


def test_nothing_is_left_out_of_a_run_that_tells_nothing(small, tmp_path):
    evaluate(Job("random", tmp_path / "run"), small, workers=1)
    assert verify(submit(tmp_path / "run", tmp_path / "to", transcript=False)).submission.left_out == ()


def test_the_first_sessions_of_the_first_training_seed_are_told_of(told, small):
    path, _ = told
    check_attached(path, told[1])
    lines, trace = read_transcript(path / "transcript.jsonl"), verify(path).trace
    assert [(line.kind, line.task, line.training_seed, line.episode) for line in lines] == [
        ("session", 0, 0, n) for n in range(3)
    ]
    for line in lines:
        assert len(line.steps) + line.left_out == trace.lengths[line.episode]
        for thought, slate in zip(line.steps, trace.slates(line.episode).tolist(), strict=False):
            assert slate[0] in {candidate["item"] for candidate in thought["candidates"]}


def test_the_same_answers_give_the_same_cassette_and_the_same_actions(told, small, tmp_path):
    path, first = told
    again = evaluate(Job("act-only", tmp_path / "again", SMALL, record=True), small, workers=2, num_lanes=2)
    assert again.files["cassette.jsonl.gz"] == first.files["cassette.jsonl.gz"]
    replayed = evaluate(
        Job("act-only", tmp_path / "replayed", SMALL, replay=path / "cassette.jsonl.gz"), small, workers=1
    )
    assert replayed.traces_sha256 == again.traces_sha256 == first.traces_sha256
    assert "cassette.jsonl.gz" not in replayed.files
    usage = replayed.cells[0].facts["usage"]
    assert usage["answered_from_cache"] == usage["calls"] == first.cells[0].usage["test"].calls


def test_another_question_than_was_recorded_is_an_error(told, small, tmp_path):
    job = Job("act-only", tmp_path / "run", {**SMALL, "window": 2}, replay=told[0] / "cassette.jsonl.gz")
    with pytest.raises(LanguageModelError, match="holds no answer"):
        evaluate(job, small, workers=1)


def test_agents_without_a_language_model_use_no_cassette(small, tmp_path):
    with pytest.raises(AgentError, match="'random' can use no cassette"):
        evaluate(Job("random", tmp_path / "run", record=True), small, workers=1)


def test_a_cassette_that_is_too_large_is_refused_and_the_run_kept(small, tmp_path, monkeypatch):
    monkeypatch.setitem(OPTIONAL_FILES, "cassette.jsonl.gz", 100)
    path = tmp_path / "run"
    with pytest.raises(ConfigurationError, match=r"cassette\.jsonl\.gz has \d+ bytes.*100"):
        evaluate(Job("act-only", path, SMALL, record=True), small, workers=1)
    (path / "cassette.jsonl.gz").unlink()
    assert set(evaluate(Job("act-only", path, SMALL), small, workers=1).files) == {"transcript.jsonl"}


def test_what_is_recorded_of_the_making(told):
    submission = told[1]
    assert submission.contact == "me@example.org"
    assert submission.prices_sha256 == prices_sha256()
    assert submission.configuration["temperature"] == 0.0
    assert submission.configuration["window"] == 3
    assert {(s.kind, s.controlled) for s in submission.seeds} == {
        ("environment", True), ("acting", True), ("sampling", True),
    }  # fmt: skip
    assert 0 < submission.working_seconds < submission.wall_seconds
    assert {"llvmlite", "pydantic-core"} <= set(submission.packages)  # what our requirements require, too
    assert not {"pytest", "ruff"} & set(submission.packages)
    assert submission.machine.memory_bytes > 2**28
    for cell in submission.cells:
        assert cell.usage["test"].model == "scripted-v1"
        assert cell.usage["test"].input is None
        assert cell.latency.decisions == cell.facts["decisions"]
        assert 0 < cell.latency.p50 <= cell.latency.p95


def test_training_goes_into_a_curve(one_task, tmp_path):
    submission = evaluate(Job(f"{HERE}:Learner", tmp_path / "run"), one_task, workers=1)
    kept = read_model(tmp_path / "run" / "curve.json", CurveFile)
    assert [(curve.task, curve.training_seed) for curve in kept.training] == [(0, 0), (0, 3)]
    for curve, cell in zip(kept.training, submission.cells, strict=True):
        assert sum(point.sessions for point in curve.points) == cell.spent.episodes == curve.points[-1].episodes
        assert curve.points[-1].steps == cell.spent.steps
    assert ("training", True) in {(s.kind, s.controlled) for s in submission.seeds}
    assert submission.working_seconds == submission.wall_seconds  # nothing was waited for


@pytest.fixture(scope="module")
def curve(one_task, tmp_path_factory):
    task, out = one_task.tasks[0], tmp_path_factory.mktemp("curve") / "out"
    plan = make_curve_plan(f"{HERE}:Learner", {}, ENV, task.options, at=(0, 10), training_seeds=(0,), sessions=10)
    learning_curve(f"{HERE}:Learner", plan, out)
    return out


def test_tested_curves_go_along(one_task, curve, tmp_path):
    evaluate(Job(f"{HERE}:Learner", tmp_path / "run"), one_task, workers=1)
    target = submit(tmp_path / "run", tmp_path / "to", [curve])
    kept, submission = read_model(target / "curve.json", CurveFile), verify(target).submission
    assert [point.budget for point in kept.tested[0].points] == [0, 10]
    assert len(kept.training) == 2
    assert submission.files["curve.json"].sha256 == file_sha256(target / "curve.json")


def test_a_curve_joins_a_submission_that_is_there_already(one_task, curve, tmp_path):
    evaluate(Job(f"{HERE}:Learner", tmp_path / "run"), one_task, workers=1)
    target = submit(tmp_path / "run", tmp_path / "to")
    before = verify(target).submission
    for _ in range(2):
        assert submit(tmp_path / "run", tmp_path / "to", [curve]) == target
        after, kept = verify(target).submission, read_model(target / "curve.json", CurveFile)
        assert (len(kept.tested), len(kept.training)) == (1, 2)
        assert after == before.model_copy(update={"files": after.files})
    assert submit(tmp_path / "run", tmp_path / "to") == target
    assert verify(target).submission == after


def test_curves_on_several_tasks_go_along(one_task, suite, curve, tmp_path):
    """They share no axes, and need not: nobody compares them."""
    known = read_model(curve / "learning_curve.json", LearningCurve)
    plan = known.plan.model_copy(update={"task": suite.tasks[1].model_copy(update={"episodes": 10})})
    (tmp_path / "other").mkdir()
    write_json(tmp_path / "other" / "learning_curve.json", known.model_copy(update={"plan": plan}))
    submission = evaluate(Job(f"{HERE}:Learner", tmp_path / "run"), one_task, workers=1)
    add_curves(tmp_path / "run", submission.model_copy(update={"suite": suite}), [curve, tmp_path / "other"])
    kept = read_model(tmp_path / "run" / "curve.json", CurveFile)
    assert [tested.plan.task.options for tested in kept.tested] == [task.options for task in suite.tasks]


def test_curves_of_others_are_refused(told, curve, tmp_path):
    folder = Path(shutil.copytree(told[0], tmp_path / "copy"))
    with pytest.raises(ConfigurationError, match="curve of agent 'Learner'"):
        add_curves(folder, told[1], [curve])
    assert not (folder / "curve.json").exists()


def test_defaults_that_are_no_json_are_told_as_text():
    record = agent_record(f"{__name__}:Quiet", {"depth": 4})
    known = {"numbers": (1, 2), "place": "PosixPath('/x')", "depth": 4}
    assert provenance.configuration(record, None) == known


def test_an_agent_elsewhere_tells_its_parameters_itself():
    record = agent_record("greedy", {"user_prior": 2.0}, Isolation())
    told = provenance.configuration(record, Isolation())
    assert told == provenance.configuration(record, None)
    assert told == {"user_prior": 2.0, "category_prior": 3.0}
    gone = record.model_copy(update={"entry_point": "command:no-such-program-at-all"})
    assert provenance.configuration(gone, Isolation()) == {"user_prior": 2.0}
    assert provenance.configuration(gone.model_copy(update={"entry_point": "trace:elsewhere"}), None) == {
        "user_prior": 2.0
    }


def test_seeds_that_are_not_controlled_are_said_so():
    record = agent_record("random", {}).model_copy(update={"entry_point": "command:node mine.js"})
    facts = {"language_model": "m", "sampling": {"controlled": False, "how": "as it likes"}}
    spent = SpentBudget(episodes=0, steps=0)
    cell = Cell(task=0, training_seed=0, spent=spent, train_seconds=0, test_seconds=0, facts=facts)
    found = {s.kind: s for s in provenance.seeds(record, None, [cell])}
    assert not found["acting"].controlled
    assert not found["sampling"].controlled
    assert found["sampling"].how == "as it likes"
    assert found["environment"].controlled
    untold = cell.model_copy(update={"facts": {"language_model": "m", "sampling": "?"}})
    assert not provenance.seeds(record, None, [untold])[-1].controlled


def test_lessons_of_an_agent_that_writes_some(one_task, tmp_path):
    task = one_task.tasks[0].model_copy(update={"episodes": 3})
    suite = one_task.model_copy(update={"tasks": (task,), "training_seeds": (0,), "limit": SpentBudget(episodes=6)})
    evaluate(Job("billp", tmp_path / "run", {"model": "scripted", "train_lanes": 3}, record=True), suite, workers=1)
    *sessions, lessons = read_transcript(tmp_path / "run" / "transcript.jsonl")
    assert len(sessions) == 3
    assert isinstance(lessons, LessonsTold)
    assert all(lesson["cause"] and lesson["text"] for lesson in lessons.told)
    assert all(step["reflections"] for line in sessions for step in line.steps)
    with gzip.open(tmp_path / "run" / "cassette.jsonl.gz") as file:
        assert len(file.readlines()) > 50
    assert Submission.model_validate_json((tmp_path / "run" / "submission.json").read_bytes()).cells[0].usage["train"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": 1}, "task 1 under training seed 0 is not part"),
        ({"training_seed": 1}, "training seed 1 is not part"),
        ({"episode": 6}, "episode 6 is not part"),
        ({"episode": 1}, "line 2: the same is told of twice"),
    ],
)
def test_a_transcript_of_something_else_is_refused(told, tmp_path, changes, message):
    first, second, *rest = read_transcript(told[0] / "transcript.jsonl")
    lines = [second, first.model_copy(update=changes), *rest]
    (tmp_path / "transcript.jsonl").write_text(to_text(lines), "utf-8", newline="\n")
    with pytest.raises(SubmissionError, match=message):
        check_attached(tmp_path, told[1])


def test_curves_of_something_else_are_refused(told, curve, tmp_path):
    listed = told[1].model_copy(update={"files": {"curve.json": told[1].files["transcript.jsonl"]}})
    tested = read_model(curve / "learning_curve.json", LearningCurve)
    point = TrainingPoint(episodes=1, steps=2, sessions=1, mean_return=3, mean_length=2)
    training = TrainingCurve(task=0, training_seed=9, points=(point,))
    for kept, message in (
        (CurveFile(tested=(tested,)), "curve of agent 'Learner'"),
        (CurveFile(training=(training,)), "training seed 9 is not part"),
    ):
        write_json(tmp_path / "curve.json", kept)
        with pytest.raises(SubmissionError, match=message):
            check_attached(tmp_path, listed)
