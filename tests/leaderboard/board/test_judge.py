"""Scores, tiers and comparisons of a section, and of a suite as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaderboard.board.build import make
from leaderboard.board.cached import summaries
from leaderboard.board.groups import groups
from leaderboard.board.judge import table
from leaderboard.board.model import Board
from leaderboard.board.overall import _whose_users, overall
from leaderboard.board.store import Store
from leaderboard.board.summary import Summary
from leaderboard.stats import Sums, aggregate, difference, influence, score, suites_scores
from leaderboard.submit import find
from recsim_envs.errors import SubmissionError
from tests.leaderboard.fake_rows import fake_row


@pytest.fixture(scope="module")
def board(submitted: Path, warm: Path) -> Board:
    return make(find([submitted]), cache=warm / "cache", workers=1)[0]


@pytest.fixture(scope="module")
def found(submitted: Path, warm: Path) -> list[Summary]:
    return [
        s for s in summaries(find([submitted]), Store(warm / "cache" / "replays")).values() if isinstance(s, Summary)
    ]


def test_scores_are_those_of_stats_and_the_anchors_are_exact(board: Board, found: list[Summary]) -> None:
    by_agent = {s.submission.agent.name: s for s in found}
    for section in board.sections:
        task = section.first.task
        ends = [by_agent[name].sums(task, ["R_traj"])[0] for name in ("random", "oracle")]
        for entry in section.entries:
            shown = entry.row.metrics["score"]
            if entry.row.agent in ("random", "oracle"):
                assert (shown.value, shown.note) == (float(entry.row.agent == "oracle"), "anchor of the scale")
            else:
                assert shown == score(by_agent[entry.row.agent].sums(task, ["R_traj"])[0], *ends)


def test_those_who_read_hidden_state_have_no_tier(board: Board) -> None:
    for section in board.sections:
        assert [entry.row.agent for entry in section.apart] == ["oracle"]
        assert section.apart[0].row.tier is section.apart[0].row.rank is None
        for entry in section.ranked:
            assert entry.row.tier
            assert entry.row.rank
            assert 1 <= entry.row.rank.low <= entry.row.rank.high <= len(section.ranked)


def test_pairs_stand_in_the_order_of_entries_and_agree_with_paired_differences(
    board: Board, found: list[Summary]
) -> None:
    by_agent = {s.submission.agent.name: s for s in found}
    for section in board.sections:
        pairs, lead = section.pairs["R_each"], section.pairs["score"]
        values = [entry.row.metrics["score"].value for entry in section.entries]
        assert np.allclose(lead.value, np.subtract.outer(values, values), atol=1e-5)
        assert not lead.separate[-1].any()
        assert np.isnan(lead.p[-1]).all()
        for i, one in enumerate(section.entries):
            for j, other in enumerate(section.entries):
                task = section.first.task
                sums = [by_agent[e.row.agent].sums(task, ["R_each"])[0] for e in (one, other)]
                wanted = difference(*sums)
                assert wanted is not None
                assert pairs.value[i, j] == pytest.approx(wanted.value, abs=1e-5)
    tiers = [entry.row.tier for entry in board.sections[0].ranked]
    apart = board.sections[0].pairs["score"].separate
    assert all(not apart[i, j] for i, a in enumerate(tiers) for j, b in enumerate(tiers) if a == b)


def test_a_suite_of_two_tasks_has_standings(board: Board, found: list[Summary]) -> None:
    by_agent = {s.submission.agent.name: s for s in found}
    standings = board.suites[0].standings
    assert {s.entries[0].row.agent for s in standings} == {"random", "oracle", "greedy", "greedy-no-repeat"}
    returns = {name: [s.sums(task, ["R_traj"])[0] for task in (0, 1)] for name, s in by_agent.items()}
    for standing in standings:
        name = standing.entries[0].row.agent
        assert [entry.row.task for entry in standing.entries] == [0, 1]
        (scores,) = suites_scores([returns[name]], returns["random"], returns["oracle"], users=(0, 0))
        assert scores is not None
        assert standing.aggregate == aggregate(scores)
        assert (standing.tier is None) == (name == "oracle")
    assert standings[-1].entries[0].row.agent == "oracle"


def test_kept_comparisons_are_the_fresh_ones(found: list[Summary], warm: Path) -> None:
    store = Store(warm / "cache" / "comparisons")
    for group in groups(found):
        kept, fresh = table(group, store), table(group)
        assert kept.rows == fresh.rows
        assert kept.pairs.keys() == fresh.pairs.keys()
        for name, of in kept.pairs.items():
            assert np.array_equal(of.value, fresh.pairs[name].value, equal_nan=True)
            assert np.array_equal(of.separate, fresh.pairs[name].separate)
    (kept,), (fresh,) = overall(groups(found), store).values(), overall(groups(found)).values()
    assert [(o.aggregate, o.profile, o.tier, o.rank) for o in kept] == [
        (o.aggregate, o.profile, o.tier, o.rank) for o in fresh
    ]


def test_who_joins_leaves_the_influences_of_others_as_they_were(
    found: list[Summary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "comparisons")
    for group in groups([s for s in found if s.submission.agent.name != "greedy"], store):
        assert group.influences
    made: list[Sums] = []
    monkeypatch.setattr("leaderboard.board.groups.influence", lambda *of: made.append(of[0]) or influence(*of))
    kept = [group.influences for group in groups(found, store)]
    assert len(made) == len(kept)  # of greedy, in each section
    for mine, group in zip(kept, groups(found), strict=True):
        for one, other in zip(mine, group.influences, strict=True):
            assert np.array_equal(one.users, other.users)
            rest = ("value", "blocks", "seeds", "num_seeds", "stream")
            assert [getattr(one, name) for name in rest] == [getattr(other, name) for name in rest]


def test_tasks_of_one_environment_share_their_users() -> None:
    rows = [fake_row("random", task) for task in (0, 1, 0)]  # Games, Books, and Games with other options
    assert _whose_users(rows) == [0, 1, 0]
    assert _whose_users([*rows[:2], rows[2].model_copy(update={"episodes": rows[2].episodes + 1})]) is None
    elsewhere = rows[2].world.model_copy(update={"sha256": "0" * 64})
    assert _whose_users([*rows[:2], rows[2].model_copy(update={"world": elsewhere})]) == [0, 1, 2]


def test_without_both_anchors_return_tells_rows_apart(found: list[Summary]) -> None:
    some = [s for s in found if s.submission.agent.name != "oracle"]
    for group in groups(some):
        assert group.scale is None
        assert "R_traj" in table(group).pairs
        assert all("score" not in row.metrics for row in table(group).rows)
        assert all(row.tier for row in table(group).rows)
    assert overall(groups(some)) == {}


def test_of_two_who_claim_an_end_of_the_scale_the_one_that_was_re_run_is_it(
    found: list[Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    random, greedy = (next(s for s in found if s.submission.agent.name == name) for name in ("random", "greedy"))
    claim = greedy.submission.model_copy(update={"agent": random.submission.agent})
    false = replace(greedy, path=Path("false"), submission=claim)
    with pytest.raises(SubmissionError, match="both the agent 'random'"):
        groups([*found, false])
    monkeypatch.setattr("leaderboard.board.row.badge_of", lambda s: "re-run" if s is random.submission else "replayed")
    for group in groups([*found, false]):
        assert group.bottom is not None
        assert group.members[group.bottom].summary is random
        assert group.members[group.bottom].row.badge == "re-run"
