"""Hashes by status: a file that lies still is read once, one that was touched is read again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from leaderboard.board import hashes
from leaderboard.board.hashes import Hashes

LONG_AGO = 1_000_000_000


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read from now on."""
    asked: list[Path] = []
    honest = hashes.file_sha256
    monkeypatch.setattr(hashes, "file_sha256", lambda path: asked.append(path) or honest(path))
    monkeypatch.setattr(hashes, "_SETTLED", 0)
    return asked


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    return path


def asked(kept: Path, file: Path, *, forget: bool = False) -> str:
    """What a new process is told of the file."""
    known = Hashes(kept, forget=forget)
    found = known.sha256(file, file.lstat())
    known.save()
    return found


def test_what_lies_still_is_read_once(tmp_path: Path, file: Path, reads: list[Path]) -> None:
    one = hashlib.sha256(b"one").hexdigest()
    assert [asked(tmp_path / "kept", file) for _ in range(3)] == [one] * 3
    assert reads == [file]
    assert asked(tmp_path / "kept", file, forget=True) == one
    assert reads == [file] * 2


def test_another_content_of_the_same_size_and_time_is_noticed(tmp_path: Path, file: Path, reads: list[Path]) -> None:
    os.utime(file, (LONG_AGO, LONG_AGO))
    asked(tmp_path / "kept", file)
    file.write_bytes(b"two")
    os.utime(file, (LONG_AGO, LONG_AGO))  # the time of its status moves on
    assert asked(tmp_path / "kept", file) == hashlib.sha256(b"two").hexdigest()
    assert reads == [file] * 2


def test_a_file_that_was_touched_just_now_is_read_again(
    tmp_path: Path, file: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "_SETTLED", 3_600 * 10**9)
    for _ in range(2):
        asked(tmp_path / "kept", file)
    assert reads == [file] * 2
    assert not (tmp_path / "kept").exists()


def test_files_that_are_gone_are_forgotten_and_a_damaged_record_is_no_harm(
    tmp_path: Path, file: Path, reads: list[Path]
) -> None:
    kept, other = tmp_path / "kept", tmp_path / "other"
    asked(kept, file)
    other.write_bytes(b"other")
    file.unlink()
    asked(kept, other)
    assert str(file) not in kept.read_text()
    assert str(other) in kept.read_text()
    kept.write_bytes(kept.read_bytes()[:-2])
    assert asked(kept, other) == hashlib.sha256(b"other").hexdigest()
    assert reads == [file, other, other]
