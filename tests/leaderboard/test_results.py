"""Rows, submission folders and reproduction: what follows from replayed traces."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaderboard.board.summary import metric_sums
from leaderboard.evaluate.batch import Job, evaluate_all
from leaderboard.evaluate.learn import TrainingRecord, train_and_save
from leaderboard.files import file_sha256, read_model
from leaderboard.replay import verify
from leaderboard.reproduce import reproduce
from leaderboard.results import differences, return_sums, rows
from leaderboard.stats import difference, improvement
from leaderboard.submit import find, submit
from leaderboard.suites import custom_suite
from leaderboard.traces import read_trace, step_tags, write_trace
from recsim_envs.errors import AgentError, ConfigurationError, LongrecError, ReplayMismatchError, SubmissionError
from tests.leaderboard.conftest import ENV, HERE


@pytest.fixture(scope="module")
def runs(suite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    names = ("random", "oracle", "greedy-no-repeat")
    assert not evaluate_all([Job(n, folder / n) for n in names], suite, workers=1)
    return {n: verify(folder / n) for n in names}


def test_rows(runs, suite):
    made = rows(list(runs.values()))
    assert [(r.task, r.agent) for r in made] == [
        (t, n) for t in (0, 1) for n in ("greedy-no-repeat", "oracle", "random")
    ]
    for row in made:
        assert row.badge == "replayed"
        assert row.suite_hash == suite.hash
        assert row.privileged == row.disclosure.hidden_state == (row.agent == "oracle")
        assert row.metrics["R_traj"].value == pytest.approx(
            row.metrics["R_each"].value * row.metrics["Len"].value, rel=1e-9
        )
        assert sum(row.departures.values()) == pytest.approx(1)
        assert len(row.curve) == (20, 12)[row.task]
        assert sum(row.curve) == pytest.approx(row.metrics["Len"].value)
        assert row.spent.episodes == 0
    scores = {r.agent: r.metrics["score"].value for r in made if r.task == 0}
    assert scores["random"] == 0
    assert scores["oracle"] == 1
    assert 0 <= scores["greedy-no-repeat"] <= 1
    assert made[1].metrics["score"].note == "anchor of the scale"


def test_rows_do_not_depend_on_order(runs):
    chosen = list(runs.values())
    assert rows(chosen) == rows(chosen[::-1])


def test_no_score_without_anchors(runs):
    assert all("score" not in r.metrics for r in rows([runs["random"], runs["greedy-no-repeat"]]))


def claiming(replayed, path="other", **claims):
    """The same actions, under other claims about the agent."""
    submission = replayed.submission
    agent = submission.agent.model_copy(update=claims)
    return replace(replayed, path=Path(path), submission=submission.model_copy(update={"agent": agent}))


@pytest.mark.parametrize(
    "claims",
    [
        {"entry_point": "evil:X", "privileged": False},
        {"entry_point": "evil:X"},
        {"privileged": False},
        {"parameters": {"x": 1}},
    ],
)
def test_whoever_is_called_oracle_is_no_anchor(runs, claims):
    false = claiming(runs["oracle"], **claims)
    alone = rows([runs["random"], false, runs["greedy-no-repeat"]])
    assert all("score" not in row.metrics for row in alone)
    popular = claiming(runs["greedy-no-repeat"], **({"name": "oracle"} | claims))
    true = [*runs.values(), popular]
    scores = {r.version: r.metrics["score"].value for r in rows(true) if r.task == 0}
    assert scores["oracle"] == 1
    assert scores["other"] == scores["greedy-no-repeat"] < 1
    assert rows(true) == rows(true[::-1])


def test_two_anchors_of_one_suite_are_refused(runs):
    second = claiming(runs["greedy-no-repeat"], name="random", entry_point="baselines.simple:RandomAgent")
    for order in ([runs["random"], second], [second, runs["random"]]):
        with pytest.raises(SubmissionError, match=r"random and other|other and .*random") as caught:
            rows(order)
        assert "both the agent 'random' of one suite" in str(caught.value)


def test_another_hash_of_the_sources_is_no_other_run(runs):
    again = claiming(runs["greedy-no-repeat"], source_sha256="0" * 64)
    with pytest.raises(SubmissionError, match="are the same run"):
        rows([runs["greedy-no-repeat"], again])


def test_paired_difference(runs):
    found = difference(return_sums(runs["oracle"], 0), return_sums(runs["random"], 0))
    assert found.low > 0


def test_the_same_run_twice(runs):
    with pytest.raises(SubmissionError, match="are the same run; remove one of them"):
        rows([runs["random"], runs["random"]])


def test_submitting(finished, tmp_path):
    target = submit(finished, tmp_path / "to")
    assert target.parent == tmp_path / "to" / "random"
    assert target.name.startswith("tiny-suite-")
    assert sorted(p.name for p in target.iterdir()) == ["submission.json", "traces.parquet"]
    assert submit(finished, tmp_path / "to") == target
    assert find([tmp_path]) == find([target]) == [target]
    with pytest.raises(SubmissionError, match="nowhere does not exist"):
        find([tmp_path / "nowhere"])
    with pytest.raises(SubmissionError, match="holds no submission"):
        find([tmp_path / "to" / "random" / target.name / "submission.json"])


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def closed(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(SubmissionError, match="closed cannot be read: Permission denied; check its permissions"):
        find([tmp_path])


def test_nothing_unverified_is_submitted(submission, tmp_path):
    (submission / "traces.parquet").write_bytes(b"PAR1")
    with pytest.raises(SubmissionError):
        submit(submission, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_where_nothing_can_be_written(finished, tmp_path):
    (tmp_path / "to").touch()
    with pytest.raises(LongrecError, match="cannot write to"):
        submit(finished, tmp_path / "to")


def test_reproducing(finished):
    done = reproduce(finished, workers=1)
    assert done.same_source
    assert done.episodes == 70


def test_another_agents_actions_do_not_reproduce(suite, one_task, tmp_path):
    assert not evaluate_all([Job("popular", tmp_path / "run")], one_task, workers=1)
    file = tmp_path / "run" / "submission.json"
    record = json.loads(file.read_text())
    record["agent"] |= {"name": "best-rated", "entry_point": "baselines.simple:BestRatedAgent"}
    file.write_text(json.dumps(record))
    verify(tmp_path / "run")  # the actions are true; whose they are, replay cannot tell
    with pytest.raises(ReplayMismatchError, match=r"step \d+: the agent now chooses item \d+, the submission has \d+"):
        reproduce(tmp_path / "run", workers=1)


def test_training_and_saving(world_path, tmp_path):
    options = {"episodes": 12, "steps": None, "seed": 1, "out": tmp_path / "out"}
    record = train_and_save(f"{HERE}:Learner", {}, ENV, {"world": str(world_path)}, **options)
    assert record.spent.episodes == 12
    assert read_model(tmp_path / "out" / "training.json", TrainingRecord) == record
    assert (tmp_path / "out" / "agent" / "salt.json").exists()
    with pytest.raises(ConfigurationError, match="exists; choose a new folder"):
        train_and_save(f"{HERE}:Learner", {}, ENV, {}, **options)
    with pytest.raises(AgentError, match="has nothing to learn"):
        train_and_save("random", {}, ENV, {}, **options)


def test_rewriting_a_trace_keeps_its_bytes(finished, tmp_path):
    trace, _ = read_trace(finished / "traces.parquet", 100, 10_000)
    assert np.array_equal(trace.tags, step_tags(trace.episode_seed, trace.offsets, trace.actions, trace.rewards))
    write_trace(tmp_path / "again.parquet", trace)
    assert file_sha256(tmp_path / "again.parquet") == file_sha256(finished / "traces.parquet")


def test_differences_are_those_of_the_means_and_signed(runs, suite):
    one, other = runs["greedy-no-repeat"], runs["random"]
    found, back = differences(one, other), differences(other, one)
    assert {(d.task, d.metric) for d in found} >= {(t, m) for t in range(len(suite.tasks)) for m in ("Len", "R_traj")}
    for d, b in zip(found, back, strict=True):
        assert d.difference.value == pytest.approx(d.first - d.second)
        assert (d.first, d.second) == (b.second, b.first)
        assert d.improvement.value + b.improvement.value == pytest.approx(1.0)
        assert d.detectable == pytest.approx(b.detectable)
    length = next(d for d in found if d.metric == "Len")
    assert length.first == pytest.approx(one.outcomes[0].kept.mean())
    assert length.difference.low <= length.difference.value <= length.difference.high
    assert length.improvement == improvement(*(metric_sums(r.outcomes[0], r.submission)["Len"] for r in (one, other)))
    same = differences(one, one)
    assert all((d.difference.value, d.improvement.value, d.detectable) == (0.0, 0.5, None) for d in same)


def test_runs_of_different_suites_are_not_compared(runs, tmp_path):
    other = custom_suite(ENV, episodes=3, options={})
    assert not evaluate_all([Job("random", tmp_path / "other")], other, workers=1)
    with pytest.raises(SubmissionError, match="only runs of one suite can be compared"):
        differences(runs["random"], verify(tmp_path / "other"))
