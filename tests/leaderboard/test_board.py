"""The files of the board: same bytes, right groups, all or nothing."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from leaderboard.board import build as board_module
from leaderboard.board.build import build, picture, render, terminal_table
from leaderboard.schema import Estimate, Row, SpentBudget, World, json_hash
from leaderboard.site.data import Board
from leaderboard.site.view import board
from recsim_envs.errors import ConfigurationError, SubmissionError
from tests.leaderboard.fake_rows import LM_FACTS, fake_row, fake_rows

FILES = {"LEADERBOARD.md", "leaderboard.json", "leaderboard.csv", "leaderboard.svg", "index.html"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def records(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "leaderboard.csv").read_text("utf-8"))))


def test_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    rows = fake_rows()
    returned = render(rows, tmp_path / "a")
    render(rows[::-1], tmp_path / "b")
    render(rows[7:] + rows[:7], tmp_path / "b")  # over an older board
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert set(contents(tmp_path / "a")) == FILES
    assert sorted(map(repr, returned)) == sorted(map(repr, rows))


def test_build_publishes_what_replay_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(board_module, "verify", lambda path: asked.append(path) or path)
    monkeypatch.setattr(board_module, "replayed_rows", lambda replayed: [fake_row(p.name) for p in replayed])
    rows = build([Path("s/random"), Path("s/greedy")], tmp_path / "board")
    assert asked == [Path("s/random"), Path("s/greedy")]
    assert [row.agent for row in rows] == ["greedy", "random"]  # by score


def test_a_submission_that_does_not_replay_leaves_the_old_board(tmp_path: Path) -> None:
    render(fake_rows(), tmp_path / "board")
    before = contents(tmp_path / "board")
    with pytest.raises(SubmissionError, match=r"submission\.json"):
        build([tmp_path / "none"], tmp_path / "board")
    assert contents(tmp_path / "board") == before


def test_rows_are_compared_only_inside_suite_task_options_and_world() -> None:
    rows = [
        fake_row("greedy"),
        fake_row("random"),
        fake_row("greedy", 1),
        fake_row("greedy", suite_hash=json_hash("another")),
        fake_row("greedy", world=World(name="games", sha256=json_hash("tampered"))),
        fake_row("greedy", options={"protocol": "NX_0"}),
    ]
    sections = [section for part in board(rows) for section in part.sections]
    assert sorted(len(section.entries) for section in sections) == [1, 1, 1, 1, 2]
    assert len({section.id for section in sections}) == 5
    assert len(board(rows)) == 2


def test_rows_are_listed_by_score_and_those_that_read_hidden_state_apart() -> None:
    section = board(fake_rows())[0].sections[0]
    scores = [entry.row.metrics["score"].value for entry in section.ranked]
    assert scores == sorted(scores, reverse=True)
    assert [entry.row.agent for entry in section.apart] == ["oracle"]
    assert section.apart[0].colour is None
    assert section.apart[0].overlaps == ()


def test_overlaps_are_named_both_ways_and_anchors_are_exact() -> None:
    def scored(agent: str, value: float, low: float | None, high: float | None) -> Row:
        return fake_row(agent, metrics={"score": Estimate(value=value, low=low, high=high)})

    rows = [scored("a", 0.5, 0.4, 0.6), scored("b", 0.42, 0.3, 0.45), scored("c", 0.1, 0.02, 0.2)]
    rows += [scored("random", 0.0, None, None), scored("lonely", 0.7, None, None)]
    found = {e.label: e.overlaps for e in board(rows)[0].sections[0].entries}
    assert found == {
        "lonely": ("a", "b", "c", "random"),  # no interval: told apart from nothing
        "a": ("lonely", "b"),
        "b": ("lonely", "a"),
        "c": ("lonely",),
        "random": ("lonely",),
    }


def test_without_anchors_rows_are_listed_by_return_and_the_files_say_so(tmp_path: Path) -> None:
    rows = [fake_row(agent) for agent in ("popular", "greedy")]
    rows = [row.model_copy(update={"metrics": {k: v for k, v in row.metrics.items() if k != "score"}}) for row in rows]
    assert [row.agent for row in render(rows, tmp_path)] == ["greedy", "popular"]
    assert board(rows)[0].sections[0].lead == "R_traj"
    for name in ("LEADERBOARD.md", "index.html"):
        assert "No score: the agents" in (tmp_path / name).read_text("utf-8")
    assert "score" not in records(tmp_path)[0]


def test_one_row_without_a_score_comes_last_and_shows_a_dash(tmp_path: Path) -> None:
    bare = fake_row("greedy", metrics={"Len": Estimate(value=99.0, note="one user: no interval")})
    rows = render([bare, fake_row("random"), fake_row("popular")], tmp_path)
    assert [row.agent for row in rows] == ["random", "popular", "greedy"]
    assert records(tmp_path)[-1]["score"] == ""
    assert "| greedy | — |" in (tmp_path / "LEADERBOARD.md").read_text("utf-8")


def test_not_measured_is_not_zero(tmp_path: Path) -> None:
    rows = [
        fake_row("billp"),
        fake_row("greedy", facts=({"usage": {"calls": 0, "input_tokens": 0, "output_tokens": 0}},) * 2),
        fake_row("random", facts=({}, LM_FACTS), spent=SpentBudget()),  # one seed does not tell
        fake_row("popular", facts=({"usage": "lots"}, {"usage": {"calls": -5, "input_tokens": True}})),
    ]
    render(rows, tmp_path)
    told = {record["agent"]: record for record in records(tmp_path)}
    assert told["billp"]["test_calls"] == str(2 * 17_934)
    assert told["greedy"]["test_calls"] == "0"
    assert told["random"]["test_calls"] == told["random"]["train_steps"] == ""
    assert told["popular"]["test_calls"] == told["popular"]["test_input_tokens"] == ""


def test_json_and_csv_round_trip(tmp_path: Path) -> None:
    rows = render(fake_rows(), tmp_path)
    assert list(Board.model_validate_json((tmp_path / "leaderboard.json").read_bytes()).rows) == rows
    for row, record in zip(rows, records(tmp_path), strict=True):
        assert (record["agent"], record["suite_hash"]) == (row.agent, row.suite_hash)
        assert json.loads(record["parameters"]) == row.parameters
        for name, estimate in row.metrics.items():
            cells = [record[f"{name}{end}"] for end in ("", "_low", "_high")]
            value, low, high = (float(cell) if cell else None for cell in cells)
            assert (value, low, high) == (estimate.value, estimate.low, estimate.high)
        assert {c[4:]: float(v) for c, v in record.items() if c.startswith("end:") and float(v)} == {
            cause: share for cause, share in row.departures.items() if share
        }


def test_csv_text_cannot_become_a_formula(tmp_path: Path) -> None:
    render([fake_row(version='=HYPERLINK("http://evil")', world=World(name="@SUM(A1)", sha256="0" * 64))], tmp_path)
    (record,) = records(tmp_path)
    assert record["version"].startswith("'=")
    assert record["world"].startswith("'@")


def test_csv_text_hides_nothing_and_stays_on_its_line(tmp_path: Path) -> None:
    nasty = "a\x00b\u202ec\r\nd\ne\u2028f"
    world = World(name="\t=1+1", sha256="0" * 64)
    render([fake_row(version=nasty, parameters={"x": nasty}, world=world)], tmp_path)
    text = (tmp_path / "leaderboard.csv").read_bytes().decode()
    assert len(text.splitlines()) == 2
    assert not any(hidden in text for hidden in "\x00\u202e\u2028\r\t")
    (record,) = records(tmp_path)
    assert record["version"] == "a\ufffdb\ufffdc d e\ufffdf"
    assert record["world"] == "\ufffd=1+1"
    assert json.loads(record["parameters"])["x"].startswith("a\x00b\ufffdc")  # JSON has its own escapes


def test_an_empty_board_is_a_board(tmp_path: Path) -> None:
    assert render([], tmp_path) == []
    assert set(contents(tmp_path)) == FILES
    assert "No submissions yet" in (tmp_path / "index.html").read_text("utf-8")


def test_a_folder_that_cannot_be_written_gets_a_typed_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(ConfigurationError, match="choose a folder"):
        render(fake_rows(), file / "board")
    assert file.read_text() == "in the way"


@pytest.mark.parametrize("blocked", sorted(FILES))
def test_nothing_is_written_where_one_file_cannot_be(tmp_path: Path, blocked: str) -> None:
    (tmp_path / blocked).mkdir()
    with pytest.raises(ConfigurationError, match=blocked):
        render(fake_rows(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [blocked]


def test_a_full_disk_leaves_the_old_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render([fake_row("random")], tmp_path)
    before, write = contents(tmp_path), Path.write_text

    def fail_late(self: Path, text: str, *args: str, **options: str) -> int:
        if "index.html" in self.name:
            raise OSError(28, "No space left on device")
        return write(self, text, *args, **options)

    monkeypatch.setattr(Path, "write_text", fail_late)
    with pytest.raises(ConfigurationError, match="No space left"):
        render(fake_rows(), tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_terminal_table_fits_and_reads_no_markup(width: int) -> None:
    rows = [*fake_rows(), fake_row("x", version="[red]v[/red]"), fake_row("x", version="[bold]w")]
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(terminal_table(rows))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    assert all(agent in text for agent in ("billp", "oracle", "Games-v0", "Books-v0"))
    if width >= 100:
        assert "[red]v[/red]" in text


def test_the_terminal_says_that_there_is_nothing() -> None:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(terminal_table([]))
    assert "No submissions yet" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_picture_shows_every_agent_of_every_environment() -> None:
    svg = picture(fake_rows())
    assert svg.count(">billp<") == 2
    assert svg.count('class="title"') == 2
    assert "prefers-color-scheme" in svg
