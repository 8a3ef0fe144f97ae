"""Parts of a suite that share its users: an agent that refuses one environment stands in the tables of the others."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from leaderboard.board.arrange import arrange
from leaderboard.board.groups import groups
from leaderboard.board.judge import table
from leaderboard.board.overall import overall
from leaderboard.board.summary import summarise
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.replay import verify
from leaderboard.results import differences
from leaderboard.schema import Suite
from leaderboard.suites import builtin_suites, part
from leaderboard.sweep.expand import expand
from leaderboard.sweep.schema import SweepFile
from recsim_envs.errors import ConfigurationError, SubmissionError


@pytest.fixture(scope="module")
def shared(suite: Suite) -> Suite:
    """Its tasks share users, and can be taken together because they have as many sessions of them."""
    tasks = tuple(task.model_copy(update={"episodes": 10}) for task in suite.tasks)
    return suite.model_copy(update={"name": "tiny-shared", "parts": "shared", "tasks": tasks})


def one_task(suite: Suite, task: int) -> Suite:
    """As `part` makes it; the tiny suite has one environment, so that cannot choose."""
    chosen = {"name": f"{suite.name}-{task}", "tasks": (suite.tasks[task],), "parts": None, "whole": suite}
    return Suite.model_validate(suite.model_dump() | chosen)


@pytest.fixture(scope="module")
def runs(shared, tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("parts"), {}
    for agent, chosen in (("random", shared), ("oracle", shared), ("greedy", one_task(shared, 1))):
        evaluate(Job(agent, folder / agent), chosen, workers=1)
        made[agent] = verify(folder / agent)
    return made


@pytest.fixture(scope="module")
def board(runs):
    return groups([summarise(run, agent, lives=True) for agent, run in runs.items()])


def test_rows_of_a_part_stand_in_the_tables_of_its_suite(board, shared):
    agents = [[member.row.agent for member in group.members] for group in board]
    assert agents == [["oracle", "random"], ["greedy", "oracle", "random"]]
    assert {member.row.suite_hash for group in board for member in group.members} == {shared.hash}
    assert [group.members[0].row.task for group in board] == [0, 1]
    assert table(board[1]).rows[0].metrics["score"].value < 1


def test_all_meet_the_same_users(board):
    users = [member.returns.denominator.sum(axis=0).tolist() for member in board[1].members]
    assert users[0] == users[1] == users[2]


def test_what_is_told_of_a_part_is_that_of_its_own_task(board):
    entries = arrange([table(group) for group in board]).suites[0].sections[1].entries
    greedy = next(entry for entry in entries if entry.row.agent == "greedy")
    assert (greedy.row.task, greedy.task) == (1, 0)
    assert greedy.lives().horizon == 12  # that of the second task


def test_a_part_has_no_place_in_the_whole(board, shared):
    standings = overall(board)[shared.hash]
    assert sorted(of.summary.submission.agent.name for of in standings) == ["oracle", "random"]


def test_parts_are_compared_on_the_tasks_that_both_have_run(runs, shared, tmp_path):
    found = {d.metric: d for d in differences(runs["greedy"], runs["oracle"])}
    assert {d.task for d in found.values()} == {1}
    assert found["R_traj"].second == pytest.approx(runs["oracle"].outcomes[1].returns.mean())
    evaluate(Job("popular", tmp_path / "popular"), one_task(shared, 0), workers=1)
    with pytest.raises(SubmissionError, match="parts of suite tiny-shared that share no task"):
        differences(runs["greedy"], verify(tmp_path / "popular"))


@pytest.mark.parametrize(
    "change",
    [
        {"training_seeds": (0, 4)},
        {"track": "online"},
        {"limit": {"episodes": 5}},
        {"tasks": [{"env_id": "longrec/Books-v0", "episodes": 10}]},
        {"parts": "shared"},
    ],
)
def test_nobody_claims_to_be_a_part_of_what_it_is_not(shared, change):
    with pytest.raises(ValidationError, match="whole is not a suite that this one is a part of"):
        Suite.model_validate(one_task(shared, 1).model_dump() | change)


def test_suites_with_users_of_their_own_parts_have_none(suite):
    with pytest.raises(ValidationError, match="whole is not a suite"):
        one_task(suite, 1)
    scarce = part(builtin_suites()["scarce-v1"], "longrec/Games-v0")
    assert (scarce.whole, scarce.seed_name) == (None, "scarce-v1-Games-v0")


def test_parts_of_one_environment_and_of_several():
    whole = builtin_suites()["longrec-v1"]
    one, two = part(whole, "longrec/Videos-v0"), part(whole, "longrec/Session-v0", "longrec/Videos-v0")
    assert (one.name, one.numbers, two.numbers) == ("longrec-v1-Videos-v0", (2,), (2, 11))
    assert two.name == part(whole, "longrec/Videos-v0", "longrec/Session-v0").name
    assert {one.seed_name, two.seed_name, whole.seed_name} == {"longrec-v1"}
    with pytest.raises(ConfigurationError, match=r"no environment 'longrec/Video-v0'; did you mean longrec/Videos-v0"):
        part(whole, "longrec/Video-v0")


def test_sweeps_run_parts():
    file = {"name": "s", "agents": ["greedy"], "suites": [{"suite": "longrec-v1", "env_ids": ["longrec/Videos-v0"]}]}
    runs = expand(SweepFile.model_validate(file), "file").runs
    assert [run.plan.suite for run in runs] == [part(builtin_suites()["longrec-v1"], "longrec/Videos-v0")]
