"""Summaries: from the cache where nothing changed, else by replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaderboard.board import cached
from leaderboard.board.cached import summaries
from leaderboard.board.store import Store
from leaderboard.board.summary import Summary, metric_sums, summarise
from leaderboard.metrics import METRICS
from leaderboard.replay import verify
from leaderboard.submit import find
from recsim_envs.errors import LongrecError, ReplayMismatchError, SubmissionError


def good(folders: list[Path], cache: Path) -> list[Summary]:
    found = summaries(folders, Store(cache / "replays"), workers=1)
    errors = [s for s in found.values() if isinstance(s, LongrecError)]
    assert not errors
    return [s for s in found.values() if isinstance(s, Summary)]


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that are replayed from now on."""
    asked: list[Path] = []
    monkeypatch.setattr(cached, "verify", lambda path: asked.append(path) or verify(path))
    return asked


def of_agent(folder: Path, agent: str) -> Path:
    return next(path for path in find([folder]) if path.parent.name == agent)


def test_a_second_build_replays_nothing_and_finds_the_same(submitted: Path, cache: Path, replays: list[Path]) -> None:
    found = good(find([submitted]), cache)
    assert replays == []
    for kept in found:
        fresh = summarise(verify(kept.path), lives=True)
        assert kept.tasks == fresh.tasks
        for task, figures in enumerate(kept.tasks):
            assert kept.lives(task) == fresh.lives(task) is not None
            for a, b in zip(kept.sums(task, [*figures.sums]), fresh.sums(task, [*figures.sums]), strict=True):
                assert np.array_equal(a.numerator, b.numerator)
                assert np.array_equal(a.denominator, b.denominator)
                assert a.stream == b.stream


def test_a_submission_may_be_moved(copy: Path, cache: Path, replays: list[Path]) -> None:
    copy.rename(copy.parent / "elsewhere")
    assert {s.path.parents[1] for s in good(find([copy.parent / "elsewhere"]), cache)} == {copy.parent / "elsewhere"}
    assert replays == []


def test_a_metric_that_changes_is_computed_anew_for_every_submission(
    submitted: Path, cache: Path, replays: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {s.path: s.tasks[0] for s in good(find([submitted]), cache)}
    old = METRICS["Len"]
    assert old.ratio is not None
    ratio = old.ratio
    doubled = replace(old, version=old.version + 1, ratio=lambda o: (2 * ratio(o)[0], ratio(o)[1]))
    monkeypatch.setitem(METRICS, "Len", doubled)
    after = {s.path: s.tasks[0] for s in good(find([submitted]), cache)}
    assert sorted(replays) == sorted(before)
    for path, figures in after.items():
        assert figures.metrics["Len"].value == pytest.approx(2 * before[path].metrics["Len"].value)
        assert figures.versions["Len"] == old.version + 1
        assert figures.metrics["R_traj"] == before[path].metrics["R_traj"]
    good(find([submitted]), cache)
    assert len(replays) == len(before)  # the new figures are kept, too


def test_other_code_replays_again(
    submitted: Path, cache: Path, replays: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached, "code", lambda: "of tomorrow")
    good(find([submitted]), cache)
    assert len(replays) == 4


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:50] + b"\0" + b[51:], lambda b: b""])
def test_damaged_entries_are_made_again(
    submitted: Path, cache: Path, replays: list[Path], damage: Callable[[bytes], bytes]
) -> None:
    wanted = {s.path: s.tasks for s in good(find([submitted]), cache)}
    entries = [path for path in cache.rglob("*") if path.is_file()]
    for path in entries:
        path.write_bytes(damage(path.read_bytes()))
    assert {s.path: s.tasks for s in good(find([submitted]), cache)} == wanted
    assert sorted(replays) == sorted(wanted)


def test_an_edited_submission_is_not_found_in_the_cache(copy: Path, cache: Path, replays: list[Path]) -> None:
    folder = of_agent(copy, "greedy")
    (folder / "traces.parquet").write_bytes((of_agent(copy, "oracle") / "traces.parquet").read_bytes())
    found = summaries(find([copy]), Store(cache / "replays"), workers=1)
    assert replays == [folder]
    assert isinstance(found[folder], SubmissionError)
    assert sum(isinstance(s, Summary) for s in found.values()) == 3


@pytest.mark.parametrize("stranger", ["file", "folder", "link", "hard link"])
def test_whatever_verify_refuses_is_refused_with_a_cache(
    copy: Path, cache: Path, replays: list[Path], stranger: str
) -> None:
    folder = of_agent(copy, "greedy")
    if stranger == "file":
        (folder / "run.sh").touch()
    elif stranger == "folder":
        (folder / "more").mkdir()
    elif stranger == "link":
        (folder / "more").symlink_to(folder / "traces.parquet")
    else:
        (copy.parent / "outside").hardlink_to(folder / "traces.parquet")
    assert isinstance(summaries([folder], Store(cache / "replays"), workers=1)[folder], SubmissionError)
    assert replays == [folder]


def test_a_folder_that_changes_while_it_is_replayed_leaves_nothing(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = of_agent(copy, "greedy")
    submission = (folder / "submission.json").read_text()

    def changing(path: Path) -> object:
        replayed = verify(path)
        record = json.loads(submission)
        record["command"] = ["another"]
        (folder / "submission.json").write_text(json.dumps(record))
        return replayed

    monkeypatch.setattr(cached, "verify", changing)
    error = summaries([folder], Store(tmp_path / "new"), workers=1)[folder]
    assert "changed while it was replayed" in str(error)
    assert not list((tmp_path / "new").rglob("*.entry"))


def test_errors_are_told_by_folder_and_done_ones_are_counted(copy: Path, cache: Path) -> None:
    folder, told = of_agent(copy, "random"), []
    record = json.loads((folder / "submission.json").read_text())
    record["fingerprints"][0] = "0" * 64
    (folder / "submission.json").write_text(json.dumps(record))
    found = summaries(
        find([copy]), Store(cache / "replays"), workers=1, watch=lambda done, total: told.append((done, total))
    )
    assert list(found) == sorted(found)
    assert isinstance(found[folder], LongrecError)
    assert not isinstance(found[folder], ReplayMismatchError)
    assert told == [(3, 4), (4, 4)]


def test_sums_are_those_of_the_outcomes(submitted: Path) -> None:
    replayed = verify(of_agent(submitted, "greedy"))
    wanted, summary = metric_sums(replayed.outcomes[1], replayed.submission), summarise(replayed)
    for name, sums in zip(wanted, summary.sums(1, [*wanted]), strict=True):
        assert np.array_equal(sums.numerator, wanted[name].numerator)
        assert summary.tasks[1].metrics[name].value == pytest.approx(wanted[name].value)
    assert summary.lives(0) is None  # nobody asked for them
