"""Traces made elsewhere: a table of actions becomes a submission that replays, or an error says what is missing."""

from __future__ import annotations

import polars as pl
import pytest

from leaderboard.agents import ELSEWHERE
from leaderboard.elsewhere import import_trace
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.replay import verify
from leaderboard.reproduce import reproduce
from leaderboard.schema import SpentBudget, Suite, Task
from leaderboard.traces import read_trace
from recsim_envs.errors import AgentError, SubmissionError
from tests.leaderboard.slates import SLATES, register


@pytest.fixture(scope="module")
def table(finished) -> pl.DataFrame:
    """What the random agent of `finished` did, as anyone might write it down."""
    trace = read_trace(finished / "traces.parquet", 1000)[0]
    rows = [
        (int(trace.task[i]), int(trace.training_seed[i]), int(trace.episode[i]), step, int(item))
        for i in range(len(trace))
        for step, item in enumerate(trace.slates(i)[:, 0])
    ]
    return pl.DataFrame(rows, ("task", "training_seed", "episode", "step", "action"), orient="row")


WRITE = {"csv": "write_csv", "jsonl": "write_ndjson", "parquet": "write_parquet"}


@pytest.mark.parametrize("kind", list(WRITE))
def test_a_table_becomes_the_run_that_it_came_from(finished, suite, table, tmp_path, kind):
    file = tmp_path / f"actions.{kind}"
    getattr(table.sample(fraction=1.0, shuffle=True, seed=1), WRITE[kind])(file)
    run = import_trace(file, "somebody", suite, tmp_path / "run", spent=SpentBudget(episodes=3, steps=40))
    assert (run / "traces.parquet").read_bytes() == (finished / "traces.parquet").read_bytes()
    submission = verify(run).submission
    assert (submission.agent.name, submission.agent.entry_point) == ("somebody", ELSEWHERE)
    assert submission.agent.trains
    assert {cell.spent for cell in submission.cells} == {SpentBudget(episodes=3, steps=40)}
    before = (run / "submission.json").read_bytes()
    import_trace(file, "somebody", suite, tmp_path / "run", spent=SpentBudget(episodes=3, steps=40))
    assert (run / "submission.json").read_bytes() == before


def test_nobody_can_run_it_again(suite, table, tmp_path):
    table.write_csv(tmp_path / "actions.csv")
    run = import_trace(tmp_path / "actions.csv", "somebody", suite, tmp_path / "run", hidden_state=True)
    assert verify(run).submission.disclosure.hidden_state
    with pytest.raises(AgentError, match="only a trace is here, made elsewhere; there is nothing to run again"):
        reproduce(run)
    with pytest.raises(AgentError, match="only its trace was submitted, made elsewhere"):
        evaluate(Job(ELSEWHERE, tmp_path / "again"), suite)


def drop(step):
    return lambda t: t.filter(~((pl.col("episode") == 3) & (pl.col("task") == 0) & (pl.col("step") == step)))


def extra(**row):
    other = {"task": 0, "training_seed": 0, "episode": 3, "step": 500, "action": 1} | row
    return lambda t: pl.concat([t, pl.DataFrame([other])])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.drop("action"), "has no column 'action'"),
        (lambda t: t.drop("task"), "has no column 'task'"),
        (lambda t: t.with_columns(step=pl.lit("first")), "must be whole numbers"),
        (lambda t: t.with_columns(action=pl.lit("x")), "every action must be one item"),
        (lambda t: t.filter(pl.col("episode") != 3), "task 0, training seed 0: episode 3 is missing"),
        (lambda t: t.filter(pl.col("training_seed") != 3), "training seed 3: episode 0 is missing"),
        (drop(0), "episode 3: its steps must be 0, 1, 2, ..., each once; there is 1 in the place of 0"),
        (extra(step=0), "episode 3: its steps must be 0, 1, 2, ..., each once; there is 0 in the place of 1"),
        (extra(episode=999, step=0), "episode 999 is not asked for"),
        (extra(episode=-1, step=0), "episode -1 is not asked for"),
        (extra(task=7), "task 7 under training seed 0 is not part of tiny-suite"),
        (extra(training_seed=9), "task 0 under training seed 9 is not part of tiny-suite"),
        (lambda t: t.with_columns(action=pl.lit(10**6)), "seed 0, episode 0, step 0: action 1000000 is out of range"),
        (lambda t: t.with_columns(action=pl.lit(-1)), "action -1 is out of range; items are 0"),
        (lambda t: t.with_columns(action=pl.lit(1.5)), r"row 0 \(from 0\): action must be a whole number, and is 1.5"),
        (lambda t: t.with_columns(action=pl.lit(None, pl.Int64)), r"row 0 \(from 0\): action is empty"),
        (lambda t: t.with_columns(step=pl.lit(None, pl.Int64)), r"row 0 \(from 0\): step is empty"),
    ],
)
def test_tables_that_are_none(suite, table, tmp_path, change, text):
    change(table).write_parquet(tmp_path / "actions.parquet")
    with pytest.raises((SubmissionError, AgentError), match=text):
        import_trace(tmp_path / "actions.parquet", "somebody", suite, tmp_path / "run")


