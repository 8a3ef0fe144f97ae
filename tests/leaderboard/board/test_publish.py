"""The board's folder: replaced as a whole, drawn only where something changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.board.publish import MANIFEST, publish
from leaderboard.files import file_sha256
from leaderboard.site.page import Page
from recsim_envs.errors import ConfigurationError


def page(name: str, text: str = "", inputs: object = None) -> Page:
    return Page(name, text if inputs is None else inputs, lambda: text or name)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_only_what_changed_is_drawn(tmp_path: Path) -> None:
    out = tmp_path / "board"
    assert publish([page("index.html", "one"), page("agents/a.html", "a")], out) == 2
    assert publish([page("index.html", "two"), page("agents/a.html", "a")], out) == 1
    assert contents(out).keys() == {"index.html", "agents/a.html", MANIFEST}
    assert (out / "index.html").read_text() == "two"
    assert publish([page("index.html", "two")], out) == 0
    assert contents(out).keys() == {"index.html", MANIFEST}  # what is not of the board any more is gone
    assert not (out / "agents").exists()


def test_the_manifest_tells_every_file(tmp_path: Path) -> None:
    publish([page("index.html", "one"), page("data/a.js", "a")], tmp_path / "board")
    told = json.loads((tmp_path / "board" / MANIFEST).read_text())["files"]
    assert {name: file["sha256"] for name, file in told.items()} == {
        name: file_sha256(tmp_path / "board" / name) for name in ("index.html", "data/a.js")
    }


@pytest.mark.parametrize("change", ["edited", "removed", "linked"])
def test_a_file_that_is_not_as_it_was_made_is_drawn_again(tmp_path: Path, change: str) -> None:
    out = tmp_path / "board"
    publish([page("index.html", "one")], out)
    (out / "index.html").unlink()
    if change == "edited":
        (out / "index.html").write_text("forged")
    elif change == "linked":
        (tmp_path / "elsewhere").write_text("one")
        (out / "index.html").symlink_to(tmp_path / "elsewhere")
    assert publish([page("index.html", "one")], out) == 1
    assert (out / "index.html").read_text() == "one"
    assert not (out / "index.html").is_symlink()


def test_where_drawing_fails_the_old_board_stays(tmp_path: Path) -> None:
    out = tmp_path / "board"
    publish([page("index.html", "one"), page("a.html", "a")], out)
    before = contents(out)

    def failing() -> Iterator[Page]:
        yield page("index.html", "two")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        publish(failing(), out)
    assert contents(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["board"]  # nothing is left beside it


def test_a_full_disk_leaves_the_old_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "board"
    publish([page("index.html", "one")], out)
    before = contents(out)

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        publish([page("index.html", "two")], out)
    assert contents(out) == before


def test_other_peoples_files_are_not_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match=r"holds 'thesis\.tex', which is no file of a board"):
        publish([page("index.html")], tmp_path / "notes")
    publish([page("index.html")], tmp_path / "board")
    (tmp_path / "board" / "CNAME").touch()
    with pytest.raises(ConfigurationError, match="CNAME"):
        publish([page("index.html")], tmp_path / "board")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="choose a folder"):
        publish([page("index.html")], tmp_path / "file")
    with pytest.raises(ConfigurationError, match="choose another folder"):
        publish([page("index.html")], tmp_path / "file" / "board")


def test_the_folder_one_is_in_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for out in (Path(), Path("..")):
        with pytest.raises(ConfigurationError, match="the folder you are in"):
            publish([page("index.html")], out)


def test_a_board_of_before_is_replaced(tmp_path: Path) -> None:
    for name in ("index.html", "LEADERBOARD.md", "leaderboard.csv", "leaderboard.json", "leaderboard.svg"):
        (tmp_path / "board").mkdir(exist_ok=True)
        (tmp_path / "board" / name).touch()
    publish([page("index.html", "new")], tmp_path / "board")
    assert contents(tmp_path / "board").keys() == {"index.html", MANIFEST}


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    publish([page("index.html", "one")], tmp_path / "board")
    (tmp_path / "link").symlink_to(tmp_path / "board")
    publish([page("index.html", "two")], tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "board" / "index.html").read_text() == "two"
