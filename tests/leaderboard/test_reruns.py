"""Badges: who may award *re-run*, to what, and what no submission can give itself."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest

from leaderboard import reruns
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.files import file_sha256, read_model
from leaderboard.folder import find_row
from leaderboard.replay import verify
from leaderboard.reproduce import Reproduction, reproduce
from leaderboard.reruns import attest, badge_of, reruns_of
from leaderboard.schema import Reruns, Submission
from recsim_envs.errors import AgentError, LongrecError, ReplayMismatchError, SubmissionError
from tests.leaderboard.conftest import HERE
from tests.leaderboard.edits import edit


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(reruns, "FOLDER", tmp_path / "reruns")
    return tmp_path / "reruns"


@pytest.fixture(scope="module")
def reproduced(finished) -> Reproduction:
    return reproduce(finished, workers=1)


def test_what_was_run_again_is_attested(reproduced, folder):
    submission = reproduced.submission
    assert badge_of(submission) == "replayed"
    file = attest(reproduced, "Ann")
    attest(reproduced, "Bob")
    assert file == folder / f"{submission.traces_sha256}.json"
    assert badge_of(submission) == "re-run"
    assert [r.by for r in reruns_of(submission)] == ["Ann", "Bob"]
    first = read_model(file, Reruns).reruns[0]
    assert first.how == "agent"
    assert first.same_source
    assert first.source_sha256 == submission.agent.source_sha256
    assert first.packages["numpy"]
    assert first.machine.cores >= 1


@pytest.mark.parametrize(
    "change",
    [
        {"agent": {"name": "mine"}},
        {"agent": {"entry_point": "mine:Agent"}},
        {"agent": {"parameters": {"epsilon": 0.1}}},
        {"agent": {"source_sha256": "0" * 64}},
        {"traces_sha256": "0" * 64},
    ],
    ids=str,
)
def test_a_copy_under_another_name_has_no_badge(reproduced, folder, submission, change):
    attest(reproduced, "Ann")
    record = json.loads((submission / "submission.json").read_text())
    edit(submission, **{k: record[k] | v if isinstance(v, dict) else v for k, v in change.items()})
    copy = read_model(submission / "submission.json", Submission)
    assert badge_of(copy) == "replayed"


def test_a_folder_cannot_award_itself_one(submission, folder):
    (submission / "run.json").unlink()
    (submission / f"{verify(submission).submission.traces_sha256}.json").write_text("{}")
    with pytest.raises(SubmissionError, match=r"holds '[0-9a-f]{64}\.json', which submission\.json does not list"):
        verify(submission)


def test_a_damaged_attestation(reproduced, folder):
    file = attest(reproduced, "Ann")
    file.write_text(file.read_text().replace('"by"', '"buy"'))
    with pytest.raises(SubmissionError, match=r"field reruns\.0\.buy: there is no such field; did you mean by"):
        badge_of(reproduced.submission)


def test_a_trace_that_the_agent_does_not_choose(submission):
    """The random agent's trace under the name of another: it replays, and does not come again."""
    agent = json.loads((submission / "submission.json").read_text())["agent"]
    edit(submission, agent=agent | {"name": "popular", "entry_point": "baselines.simple:PopularAgent"})
    assert verify(submission)
    with pytest.raises(ReplayMismatchError, match=r"training seed 0, episode 0, step 0: the agent now chooses item"):
        reproduce(submission, workers=1)


def test_the_oracle_as_a_competitor(one_task, tmp_path):
    """Its actions come again, and it reads hidden state all the same: no badge for a record that denies it."""
    run = tmp_path / "run"
    evaluate(Job("oracle", run), one_task, workers=1)
    record = json.loads((run / "submission.json").read_text())
    for fact, changes in (
        ("privileged", {"agent": record["agent"] | {"privileged": False},
                        "disclosure": record["disclosure"] | {"hidden_state": False}}),
        ("trains", {"agent": record["agent"] | {"trains": True}}),
        ("learns_from_log", {"agent": record["agent"] | {"learns_from_log": True}}),
    ):  # fmt: skip
        edit(run, **{"agent": record["agent"], "disclosure": record["disclosure"]} | changes)
        assert verify(run)
        with pytest.raises(ReplayMismatchError, match=f"says that {fact} of agent oracle is .*, and the agent says"):
            reproduce(run, workers=1)


@pytest.mark.parametrize(
    "value",
    [
        "openai:m@http://example.org/v1",
        ["a", {"b": "https://example.org"}],
        "/etc/x",
        "~/x",
        "../x",
        "C:\\x",
        "\\\\a\\b",
    ],
    ids=str,
)
def test_places_that_parameters_name_are_used_only_if_told(submission, value):
    """A maintainer's key would go to an address that a stranger chose; a cache would be written where they like."""
    agent = json.loads((submission / "submission.json").read_text())["agent"]
    edit(submission, agent=agent | {"parameters": {"model": value}})
    with pytest.raises(AgentError, match=r"an address or a path that its submission chose.*pass --run-command"):
        reproduce(submission, workers=1)
    with pytest.raises(AgentError, match="has no parameter 'model'"):
        reproduce(submission, workers=1, run_command=True)


