"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from recsim_envs.errors import AgentError
from recsim_envs.files import atomic_file, write_file, write_json


def test_the_file_takes_the_place_of_the_old_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.json"
    for text in ("old", "new"):
        with atomic_file(target) as scratch:
            scratch.write_text(text)
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_who_may_read_it_is_up_to_the_user(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with atomic_file(tmp_path / "file.json") as scratch:
            scratch.write_text("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.json").stat().st_mode) == mode


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_file(target) as scratch:
        scratch.write_bytes((tmp_path / "missing").read_bytes())
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_place_that_is_no_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError), atomic_file(tmp_path / "file" / "below") as scratch:  # noqa: PT011
        scratch.write_text("never")


def test_what_agents_have_learned_is_written_the_same_everywhere_or_not_at_all(tmp_path: Path) -> None:
    write_file(tmp_path / "text", "é\n")
    write_file(tmp_path / "bytes", b"\xff\r\n")
    write_json(tmp_path / "json", {"a": [1]}, indent=None)
    found = [(tmp_path / name).read_bytes() for name in ("text", "bytes", "json")]
    assert found == [b"\xc3\xa9\n", b"\xff\r\n", b'{"a": [1]}\n']
    with pytest.raises(AgentError, match=r"cannot write .*text.json: .*choose another folder"):
        write_json(tmp_path / "text" / "text.json", {})
