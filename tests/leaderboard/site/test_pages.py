"""The pages of the site: well formed, harmless, small, and asking for nothing from elsewhere."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from leaderboard.board.arrange import board_of
from leaderboard.board.model import Board, Reported
from leaderboard.schema import Disclosure, Estimate, Rank, Row, World
from leaderboard.site.pages import pages
from tests.leaderboard.fake_rows import fake_row, fake_rows
from tests.leaderboard.site.fake_board import fake_board, judged, many, told

VOID = {"meta", "link", "input", "br", "hr", "img", "wbr"}
ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>|`${7*7}`{{7*7}}\u202e](http://evil.example)\n# x"
KINDS = ("index", "suites/", "environments/", "agents/", "lives/", "compare", "metrics")


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

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.tags if "id" in attrs]


def rendered(board: Board) -> dict[str, str]:
    return {page.name: page.render() for page in pages(board)}


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    return rendered(fake_board())


def html_of(site: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in site.items() if name.endswith(".html")}


def in_part() -> Board:
    """The board without the row of one agent in one of its environments."""
    return fake_board(judged(told([row for row in fake_rows() if (row.agent, row.task) != ("billp", 1)])))


def hostile_row(agent: str = "greedy", task: int = 0) -> Row:
    """Every text that the schema lets a stranger choose."""
    return fake_row(
        agent,
        task,
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


def test_there_is_a_page_of_every_kind(site: dict[str, str]) -> None:
    html = html_of(site)
    assert {kind for kind in KINDS if any(name.startswith(kind) for name in html)} == set(KINDS)
    assert len([name for name in html if name.startswith("agents/")]) == 11
    assert len([name for name in html if name.startswith("lives/")]) == 22


def test_pages_are_well_formed_and_links_lead_somewhere(site: dict[str, str]) -> None:
    data = {"leaderboard.csv", "leaderboard.json", "leaderboard.parquet"}  # made beside the site
    read = {name: Reader(text) for name, text in html_of(site).items()}
    for name, page in read.items():
        ids = page.ids()
        assert len(ids) == len(set(ids)), name
        for tag, attrs in page.tags:
            address = attrs.get("href") if tag in ("a", "link") else attrs.get("src") if tag == "script" else None
            if address is None or address.startswith("data:"):
                continue
            path, _, fragment = address.partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            assert target in site or target in data, f"{name}: {address}"
            if fragment and target != "compare.html":  # there it says what to compare
                assert fragment in read[target].ids(), f"{name}: {address}"
        labels = [a for _, attrs in page.tags for a in (attrs.get("for"), attrs.get("aria-labelledby")) if a]
        assert {part for label in labels for part in label.split()} <= {*ids, "filters"}, name


def test_nothing_is_asked_from_elsewhere(site: dict[str, str]) -> None:
    for name, text in html_of(site).items():
        reader = Reader(text)
        assert "default-src 'none'; style-src 'self'; script-src 'self'" in text
        assert not [tag for tag, _ in reader.tags if tag in {"iframe", "img", "object", "embed", "base", "style"}], name
        assert not [a for _, attrs in reader.tags for a in attrs if a.startswith("on") or a == "style"], name
        inline = [attrs for tag, attrs in reader.tags if tag == "script" and "src" not in attrs]
        assert all(attrs == {"type": "application/json", "id": "lives"} for attrs in inline), name
        sources = [
            attrs.get("src") or attrs.get("href") or "" for tag, attrs in reader.tags if tag in ("script", "link")
        ]
        assert not [source for source in sources if re.match(r"\w+:|//", source) and source != "data:,"], name
    for name, text in site.items():
        if name.endswith((".css", ".js")):
            assert not re.search(r"https?:(?!//www\.w3\.org/2000/svg)|@import|url\(|eval\(|\bfetch\(", text), name


def test_texts_of_strangers_stay_texts() -> None:
    rows = [hostile_row("greedy"), hostile_row("random"), hostile_row("greedy", 1)]
    reported = Reported(path=ATTACK, agent=ATTACK, suite=ATTACK, reason=ATTACK)
    boards = (fake_board(), in_part())
    ours = {tag for board in boards for text in html_of(rendered(board)).values() for tag, _ in Reader(text).tags}
    words = ""
    for name, text in rendered(fake_board(rows, (reported,))).items():
        assert "\u202e" not in text, name
        if name.endswith(".html"):
            page = Reader(text)
            words += page.words
            assert {tag for tag, _ in page.tags} <= ours, name
            assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on")], name
            blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
            assert all(json.loads(block) for block in blocks), name
    assert "<img src=x onerror=alert(2)>" in words
    assert "{{7*7}}" in words


def test_data_of_strangers_stays_data() -> None:
    rows = [hostile_row("greedy"), hostile_row("random")]
    files = {n: text for n, text in rendered(fake_board(rows)).items() if n.startswith("data/")}
    assert files
    for text in files.values():
        call, _, rest = text.partition("(")
        if text.startswith("const players = "):
            json.loads(text.removeprefix("const players = ").removesuffix(";\n"))
            continue
        assert call in ("compare.agent", "compare.section", "longrec.rows", "places")
        json.loads(f"[{rest.removesuffix(');' + chr(10))}]")


def test_a_rank_that_moves_draws_no_page_of_an_agent_again() -> None:
    rows = [fake_row("greedy"), fake_row("random")]
    moved = ([row.model_copy(update={"tier": 1, "rank": Rank(low=1, high=high)}) for row in rows] for high in (2, 3))
    before, after = ({page.name: page for page in pages(board_of(ranked))} for ranked in moved)
    own = [name for name in before if name.startswith("agents/")]
    assert len(own) == 2
    for name in own:
        assert before[name].inputs == after[name].inputs
        assert before[name].render() == after[name].render()
    (places,) = (name for name in before if name.startswith("data/places-"))
    assert before[places].inputs != after[places].inputs
    assert '["1","1–3"]' in str(after[places].render())


def test_pages_are_small_with_a_thousand_agents() -> None:
    sizes = {}
    for page in pages(fake_board(many(1000))):
        if not page.name.startswith(("agents/agent-0", "lives/", "data/agent-")) or "0500" in page.name:
            sizes[page.name] = len(page.render().encode())
    assert max(sizes.values()) < 2_000_000, max(sizes, key=lambda name: sizes[name])
    first_view = [
        "index.html",
        *(f"assets/{n}" for n in ("site.css", "table.css", "plots.css", "theme.js", "table.js", "filter.js")),
    ]
    assert sum(sizes[name] for name in first_view) < 300_000
    assert max(sizes[name] for name in sizes if name.startswith(("agents/", "environments/", "suites/"))) < 1_000_000


def test_an_agents_page_depends_on_its_own_rows_only() -> None:
    """So that adding one submission does not draw a thousand pages anew."""
    before, after = ({page.name: page.inputs for page in pages(board_of(many(n)))} for n in (20, 21))
    changed = {name for name in before if before[name] != after[name]}
    own = ("agents/", "data/agent-", "lives/", "assets/", "metrics")
    assert not [name for name in changed if name.startswith(own)]
    assert {name for name in after if name not in before and name.startswith("agents/")} == {
        name for name in after if "agent-0020" in name and name.startswith("agents/")
    }


def test_an_empty_board_is_a_site() -> None:
    site = rendered(fake_board([]))
    assert "No submissions yet" in site["index.html"]
    assert "no two agents" in site["compare.html"]


def test_who_could_not_be_replayed_is_listed_without_figures() -> None:
    html = rendered(
        fake_board([], (Reported(path="x/y", agent="ghost", suite="s-v1", reason="its world is not here"),))
    )
    assert "Reported, not replayed" in html["index.html"]
    assert "ghost" in html["index.html"]


def test_inside_a_tier_agents_stand_by_name_and_the_tier_is_told(site: dict[str, str]) -> None:
    name = next(name for name in site if name.startswith("environments/Games"))
    rows = re.findall(r'<tr class="([^"]*)" data-tier="(\d+)".*?<bdi>([^<]*)</bdi>', site[name], re.DOTALL)
    ranked = [(int(tier), agent) for _, tier, agent in rows if tier != "999999"]
    assert ranked == sorted(ranked)
    assert [agent for words, _, agent in rows if "same" in words.split()] == [
        "greedy-no-repeat",
        "greedy",
        "ppo",
        "popular",
    ]


def test_privileged_rows_are_apart(site: dict[str, str]) -> None:
    for name, text in site.items():
        if name.startswith("environments/"):
            (apart,) = re.findall(r'<tbody class="apart">(.*?)</tbody>', text, re.DOTALL)
            assert "oracle" in apart
            assert "greedy" not in apart


def suite_page(board: Board) -> str:
    return next(page.render() for page in pages(board) if page.name.startswith("suites/"))  # type: ignore[return-value]


def test_a_suite_of_which_some_play_a_part_shows_every_score() -> None:
    table = suite_page(in_part()).split('id="scores"')[1].split("</table>")[0]
    rows = [row.split("<td") for row in re.findall(r'<tr><th scope="row".*?</tr>', table, re.DOTALL)]
    scores = {re.sub(r"<.*?>|\s", "", head): cells for head, *cells in rows}
    assert len(scores) == 11
    assert list(scores)[-2:] == ["billp", "oracle"]  # those that have less to show come last, and then the bounds
    assert [(name, n) for name, cells in scores.items() for n in (0, 1) if "—" in cells[n]] == [("billp", 1)]
    assert "Scores by environment" not in suite_page(fake_board())  # there the table of all has everybody


def test_an_agent_page_names_the_suite_where_an_environment_comes_twice() -> None:
    rows = [fake_row("greedy", 0), fake_row("greedy", 1), fake_row("greedy", 0, suite="other", suite_hash="1" * 64)]
    text = next(str(page.render()) for page in pages(board_of(rows)) if page.name.startswith("agents/"))
    costs = text.split("one column an environment</caption>")[-1].split("</thead>")[0].replace("<wbr>", "")
    named = [name.replace("\N{NON-BREAKING HYPHEN}", "-") for name in re.findall(r'wraps">(.*?)<', costs)]
    assert sorted(named) == ["Books-v0", "Games-v0, other", "Games-v0, smoke-v1"]


def test_pages_say_that_a_transcript_was_left_out() -> None:
    board = fake_board(told([fake_row("greedy", 0)]))
    (suite,), (section,) = board.suites, board.sections
    (entry,) = section.ranked
    submission = entry.summary.submission.model_copy(update={"left_out": ("transcript.jsonl",)})  # type: ignore[union-attr]
    entry = replace(entry, summary=replace(entry.summary, submission=submission))  # type: ignore[type-var]
    without = replace(board, suites=(replace(suite, sections=(replace(section, ranked=(entry,)),)),))
    for page, words in (
        ("lives/", "the submitter left its transcript out"),
        ("agents/", "the player shows no thoughts"),
    ):
        (said,) = [text for name, text in rendered(without).items() if name.startswith(page)]
        assert words in said
        assert not [name for name, text in rendered(board).items() if words in text]
