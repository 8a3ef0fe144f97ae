"""The Markdown and the picture."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from leaderboard.board.arrange import board_of
from leaderboard.schema import TRACKS, LogRecord, Row, SpentBudget, World, json_hash
from leaderboard.site.readme import MOST, markdown, picture
from tests.leaderboard.fake_rows import fake_row, fake_rows
from tests.leaderboard.site.fake_board import fake_board, judged, many
from tests.leaderboard.site.test_pages import ATTACK, hostile_row, rendered


def test_texts_of_strangers_stay_texts_in_the_picture() -> None:
    rows = [hostile_row(), fake_row(version="other")]
    root = ET.fromstring(picture(board_of(rows)))
    assert {element.tag.partition("}")[2] for element in root.iter()} == {
        "svg",
        "style",
        "rect",
        "g",
        "text",
        "line",
        "circle",
    }


def test_texts_of_strangers_stay_texts_in_markdown() -> None:
    rows = [hostile_row(), fake_row("random", options={"protocol": ATTACK}, world=hostile_row().world)]
    lines = markdown(board_of(rows)).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    rest = "\n".join(line for line in lines if "leaderboard.json" not in line)
    assert not re.search(r"<|onerror=alert\(2\)>|http://|`\$|\]\(http", rest)
    assert sum(line.startswith("#") for line in lines) == 3  # title, suite, environment


def test_tables_say_their_track_budget_and_log_and_hold_one_of_each() -> None:
    def on(track: str, log: str = "", limit: SpentBudget | None = None) -> Row:
        record = LogRecord(name="longrec/games/mixed-v0", sha256=json_hash(log), sessions=10_000, steps=99)
        hash_ = json_hash(f"{track} {limit}")
        return fake_row(track=track, log=record if log else None, suite_hash=hash_, declared=limit or TRACKS[track])

    less = SpentBudget(episodes=10, steps=10**6)
    rows = [on("online"), on("online", limit=less), on("offline", "one"), on("offline", "two"), on("zero-shot")]
    board = board_of(rows)
    assert [len(section.entries) for section in board.sections] == [1] * 5
    for told in (rendered(fake_board(rows))["index.html"], markdown(board)):
        assert "rack online, at most 10\xa0episodes and 1.0\xa0M\xa0steps" in told
        assert f"log longrec/games/mixed-v0 {json_hash('two')[:12]}, 10.0\xa0k\xa0sessions" in told


def test_markdown_tells_tiers_and_says_what_it_leaves_out() -> None:
    told = markdown(board_of(judged(fake_rows())))
    assert re.search(r"\| billp \| 1 \| 0\.388", told)
    assert re.search(r"\| \*oracle\* \| — \|", told)
    assert "The first" not in told
    assert f"The first {MOST + 1} of 102 rows" in markdown(board_of(judged(many(100))))


def test_where_there_is_no_world_none_is_named() -> None:
    drawn = [fake_row(world=World(name="none", sha256="0" * 64))]
    for shown in (rendered(fake_board(drawn))["index.html"], markdown(board_of(drawn))):
        assert "users and items are drawn" in shown
        assert "world none" not in shown
