"""From folders to a board: the same whatever was cached, honest about what did not replay, whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from leaderboard.board import build as module
from leaderboard.board import summary
from leaderboard.board.build import build, make
from leaderboard.board.publish import publish
from leaderboard.submit import find
from recsim_envs.errors import LongrecError, ReplayMismatchError, SubmissionError, UnreplayableError


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def of_agent(folder: Path, agent: str) -> Path:
    return next(path for path in find([folder]) if path.parent.name == agent)


def edit(folder: Path, **changes: object) -> None:
    file = folder / "submission.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def falsify(folder: Path) -> None:
    """Claim the actions of another agent."""
    shutil.copy(of_agent(folder.parents[1], "oracle") / "traces.parquet", folder / "traces.parquet")


def test_a_board_has_all_its_files(warm: Path) -> None:
    files = contents(warm / "board")
    assert {"index.html", "LEADERBOARD.md", "leaderboard.json", "leaderboard.csv", "leaderboard.parquet",
            "leaderboard.svg", "manifest.json"} <= files.keys()  # fmt: skip
    assert len(json.loads(files["leaderboard.json"])["rows"]) == 8


@pytest.mark.parametrize("workers", [1, 2])
def test_cached_or_not_in_any_order_by_any_workers_the_bytes_are_the_same(
    submitted: Path, warm: Path, cache: Path, tmp_path: Path, workers: int
) -> None:
    folders = find([submitted])[::-1]
    if workers == 1:
        built = build(folders, tmp_path / "board", cache=cache, workers=1)
        again = build(folders, tmp_path / "board", cache=cache, workers=1)
        assert again.rendered == 0 < built.rendered
    else:
        build(folders, tmp_path / "board", cache=tmp_path / "new", workers=2)
    made, wanted = contents(tmp_path / "board"), contents(warm / "board")
    assert [name for name in made.keys() | wanted.keys() if made.get(name) != wanted.get(name)] == []


def test_one_submission_more_gives_what_building_from_nothing_gives(
    copy: Path, warm: Path, cache: Path, tmp_path: Path
) -> None:
    away = of_agent(copy, "greedy")
    away.rename(tmp_path / "away")
    build(find([copy]), tmp_path / "board", cache=cache, workers=1)
    (tmp_path / "away").rename(away)
    build(find([copy]), tmp_path / "board", cache=cache, workers=1)
    assert contents(tmp_path / "board") == contents(warm / "board")


def test_what_is_false_is_left_out_and_told(copy: Path, cache: Path, tmp_path: Path) -> None:
    false = of_agent(copy, "greedy")
    falsify(false)
    built = build(find([copy]), tmp_path / "board", cache=cache, workers=1)
    assert {row.agent for row in built.board.rows} == {"random", "oracle", "greedy-no-repeat"}
    assert list(built.failed) == [false]
    assert isinstance(built.failed[false], SubmissionError | ReplayMismatchError)
    assert built.board.reported == ()


def test_what_cannot_be_replayed_here_is_reported_apart(copy: Path, cache: Path, tmp_path: Path) -> None:
    elsewhere = of_agent(copy, "greedy")
    worlds = json.loads((elsewhere / "submission.json").read_text())["worlds"]
    edit(elsewhere, worlds=[world | {"sha256": "0" * 64} for world in worlds])
    built = build(find([copy]), tmp_path / "board", cache=cache, workers=1)
    assert built.failed == {}
    (reported,) = built.board.reported
    assert (reported.agent, reported.suite, reported.path) == ("greedy", "tiny-suite", elsewhere.name)
    assert "000000000000" in reported.reason
    assert "greedy" not in {row.agent for row in built.board.rows}
    file = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert [r["agent"] for r in file["reported"]] == ["greedy"]
    with pytest.raises(UnreplayableError):
        build(find([copy]), tmp_path / "other", cache=cache, workers=1, strict=True)
    assert not (tmp_path / "other").exists()


def test_strict_stops_at_what_is_false_and_leaves_the_old_board(copy: Path, cache: Path, tmp_path: Path) -> None:
    build(find([copy]), tmp_path / "board", cache=cache, workers=1)
    before = contents(tmp_path / "board")
    falsify(of_agent(copy, "greedy"))
    with pytest.raises(LongrecError, match="greedy"):
        build(find([copy]), tmp_path / "board", cache=cache, workers=1, strict=True)
    assert contents(tmp_path / "board") == before


def test_the_same_run_twice_counts_once(copy: Path, cache: Path, tmp_path: Path) -> None:
    first = of_agent(copy, "greedy")
    twin = Path(shutil.copytree(first, first.with_name("z-again")))
    board, failed = make(find([copy]), cache=cache, workers=1)
    assert list(failed) == [twin]
    assert "are the same run" in str(failed[twin])
    assert len(board.rows) == 8
    with pytest.raises(SubmissionError, match="are the same run"):
        make(find([copy]), cache=cache, workers=1, strict=True)


def test_of_the_same_run_twice_the_one_that_was_re_run_stays_or_the_first_made(
    copy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = of_agent(copy, "greedy")
    first = Path(shutil.copytree(later, later.with_name("z-first")))
    record = json.loads((first / "submission.json").read_text())
    record["created"] = "2020-01-01T00:00:00Z"
    (first / "submission.json").write_text(json.dumps(record))
    assert list(make(find([copy]), cache=cache, workers=1)[1]) == [later]
    monkeypatch.setattr(summary, "badge_of", lambda s: "replayed" if s.created.year == 2020 else "re-run")
    assert list(make(find([copy]), cache=cache, workers=1)[1]) == [first]


def test_a_build_that_dies_leaves_the_old_board(
    submitted: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(find([submitted])[:3], tmp_path / "board", cache=cache, workers=1)
    before = contents(tmp_path / "board")

    def dying(pages, out):
        def some():
            yield from list(pages)[:5]
            raise KeyboardInterrupt

        return publish(some(), out)

    monkeypatch.setattr(module, "publish", dying)
    with pytest.raises(KeyboardInterrupt):
        build(find([submitted]), tmp_path / "board", cache=cache, workers=1)
    assert contents(tmp_path / "board") == before


def test_a_board_of_nothing(tmp_path: Path) -> None:
    assert build([], tmp_path / "board", cache=tmp_path / "cache").board.rows == []
    assert "No submissions" in (tmp_path / "board" / "index.html").read_text()
