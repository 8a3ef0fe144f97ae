"""The submissions of record, replayed: a figure on a page that rests on one of them is that of its actions."""

from __future__ import annotations

from pathlib import Path

import pytest

import leaderboard
from leaderboard.replay import verify

RECORD = sorted(p.parent for p in (Path(leaderboard.__file__).parent / "submissions").rglob("submission.json"))


def test_there_are_some():
    assert RECORD


@pytest.mark.parametrize("folder", RECORD, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_each_replays_to_what_it_claims(folder: Path):
    replayed = verify(folder)  # raises SubmissionError at the first action, reward or end that does not fit
    assert sum(outcomes.ends.size for outcomes in replayed.outcomes) == replayed.submission.suite.episodes
    assert folder.parent.name == replayed.submission.agent.name
