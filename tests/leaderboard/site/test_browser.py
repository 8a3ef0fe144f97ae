"""The site in a real Chromium, from files: what people do on it, by mouse and by keyboard, on a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
expect.set_options(timeout=30_000)  # machines that run tests may be busy

KINDS = ("index.html", "suites", "environments", "agents", "lives", "compare.html", "metrics.html")
PHONE = {"width": 380, "height": 760}


class Tab:
    """One page in a context of its own. Errors, messages and requests are kept, and must be none of ours to fear."""

    def __init__(self, browser: Any, site: Path, **options: Any) -> None:
        self.site, self.faults = site, list[str]()
        self._context = browser.new_context(reduced_motion="reduce", **options)
        self.page = self._context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: self.faults.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._asked)
        self.page.on("requestfailed", lambda request: self.faults.append(f"failed: {request.url}"))

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.site.as_uri(), "data:,")):
            self.faults.append(f"asked for {request.url}")

    def open(self, kind: str) -> Any:
        """The first page of a kind."""
        path = self.site / kind
        if not path.suffix:
            files = sorted(path.iterdir())
            path = next((file for file in reversed(files) if "billp" in file.name), files[-1])  # on Games
        self.page.goto(path.as_uri())
        return self.page

    def close(self) -> None:
        self._context.close()
        assert self.faults == []


@pytest.fixture
def tab(browser: Any, small_site: Path) -> Iterator[Tab]:
    opened = Tab(browser, small_site)
    yield opened
    opened.close()


@pytest.fixture
def large(browser: Any, large_site: Path) -> Iterator[Tab]:
    opened = Tab(browser, large_site)
    yield opened
    opened.close()


def unfold(page: Any) -> None:
    """Open everything that can be."""
    page.wait_for_load_state()
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")


def agents(page: Any, table: str) -> list[str]:
    """Names of the competing agents that a table shows, from top to bottom."""
    return page.locator(f"{table} tbody:not(.apart) tr:visible th a").all_inner_texts()


def test_sorting_by_keyboard_leaves_tiers_and_comes_back_to_them(tab: Tab) -> None:
    page = tab.open("environments")
    before = agents(page, "table.board:not(.anchors)")
    heading = page.get_by_role("button", name="Len")
    heading.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("columnheader", name="Len").get_attribute("aria-sort") == "descending"
    assert agents(page, "table.board:not(.anchors)")[0] == "greedy-no-repeat"
    page.keyboard.press("Enter")
    assert page.get_by_role("columnheader", name="Len").get_attribute("aria-sort") == "ascending"
    assert agents(page, "table.board:not(.anchors)")[-1] == "greedy-no-repeat"
    page.get_by_role("button", name="Score").click()  # of tiers, since inside them nothing is ordered
    assert agents(page, "table.board:not(.anchors)") == before
    page.get_by_role("button", name="Agent").click()
    assert agents(page, "table.board:not(.anchors)") == sorted(before)


def test_filtering_by_environment_badge_and_agent(tab: Tab) -> None:
    page = tab.open("index.html")
    page.get_by_label("Environment", exact=True).select_option("Games-v0")
    assert page.locator("h3:visible").all_inner_texts() == ["Games-v0"]
    page.get_by_role("searchbox", name="Agent").fill("greedy no")
    expect(page.locator("#found")).to_have_text("1 row")
    page.get_by_role("searchbox", name="Agent").fill("oracle")
    expect(page.locator("#found")).to_have_text("1 row")
    assert page.locator("tbody.apart th bdi:visible").all_inner_texts() == ["oracle"]
    page.get_by_role("searchbox", name="Agent").fill("nobody")
    expect(page.locator("#found")).to_have_text("0 rows")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Badge").select_option("replayed")
    expect(page.locator("#found")).to_have_text("22 rows")
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("searchbox", name="Agent").fill("billp")
    expect(page.locator("#found")).to_have_text("2 rows")
    assert page.locator("h3:visible").all_inner_texts() == ["Over all environments", "Games-v0", "Books-v0"]


def test_agents_that_the_page_does_not_hold_are_read_when_asked_for(large: Tab) -> None:
    page = large.open("index.html")
    table = "section[data-environment='Games-v0'] table"
    assert len(agents(page, table)) == 12
    page.get_by_role("searchbox", name="Agent").fill("agent-0077")
    expect(page.locator("#found")).to_have_text("2 rows")
    assert agents(page, table) == ["agent-0077"]
    page.get_by_role("button", name="Clear").click()
    rows = page.locator(f"{table} tbody:not(.apart) tr")
    more = page.locator("section[data-environment='Games-v0']").get_by_role("button", name="Show more")
    more.click()
    expect(rows).to_have_count(112)
    more.click()
    expect(rows).to_have_count(131)
    expect(more).to_be_hidden()


def test_from_the_board_to_an_agent_to_its_sessions(tab: Tab) -> None:
    page = tab.open("index.html")
    page.locator("section[data-environment='Games-v0']").get_by_role("link", name="billp").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("billp")
    page.get_by_role("link", name="watch sessions on Games-v0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A user’s life with billp")
    page.get_by_role("link", name="Games-v0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Games-v0")
    expect(page.locator("figure.chart")).to_have_count(4)  # retention, rewards, two of learning
    page.get_by_label("Cost", exact=True).select_option("p95")
    assert page.locator("figure.pareto [data-part]:visible").get_attribute("data-part") == "p95"
    page.get_by_label("Columns", exact=True).select_option("cost")
    assert page.get_by_role("columnheader", name="Tokens a decision").is_visible()
    assert not page.get_by_role("columnheader", name="Len").is_visible()


def test_a_session_is_played_by_keyboard(tab: Tab) -> None:
    page = tab.open("lives")
    where, keyboard = page.locator("#where"), page.keyboard
    steps = int(where.inner_text().split(" of ")[1])
    assert where.inner_text() == f"0 of {steps}"
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    keyboard.press("ArrowLeft")
    assert where.inner_text() == f"1 of {steps}"
    assert page.locator("#shown .items bdi").inner_text()
    assert "Fatigue" in page.locator("#hidden").inner_text()
    told = page.locator("#told").inner_text()
    assert all(part in told for part in ("Alternate puzzles", "too alike", "Critic’s value", "18.42"))
    assert "Planned at step\n1" in told  # from 0 in the transcript
    keyboard.press("End")
    assert where.inner_text() == f"{steps} of {steps}"
    assert page.locator(".verdict").inner_text().startswith(("left: ", "end: "))
    keyboard.press("Home")
    assert where.inner_text() == f"0 of {steps}"
    keyboard.press("PageDown")
    assert page.locator("#session").input_value() == "1"
    keyboard.press("PageUp")
    page.locator("#step").focus()
    keyboard.press("ArrowRight")
    assert where.inner_text() == f"1 of {steps}"
    keyboard.press(" ")
    assert page.get_by_role("button", name="Pause").get_attribute("aria-pressed") == "true"
    expect(where).to_have_text(f"2 of {steps}")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("The session as a table").click()
    assert page.locator("#table tbody tr").count() == steps
    page.get_by_text("at the end of its training sessions").click()
    assert "too alike" in page.locator("#lessons").inner_text()


def test_the_colours_of_a_session_have_names(tab: Tab) -> None:
    page = tab.open("lives")
    groups = page.evaluate(
        "new Set(JSON.parse(document.getElementById('lives').textContent).items.map((i) => i[1])).size"
    )
    names = page.locator("#groups li").all_inner_texts()
    assert len(names) == min(groups, 10)
    assert ("others" in names) == (groups > 9)


def test_the_same_user_is_met_with_another_agent(tab: Tab) -> None:
    page = tab.open("lives")
    page.get_by_role("button", name="Next session").click()
    user = page.locator("#shown").inner_text()
    page.get_by_label("The same user with").select_option(label="greedy")
    expect(page.get_by_role("heading", level=1)).to_have_text("A user’s life with greedy")
    expect(page.locator("#session")).to_have_value("1")
    assert page.locator("#shown").inner_text() == user


def test_two_agents_are_compared_on_the_same_users(tab: Tab) -> None:
    page = tab.open("compare.html")
    page.wait_for_selector("#result:visible")
    assert page.locator("#verdict").inner_text() == "billp and greedy-no-repeat are not told apart"
    page.get_by_label("Second agent").select_option(label="ppo (tier 3)")
    explained = page.locator("#explained")
    expect(explained).to_contain_text("score: +0.334")
    expect(explained).to_contain_text("The probability that billp gives a user more than ppo is 0.")
    expect(explained).to_contain_text("such a comparison finds differences of 0.")
    assert page.locator("#verdict").inner_text() == "billp is ahead of ppo"
    page.get_by_role("button", name="Swap").click()
    expect(explained).to_contain_text("score: −0.334")
    assert page.locator("#verdict").inner_text() == "billp is ahead of ppo"
    page.get_by_label("Environment", exact=True).select_option(label="Books-v0, smoke-v1")
    expect(page).to_have_url(re.compile("#Books"))
    page.get_by_label("Second agent").select_option(label="greedy (tier 2)")
    expect(page.locator("#verdict")).to_have_text("billp is ahead of greedy")
    address = page.url
    page.goto(tab.site.joinpath("metrics.html").as_uri())
    page.goto(address)
    expect(page.locator("#verdict")).to_have_text("billp is ahead of greedy")
    assert page.get_by_label("Environment", exact=True).locator("option:checked").inner_text() == "Books-v0, smoke-v1"


def test_any_two_of_many_agents_are_compared(large: Tab) -> None:
    page = large.open("compare.html")
    page.wait_for_selector("#result:visible")
    names = page.get_by_label("First agent").locator("option").all_inner_texts()
    assert len(names) > 130
    page.get_by_label("First agent").select_option(index=5)
    page.get_by_label("Second agent").select_option(index=129)
    first, last = (re.sub(r" \(tier \d+\)$", "", names[n]) for n in (5, 129))
    expect(page.locator("#verdict")).to_have_text(f"{first} is ahead of {last}")
    assert "95 % interval +" in page.locator("#explained").inner_text()


def test_the_page_of_an_agent_has_its_tiers_and_ranks(tab: Tab) -> None:
    page = tab.open("agents")
    for part, form in (("0", r"^\d+$"), ("1", r"^\d+(–\d+)?$")):
        for cell in page.locator(f"[data-part='{part}']").all():
            expect(cell).to_have_text(re.compile(form))


def test_the_theme_can_be_chosen_and_is_kept(tab: Tab) -> None:
    page = tab.open("index.html")

    def paper() -> str:
        return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    light = paper()
    page.get_by_role("button", name="Theme: auto").click()
    assert paper() == light
    page.get_by_role("button", name="Theme: light").click()
    assert paper() != light
    tab.open("metrics.html")
    assert page.get_by_role("button", name="Theme: dark").is_visible()
    assert paper() != light


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_scrolls_sideways_on_a_phone(browser: Any, large_site: Path, small_site: Path, kind: str) -> None:
    for site in (small_site, large_site) if kind in ("index.html", "environments") else (small_site,):
        tab = Tab(browser, site, viewport=PHONE, has_touch=True, is_mobile=True)
        page = tab.open(kind)
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], site
        tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_no_barriers(browser: Any, small_site: Path, kind: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab = Tab(browser, small_site, color_scheme=scheme)
    page = tab.open(kind)
    page.wait_for_load_state()
    if kind == "lives":
        page.keyboard.press("End")
    if kind == "compare.html":
        page.wait_for_selector("#result:visible")
    unfold(page)
    found = Axe().run(page, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
    assert [(v["id"], [node["target"] for node in v["nodes"]][:5]) for v in found] == []
    tab.close()


def test_the_first_view_of_many_agents_is_light(large: Tab) -> None:
    asked: list[str] = []
    large.page.on("request", lambda request: asked.append(request.url))
    page = large.open("index.html")
    page.wait_for_load_state()
    assert not [url for url in asked if "/data/" in url]
    assert page.locator("table.board").count() == 3


def test_pages_can_be_read_without_scripts(browser: Any, small_site: Path) -> None:
    tab = Tab(browser, small_site, java_script_enabled=False)
    page = tab.open("environments")
    assert page.get_by_role("columnheader", name="Tokens a decision").is_visible()
    assert page.locator("table.board tbody tr").count() > 10
    assert not page.locator("#columns").is_visible()
    tab.close()
