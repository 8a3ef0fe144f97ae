"""What is of record: submissions replay to what they claim, attestations and seasons are what was published."""

from __future__ import annotations

from pathlib import Path

import pytest

import leaderboard
from leaderboard import reruns, seasons
from leaderboard.files import read_model
from leaderboard.folder import check_folder, strays
from leaderboard.replay import verify
from leaderboard.schema import Reruns, Submission

ROOT = Path(leaderboard.__file__).parent / "submissions"
RECORD = sorted(p.parent for p in ROOT.rglob("submission.json"))


def test_there_are_some_and_nothing_else():
    assert RECORD
    assert strays(ROOT) == []


@pytest.mark.parametrize("folder", RECORD, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_each_replays_to_what_it_claims(folder: Path):
    replayed = verify(folder)  # raises SubmissionError at the first action, reward or end that does not fit
    check_folder(folder, replayed.submission, strict=True)
    assert sum(outcomes.ends.size for outcomes in replayed.outcomes) == replayed.submission.suite.episodes


def test_attestations_are_whole_and_of_a_submission_of_record():
    for file in reruns.FOLDER.glob("*.json"):
        attested = read_model(file, Reruns)
        assert attested.traces_sha256 == file.stem
        folders = [folder for folder in RECORD if folder.name.endswith(file.stem[:8])]
        claims = {reruns.claims_hash(read_model(folder / "submission.json", Submission)) for folder in folders}
        assert claims & {rerun.claims_sha256 for rerun in attested.reruns}


def test_seasons_are_whole():
    for name in seasons.season_names():
        season = seasons.read_season(name)
        assert season.salt is None or seasons.shared_seeds(season.suite, season.bound_suite(season.salt)) == 0