def test_sessions_must_be_whole(suite, table, tmp_path):
    of_three = (pl.col("task") == 0) & (pl.col("training_seed") == 0) & (pl.col("episode") == 3)
    length = table.filter(of_three).height
    shorter = table.filter(~(of_three & (pl.col("step") == length - 1)))
    shorter.write_csv(tmp_path / "short.csv")
    with pytest.raises(AgentError, match=rf"training seed 0: episode 3 .*step {length - 1}"):
        import_trace(tmp_path / "short.csv", "somebody", suite, tmp_path / "short")
    extra(step=length)(table).write_csv(tmp_path / "long.csv")
    with pytest.raises(SubmissionError, match=rf"episode 3 ends at step {length - 1} by '.*', and the table goes on"):
        import_trace(tmp_path / "long.csv", "somebody", suite, tmp_path / "long")


def test_files_and_names_that_are_none(suite, tmp_path):
    with pytest.raises(SubmissionError, match="does not exist"):
        import_trace(tmp_path / "actions.csv", "somebody", suite, tmp_path / "run")
    for name, text in (("actions.csv", "cannot be read"), ("actions.xlsx", "is read by its ending")):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(SubmissionError, match=text):
            import_trace(tmp_path / name, "somebody", suite, tmp_path / name.replace(".", "-"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SubmissionError, match=r"folder\.csv cannot be read: Is a directory"):
        import_trace(tmp_path / "folder.csv", "somebody", suite, tmp_path / "folder")
    with pytest.raises(SubmissionError, match=r"agent '\.\./x' cannot be stored"):
        import_trace(tmp_path / "actions.csv", "../x", suite, tmp_path / "run")


def test_slates_are_lists_or_texts(tmp_path):
    register()
    suite = Suite(name="slates", track="zero-shot", training_seeds=(0,), tasks=(Task(env_id=SLATES, episodes=3),))
    evaluate(Job("random", tmp_path / "random"), suite, workers=1)
    trace = read_trace(tmp_path / "random" / "traces.parquet", 3)[0]
    rows = [(i, step, slate.tolist()) for i in range(3) for step, slate in enumerate(trace.slates(i))]
    lists = pl.DataFrame(rows, ("episode", "step", "action"), orient="row")  # one task, one training seed
    lists.write_parquet(tmp_path / "slates.parquet")
    texts = lists.with_columns(pl.col("action").cast(pl.List(pl.String)).list.join(" "))
    texts.write_csv(tmp_path / "slates.csv")
    for name in ("slates.parquet", "slates.csv"):
        run = import_trace(tmp_path / name, "somebody", suite, tmp_path / name.replace(".", "-"))
        assert (run / "traces.parquet").read_bytes() == (tmp_path / "random" / "traces.parquet").read_bytes()
    texts.with_columns(action=pl.lit("1 2")).write_csv(tmp_path / "short.csv")
    with pytest.raises(SubmissionError, match="every action must be a list of 3 items"):
        import_trace(tmp_path / "short.csv", "somebody", suite, tmp_path / "short")
