"""The page, the Markdown and the picture: well formed, harmless, small, self-contained."""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.schema import TRACKS, Disclosure, Estimate, LogRecord, Row, SpentBudget, World, json_hash
from leaderboard.site import geometry, markdown, page, picture, text
from leaderboard.site.data import csv_text
from leaderboard.site.view import board
from tests.leaderboard.fake_rows import fake_row, fake_rows

VOID = {"meta", "link", "input", "br", "hr", "img"}
ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>|`${7*7}`{{7*7}}\u202e](http://evil.example)\n# x"


class Reader(HTMLParser):
    """Checks that tags nest, and keeps what tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is there twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words += data


def hostile_row() -> Row:
    """Every text that the schema lets a stranger choose."""
    return fake_row(
        parameters={ATTACK: ATTACK},
        version=ATTACK,
        options={"protocol": ATTACK},
        world=World(name=ATTACK, sha256="0" * 64),
        departures={ATTACK: 0.5, "horizon": 0.5},
        stays=("horizon",),
        facts=({"notes": ATTACK, "usage": ATTACK}, {}),
        command=("longrec", ATTACK),
        commit=ATTACK,
        metrics={"score": Estimate(value=0.1, note=ATTACK), "strange": Estimate(value=1e9)},
        disclosure=Disclosure(tuning=ATTACK),
    )


def test_who_is_there_when_the_calendar_ends_has_stayed() -> None:
    html = page([fake_row(departures={"churned": 0.25, "calendar-end": 0.75}, stays=("calendar-end",))])
    assert "<small>75 % stay</small>" in html.replace("\xa0", " ").replace("&nbsp;", " ")


def test_where_there_is_no_world_none_is_named() -> None:
    drawn = [fake_row(world=World(name="none", sha256="0" * 64))]
    for shown in (page(drawn), markdown(drawn)):
        assert "users and items are drawn" in shown
        assert "world none" not in shown


def test_the_page_is_well_formed_and_ids_are_unique() -> None:
    reader = Reader(page(fake_rows()))
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"] for tag, attrs in reader.tags if tag == "a"}
    assert {link[1:] for link in links if link and link.startswith("#")} <= set(ids)


def test_the_page_is_small_and_asks_for_nothing() -> None:
    rows = [fake_row(f"agent-{n}", n % 2, facts=({"curve": list(range(2_000))},)) for n in range(50)]
    html = page(rows)
    assert len(html.encode()) < 300_000
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    reader = Reader(html)
    assert not [tag for tag, _ in reader.tags if tag in {"iframe", "img", "object", "embed", "form", "base"}]
    assert {attrs["href"] for tag, attrs in reader.tags if tag == "link"} == {"data:,"}
    assert all("src" not in attrs for _, attrs in reader.tags)


def test_only_our_script_may_run() -> None:
    html = page([hostile_row()])
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


def test_texts_of_strangers_stay_texts_in_html() -> None:
    ours, theirs = Reader(page([fake_row()])), Reader(page([hostile_row()]))
    assert {tag for tag, _ in theirs.tags} <= {tag for tag, _ in ours.tags}
    assert not [name for _, attrs in theirs.tags for name in attrs if name.startswith("on")]
    assert "<img src=x onerror=alert(2)>" in theirs.words
    assert "{{7*7}}" in theirs.words
    assert "\u202e" not in page([hostile_row()])


def test_texts_of_strangers_stay_texts_in_the_picture() -> None:
    rows = [hostile_row(), fake_row(version="other")]
    root = ET.fromstring(picture(rows))
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
    lines = markdown(
        [hostile_row(), fake_row("other", options={"protocol": ATTACK}, world=hostile_row().world)]
    ).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    rest = "\n".join(line for line in lines if "leaderboard.json" not in line)
    assert not re.search(r"<|onerror=alert\(2\)>|http://|`\$|\]\(http", rest)
    assert sum(line.startswith("#") for line in lines) == 3  # title, suite, environment


@given(st.text())
def test_markdown_and_plain_never_break_a_cell(words: str) -> None:
    shown = text.plain(words)
    assert len(shown) <= 120
    assert not re.search(r"[\n\r\u202e\x00]", shown)
    assert not re.search(r"[|<>`*_\[\]\\:@]", text.markdown(shown))


def test_privileged_rows_are_marked_and_apart() -> None:
    html = page(fake_rows())
    assert html.count("Reads hidden state: a bound, not a competitor") == 2
    apart = re.findall(r'<tbody class="apart">(.*?)</tbody>', html, re.DOTALL)
    assert len(apart) == 2
    assert all("oracle" in body and "greedy" not in body for body in apart)


def test_every_heading_sorts_by_keyboard() -> None:
    reader = Reader(page([fake_row("greedy"), fake_row("random")]))
    columns = [attrs for tag, attrs in reader.tags if tag == "th" and attrs.get("scope") == "col"]
    buttons = [tag for tag, _ in reader.tags if tag == "button"]
    assert len(columns) == len(buttons) == 13
    assert [attrs["aria-sort"] for attrs in columns if "aria-sort" in attrs] == ["descending"]


def test_labels_grow_until_they_tell_rows_apart() -> None:
    rows = [
        fake_row("dqn", version="v1"),
        fake_row("dqn", version="v2"),
        fake_row("dqn", version="v1", parameters={"lr": 0.1}),
        fake_row("ppo", parameters={"lr": 0.2}),
    ]
    labels = {entry.label for entry in board(rows)[0].sections[0].entries}
    assert labels == {"dqn [v1]", "dqn [v2]", "dqn (lr=0.1)", "ppo"}


def test_an_agent_has_one_colour_everywhere() -> None:
    sections = [section for part in board(fake_rows()) for section in part.sections]
    games, books = ({e.row.agent: (e.colour, e.dash) for e in section.entries} for section in sections)
    assert games == books
    assert len(set(games.values())) == len(games)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (950, "950"),
        (999.7, "1.0 k"),
        (1_000, "1.0 k"),
        (12_345, "12.3 k"),
        (999_950, "1.0 M"),
        (5.86, "5.9"),
    ],
)
def test_compact(value: float, expected: str) -> None:
    assert text.compact(value).replace(text.NBSP, " ") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-0.001, "0.00"), (-0.5, "−0.50"), (1.005, "1.00"), (2_500_000.0, "2.5 M"), (-3e9, "−3.0 G")],
)
def test_number(value: float, expected: str) -> None:
    assert text.number(value).replace(text.NBSP, " ") == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, "0 %"), (0.0003, "0.03 %"), (0.004, "0.4 %"), (0.0996, "10 %"), (1.0, "100 %")]
)
def test_percent(share: float, expected: str) -> None:
    assert text.percent(share).replace(text.NBSP, " ") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.04, "0.04 s"), (9.96, "10.0 s"), (41, "41 s"), (96.4, "1.6 min"), (9_000, "2.5 h")]
)
def test_duration(seconds: float, expected: str) -> None:
    assert text.duration(seconds).replace(text.NBSP, " ") == expected


def test_intervals() -> None:
    def shown(name: str, low: float, high: float) -> str:
        return text.interval(name, Estimate(value=low, low=low, high=high)).replace(text.NBSP, " ")

    assert shown("score", 0.1, 0.25) == "0.100–0.250"
    assert shown("score", -0.1, 0.25) == "−0.100 to 0.250"
    assert shown("score", -0.0001, 0.004) == "0.000–0.004"
    assert shown("repeats", 0.012, 0.3) == "1.2–30 %"
    assert shown("R_traj", 98.76, 123.4) == "99–123"
    assert text.interval("Len", Estimate(value=3.0, note="one user: no interval")) == ""


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.booleans())
def test_axes_hold_their_estimates(values: list[float], score: bool) -> None:
    axis = geometry.axis([Estimate(value=v) for v in values], 8, 128, score=score)
    assert axis.low <= min(values)
    assert axis.high >= max(values)
    assert all(8 <= axis.at(v) <= 128 for v in [*values, *axis.ticks])
    assert 2 <= len(axis.ticks) <= 6


@given(st.lists(st.floats(0, 1), max_size=7))
def test_stacked_bars_are_contiguous(shares: list[float]) -> None:
    parts = geometry.stack(shares, 96)
    assert all(width >= 0 for _, width in parts)
    for (start, width), (following, _) in pairwise(parts):
        assert start + width == pytest.approx(following, abs=0.01)


@pytest.mark.parametrize("horizon", [1, 2, 5, 20, 50, 70, 1_000])
def test_curves_start_full_end_at_the_horizon_and_stay_small(horizon: int) -> None:
    x, y = geometry.Axis(0, horizon, 0, 600, ()), geometry.Axis(0, 1, 100, 0, ())
    points = geometry.curve([0.5] * horizon, x, y).split()
    assert (points[0], points[-1]) == ("0,0", "600,50")
    assert len(points) <= 152
    assert geometry.step_ticks(horizon)[-1] == horizon


def test_tables_say_their_track_budget_and_log_and_hold_one_of_each() -> None:
    def on(track: str, log: str = "", limit: SpentBudget | None = None) -> Row:
        record = LogRecord(name="longrec/games/mixed-v0", sha256=json_hash(log), sessions=10_000, steps=99)
        hash_ = json_hash(f"{track} {limit}")
        return fake_row(track=track, log=record if log else None, suite_hash=hash_, declared=limit or TRACKS[track])

    less = SpentBudget(episodes=10, steps=10**6)
    rows = [on("online"), on("online", limit=less), on("offline", "one"), on("offline", "two"), on("zero-shot")]
    sections = [section for part in board(rows) for section in part.sections]
    assert [len(section.entries) for section in sections] == [1] * 5
    for told in (page(rows), markdown(rows)):
        assert "rack online, at most 10\xa0episodes and 1.0\xa0M\xa0steps" in told
        assert f"log longrec/games/mixed-v0 {json_hash('two')[:12]}, 10.0\xa0k\xa0sessions" in told
    assert csv_text(rows).count(f"longrec/games/mixed-v0,{json_hash('one')}") == 1


def test_what_an_agent_trained_on() -> None:
    record = LogRecord(name="x", sha256=json_hash("x"), sessions=5, steps=9)
    nothing, some = SpentBudget(episodes=0, steps=0), SpentBudget(episodes=0, steps=7)
    cases = {
        "the log": fake_row(from_log=True, log=record, track="offline", spent=nothing),
        "none": fake_row(log=record, track="offline", spent=nothing),
        "7\xa0steps": fake_row(spent=some),
        "100\xa0episodes": fake_row("ppo"),
        text.ABSENT: fake_row(spent=SpentBudget()),
    }
    for told, row in cases.items():
        assert text.trained(row) == told
        assert f"| {told} |" in markdown([row])
    assert '<td class="num" data-v="0">the log</td>' in page([cases["the log"]])
