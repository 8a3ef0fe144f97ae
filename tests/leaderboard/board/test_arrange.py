"""Rows in their tables: the right ones together, always in the same order, each with a name of its own."""

from __future__ import annotations

import itertools
from pathlib import Path

from leaderboard.board.arrange import board_of
from leaderboard.board.model import Reported, Section
from leaderboard.schema import Estimate, LogRecord, Rank, World, json_hash
from tests.leaderboard.fake_rows import fake_row, fake_rows


def names(section: Section) -> list[str]:
    return [entry.row.agent for entry in section.entries]


def test_the_order_of_rows_changes_nothing() -> None:
    rows = fake_rows()
    one, other = board_of(rows), board_of(rows[7:] + rows[:7][::-1])
    assert one.key == other.key
    assert one.rows == other.rows
    assert [e.id for s in one.sections for e in s.entries] == [e.id for s in other.sections for e in s.entries]


def test_rows_are_compared_only_inside_suite_task_options_world_and_log() -> None:
    rows = [
        fake_row("greedy"),
        fake_row("random"),
        fake_row("greedy", 1),
        fake_row("greedy", suite_hash=json_hash("another")),
        fake_row("greedy", world=World(name="games", sha256=json_hash("tampered"))),
        fake_row("greedy", options={"protocol": "NX_0"}),
        fake_row("greedy", log=LogRecord(name="mixed", sha256=json_hash("log"), sessions=9, steps=90)),
    ]
    board = board_of(rows)
    assert sorted(len(section.entries) for section in board.sections) == [1, 1, 1, 1, 1, 2]
    assert len({section.id for section in board.sections}) == 6
    assert len(board.suites) == 2


def test_tiers_order_rows_and_labels_order_a_tier() -> None:
    def tiered(agent: str, tier: int | None, value: float = 0.5):
        metrics = {"score": Estimate(value=value, low=value, high=value)}
        return fake_row(agent, metrics=metrics, tier=tier, rank=Rank(low=1, high=4) if tier else None)

    rows = [
        tiered("a2c", 2),
        tiered("ppo", 1, 0.1),
        tiered("dqn", 1, 0.9),
        tiered("billp", None),
        tiered("oracle", None),
    ]
    section = board_of(rows).sections[0]
    assert names(section) == ["dqn", "ppo", "a2c", "billp", "oracle"]  # inside tier 1 by name, whatever the figures
    assert [entry.row.agent for entry in section.apart] == ["oracle"]


def test_without_scores_return_leads() -> None:
    assert board_of(fake_rows()).sections[0].lead == "score"
    rows = [row.model_copy(update={"metrics": {"R_traj": Estimate(value=1.0)}}) for row in fake_rows()]
    assert board_of(rows).sections[0].lead == "R_traj"


def test_labels_are_as_short_as_they_can_be() -> None:
    rows = [
        fake_row("greedy"),
        fake_row("ppo", parameters={"lr": 0.1}, version="a"),
        fake_row("ppo", parameters={"lr": 0.2}, version="a"),
        fake_row("ppo", parameters={"lr": 0.2}, version="b"),
        fake_row("billp", parameters={}),
        fake_row("billp", parameters={"model": "scripted"}, version="a"),
        fake_row("billp", parameters={"model": "hf:tiny"}, version="a"),
        fake_row("billp", parameters={"model": "hf:tiny", "window": 3}, version="b"),
        fake_row("react", parameters={"model": {"of": "the world"}}),
    ]
    assert {entry.label for entry in board_of(rows).sections[0].entries} == {
        "greedy", "ppo (lr=0.1)", "ppo (lr=0.2) [a]", "ppo (lr=0.2) [b]", "billp", "billp on scripted",
        "billp on hf:tiny", "billp on hf:tiny (window=3)", "react",
    }  # fmt: skip


def test_ids_are_unique_safe_and_the_same_for_one_agent() -> None:
    hostile = fake_row("greedy", version="../../etc/<script>", parameters={"x": "'\"&<"})
    board = board_of([*fake_rows(), hostile])
    entries = [entry for section in board.sections for entry in section.entries]
    assert len({entry.id for entry in entries}) == len(entries)
    assert all(
        set(e.id + e.agent_id) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_+")
        for e in entries
    )
    by_agent = itertools.groupby(sorted(entries, key=lambda e: e.agent_id), lambda e: e.agent_id)
    assert all(len({(e.row.agent, str(e.row.parameters)) for e in group}) == 1 for _, group in by_agent)
    assert len({entry.agent_id for entry in entries}) == 12


def test_keys_follow_what_is_shown() -> None:
    rows = fake_rows()
    before = board_of(rows)
    changed = [rows[0].model_copy(update={"dirty": True}), *rows[1:]]
    after = board_of(changed)
    assert before.key != after.key
    keys = [{e.key for s in board.sections for e in s.entries} for board in (before, after)]
    assert len(keys[0] - keys[1]) == 1
    assert before.sections[1].key == after.sections[1].key
    assert board_of(rows, [Reported(path="x", reason="no world")]).key != before.key


def test_causes_are_listed_by_how_often_they_occur_and_stays_last() -> None:
    rows = [fake_row(a, departures=d) for a, d in (("greedy", {"bored": 0.4, "horizon": 0.6}), ("ppo", {"tired": 1.0}))]
    section = board_of(rows).sections[0]
    assert section.causes == ("tired", "bored", "horizon")
    assert section.stays == {"horizon"}


def test_an_empty_board_and_a_board_of_rows_alone(tmp_path: Path) -> None:
    assert board_of([]).rows == []
    entry = board_of(fake_rows()).sections[0].entries[0]
    assert entry.submission is None
    assert entry.lives() is None
    assert entry.transcript() == []
    assert board_of(fake_rows()).sections[0].pairs == {}
