"""Hundreds of generated corruptions of a valid submission: each is detected, or changes nothing that counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from leaderboard.replay import verify
from leaderboard.reruns import claims_hash
from leaderboard.verification import verify_all
from tests.leaderboard import corruptions

DAMAGE = (
    corruptions.trace_edits()
    | corruptions.file_damage()
    | corruptions.tables()
    | corruptions.jsons()
    | corruptions.flips("traces.parquet", 60)
)
TOLD = {
    "created", "command", "packages", "commit", "dirty", "machine", "wall_seconds", "working_seconds", "disclosure",
    "isolation", "configuration", "seeds", "prices_sha256", "contact", "cells", "agent",
}  # fmt: skip
"""What replay cannot tell: claims about how a run was made. They are shown as such, and no figure rests on them."""


@pytest.fixture
def valid(finished, tmp_path) -> Path:
    """A submission as it lies in a repository."""
    folder = tmp_path / "submissions" / "random" / "tiny-suite-1"
    folder.mkdir(parents=True)
    for name in ("submission.json", "traces.parquet"):
        shutil.copyfile(finished / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def whole(finished):
    """What the submission is, replayed."""
    return verify(finished)


def judged(folder: Path):
    """The verdict of `longrec verify --strict`, in this process."""
    [verdict] = verify_all([folder], strict=True, workers=1)
    return verdict


def test_the_original_passes(valid):
    assert judged(valid).status == "replayed"


def test_there_are_more_than_two_hundred():
    assert len(DAMAGE) >= 200


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_detected(valid, name):
    DAMAGE[name](valid)
    there = valid if valid.parent.exists() else valid.parent.with_name("other") / valid.name
    verdict = judged(there)
    assert verdict.status == "failed"
    assert verdict.error
    assert verdict.error.isprintable()
    assert len(verdict.error) < 2000


def harmless(folder: Path, whole) -> None:
    """A claim about how the run was made was changed. No figure is another, and no attestation fits it any more."""
    found = verify(folder)
    for one, other in zip(found.outcomes, whole.outcomes, strict=True):
        assert np.array_equal(one.rewards, other.rewards)
        assert np.array_equal(one.items, other.items)
        assert np.array_equal(one.users, other.users)
    was, now = (s.model_dump() for s in (whole.submission, found.submission))
    for suite in (was["suite"], now["suite"]):
        suite.pop("description")  # no hash and no seed hangs on it
    assert {key for key in was if was[key] != now[key]} <= TOLD
    for one, other in zip(found.submission.cells, whole.submission.cells, strict=True):
        assert (one.spent, one.lost.sessions) == (other.spent, other.lost.sessions)
    if found.submission.agent != whole.submission.agent:
        assert claims_hash(found.submission) != claims_hash(whole.submission)


def test_every_field_with_every_value(valid, whole):
    original = (valid / "submission.json").read_bytes()
    tried = corruptions.fields(json.loads(original)) | corruptions.flips("submission.json", 100)
    statuses = []
    for change in tried.values():
        change(valid)
        verdict = judged(valid)
        statuses.append(verdict.status)
        assert verdict.error.isprintable()
        if verdict.status == "replayed":
            harmless(valid, whole)
        (valid / "submission.json").write_bytes(original)
    assert len(statuses) > 500
    assert statuses.count("failed") > 0.7 * len(statuses)
