"""A folder takes another's place in one step, and the other is back where that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsim_envs.errors import WorldError
from recsim_envs.worlds.storage import atomic_folder, discard


def fill(folder, text):
    with atomic_folder(folder) as scratch:
        (scratch / "file").write_text(text)


def test_the_new_takes_the_place_of_the_old(tmp_path):
    fill(tmp_path / "w", "old")
    fill(tmp_path / "w", "new")
    assert (tmp_path / "w" / "file").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["w"]


def test_the_old_is_back_where_the_new_cannot_be_put(tmp_path, monkeypatch):
    fill(tmp_path / "w", "old")
    move = Path.replace

    def fail(self, target):
        if self.name.startswith(".w-") and "old" not in self.name:
            raise OSError(28, "No space left on device")
        return move(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(WorldError, match="No space left"):
        fill(tmp_path / "w", "new")
    assert (tmp_path / "w" / "file").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["w"]


def test_a_folder_that_is_not_there_is_gone(tmp_path):
    discard(tmp_path / "nothing")
    fill(tmp_path / "w", "old")
    discard(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []
