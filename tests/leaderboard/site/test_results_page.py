"""The page of a suite's results, from rows that were made up."""

from __future__ import annotations

import pytest

from leaderboard.board.arrange import board_of
from leaderboard.power import WHOLE, Power
from leaderboard.schema import Suite, Task
from leaderboard.site.results import results
from tests.leaderboard.fake_rows import fake_row

SUITE = Suite(
    name="smoke-v1",
    training_seeds=(0, 1),
    tasks=(Task(env_id="longrec/Games-v0", episodes=100), Task(env_id="longrec/Books-v0", episodes=100)),
)


def rows():
    """Of two agents in both environments, and of one in the second only."""
    found = [fake_row(agent, task) for agent in ("random", "oracle") for task in (0, 1)] + [fake_row("billp", 1)]
    return [row.model_copy(update={"suite_hash": SUITE.hash}) for row in found]


@pytest.fixture(scope="module")
def page() -> str:
    return results(board_of(rows()), SUITE)


def test_agents_stand_by_how_much_they_have_run(page):
    table = page.split("## Scores by environment")[1].split("###")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[1:]] == ["random", "billp", "oracle"]
    assert all(line.count("|") == 4 for line in lines)


def test_it_says_what_is_not_there(page):
    missing = page.split("## What is not there")[1]
    assert missing.strip().splitlines()[-1].endswith(": Games")
    assert "random" not in missing
    assert "calls" in page


def test_it_says_what_the_suite_can_tell_apart(page):
    assert "tell apart" not in page
    lines = [Power("Games-v0", 200, 190, 0.053, 0.203, 0.474, 1223), Power(WHOLE, 2800, 10, 0.022, 0.033, 1.0, None)]
    part = results(board_of(rows()), SUITE, lines).split("## What it can tell apart")[1].split("## ")[0]
    assert "| Games-v0 | 200 | 190 | 0.053 | 0.203 | 47\N{NO-BREAK SPACE}% | 1,223 |" in part
    assert f"| {WHOLE} | 2,800 | 10 | 0.022 | 0.033 | 100\N{NO-BREAK SPACE}% | more seeds |" in part
    assert "the worst of 10\N{NO-BREAK SPACE}pairs needs 0.033" in part


def test_a_board_without_the_suite_has_no_results():
    assert "No submissions yet." in results(board_of([fake_row()]), SUITE)


def test_the_same_board_gives_the_same_text(page):
    assert results(board_of(rows()), SUITE) == page