def test_training_that_was_not_told(one_task, tmp_path):
    run = tmp_path / "run"
    evaluate(Job(f"{HERE}:Learner", run), one_task, workers=1)
    cells = json.loads((run / "submission.json").read_text())["cells"]
    told = cells[1]["spent"]
    assert told["episodes"] > 0
    cells[1]["spent"] = {"episodes": 0, "steps": 0}
    edit(run, cells=cells)
    assert verify(run)
    with pytest.raises(ReplayMismatchError, match=f"training seed 3: training now uses {told['episodes']} episodes"):
        reproduce(run, workers=1, isolate=False)


def test_a_trace_made_elsewhere_has_nothing_to_run(submission):
    agent = json.loads((submission / "submission.json").read_text())["agent"]
    edit(submission, agent=agent | {"entry_point": "trace:elsewhere"})
    with pytest.raises(AgentError, match="of agent random only a trace is here"):
        reproduce(submission, workers=1)


@pytest.mark.parametrize("entry_point", ["command:touch pwned", "http://127.0.0.1:9/agent"])
def test_what_a_submission_names_is_run_only_if_told(submission, entry_point, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    agent = json.loads((submission / "submission.json").read_text())["agent"]
    edit(submission, agent=agent | {"entry_point": entry_point, "name": "theirs"})
    with pytest.raises(AgentError, match=r"which its submission chose .*; read it, and pass --run-command if it may"):
        reproduce(submission, workers=1)
    assert not (tmp_path / "pwned").exists()
    with pytest.raises(AgentError) as told:
        reproduce(submission, workers=1, run_command=True)
    assert "--run-command" not in str(told.value)  # it was tried, and is no agent
    assert (tmp_path / "pwned").exists() == entry_point.startswith("command")


def test_rows_are_found_by_folder_version_and_hash(finished, tmp_path):
    record = tmp_path / "submissions"
    shutil.copytree(finished, record / "random" / "one")
    sha256 = json.loads((finished / "submission.json").read_text())["traces_sha256"]
    for row in (str(record / "random" / "one"), "random/one", sha256, sha256[:8]):
        assert find_row(row, record) == record / "random" / "one"
    for row in ("random", "random/two", "0" * 8, sha256[:4], "../one"):
        with pytest.raises(SubmissionError, match="names none in"):
            find_row(row, record)
    shutil.copytree(finished, record / "random" / "two")
    with pytest.raises(SubmissionError, match=r"names .*one and .*two; give a folder"):
        find_row(sha256[:8], record)


@pytest.fixture(scope="module")
def asked(one_task, tmp_path_factory):
    """The run of an agent that asked a language model, with all that goes with it; do not change it."""
    path = tmp_path_factory.mktemp("asked") / "run"
    task = one_task.tasks[0].model_copy(update={"episodes": 3})
    suite = one_task.model_copy(update={"tasks": (task,), "training_seeds": (0,), "track": "zero-shot"})
    evaluate(Job("act-only", path, {"window": 3, "shortlist": 4}, record=True), suite, workers=1)
    return path


def test_a_row_with_a_cassette_needs_no_model(asked, folder):
    done = reproduce(asked, workers=1)
    assert done.how == "cassette"
    attest(done, "Ann")
    assert [r.how for r in reruns_of(done.submission)] == ["cassette"]


def test_an_answer_that_was_changed(asked, tmp_path):
    run = shutil.copytree(asked, tmp_path / "run")
    file = run / "cassette.jsonl.gz"
    lines = gzip.decompress(file.read_bytes()).splitlines()
    replace(run, "cassette.jsonl.gz", gzip.compress(b"\n".join(lines[:2]) + b"\n"))
    assert verify(run)
    with pytest.raises(LongrecError, match="holds no answer"):
        reproduce(run, workers=1)


def test_no_cassette_where_there_is_none(finished):
    with pytest.raises(AgentError, match="holds no cassette; leave --cassette out"):
        reproduce(finished, cassette=True, workers=1)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("curve.json", b"{}x", "curve.json: Invalid JSON"),
        ("curve.json", b'{"training": 1}', "curve.json: field training"),
        ("transcript.jsonl", b'{"kind": "session"}\n', "transcript.jsonl, line 1"),
        ("transcript.jsonl", b"\xff\n", "transcript.jsonl cannot be read"),
        ("cassette.jsonl.gz", b"plain", "is no cassette"),
        ("cassette.jsonl.gz", gzip.compress(bytes(1000), mtime=0)[:-9], "is no cassette"),
        ("cassette.jsonl.gz", gzip.compress(bytes(70 << 20), 9, mtime=0), "unpacks to more than 64 MiB"),
    ],
)
def test_files_beside_the_trace_are_what_pages_can_read(asked, tmp_path, monkeypatch, name, content, text):
    monkeypatch.setattr("leaderboard.attached._UNPACKED", 64 << 20)
    run = shutil.copytree(asked, tmp_path / "run")
    replace(run, name, content)
    with pytest.raises(SubmissionError, match=text):
        verify(run)


def replace(run, name, content):
    """Another file, listed as such."""
    (run / name).write_bytes(content)
    files = json.loads((run / "submission.json").read_text())["files"]
    edit(run, files=files | {name: {"sha256": file_sha256(run / name), "bytes": len(content)}})
