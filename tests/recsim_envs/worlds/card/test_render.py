"""Cards for people: every kind renders in every form, text from outside stays text, damage is survived."""

from __future__ import annotations

import builtins
import copy
import random
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds import resolve
from recsim_envs.worlds.card import card_html, card_markdown, plots, render
from recsim_envs.worlds.card.blocks import escaped
from recsim_envs.worlds.card.plots import PLOTS, draw
from tests.recsim_envs.worlds.card.made import made_card, made_world
from tests.worlds import tiny_world

FORMS = [card_markdown, card_html]
EVIL = "<script>alert(1)</script> [x](javascript:y) $\\frac$ | `z`\n# head ‮"


@pytest.fixture(scope="module")
def world():
    return made_world().with_card(made_card())


@pytest.fixture(scope="module")
def page(world):
    return card_html(world)


@pytest.fixture
def no_plots(monkeypatch):
    monkeypatch.setattr(render, "draw", lambda name, card: "<svg/>")


def test_a_world_without_a_card_says_so():
    for form in FORMS:
        assert "no card" in form(tiny_world())


@pytest.mark.parametrize(
    "card",
    [
        {"kind": "log"},
        {"kind": "synthetic"},
        {"kind": "log", "held_out": 3, "ratings": None},
        {"kind": "log", "schema_version": 2},
        {"kind": "log", "schema_version": 2, "held_out": 3, "distances": None, "fit": [], "verdict": {"good_for": 3}},
    ],
    ids=str,
)
def test_a_card_that_lacks_figures_says_so(card):
    for form in FORMS:
        assert "not measured" in form(tiny_world().with_card(card))


@pytest.mark.parametrize("kind", [[], "other", None, 3])
def test_a_card_of_no_known_kind_is_none(kind):
    for form in FORMS:
        assert "no card" in form(tiny_world().with_card({"kind": kind}))


@pytest.mark.parametrize("name", ["games", "videos"])
def test_cards_of_generated_worlds_render(name):
    world = resolve(name)
    text, html = card_markdown(world), card_html(world)
    assert "| fact | this world | recorded | within tolerance |" in text
    assert world.hash in text
    assert world.hash in html
    assert "within tolerance" in html
    assert "<svg" not in html


def test_markdown_tells_every_part(world):
    text = card_markdown(world)
    for title in ("Not valid for", "Good for", "held-out rows of", "Items that nobody chose", "What planning is worth"):
        assert re.search(rf"^## .*{title}", text, re.MULTILINE)
    assert "| matrix factorisation |" in text
    assert "(`held_out.gains.bias_only.rmse`)" in text
    assert r"r.csv: 2 of 900 lines were bad and skipped:" in text
    assert r"- line 3: \<b\>bad\</b\> \| x" in text
    assert not re.search(r"\n\n\n", text)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_the_drop_of_ndcg_comes_with_the_rows_it_hangs_on(world):
    card = made_card()
    each = [f"{held['rows'] / held['users']:.1f}" for held in (card["exposure"]["random"], card["held_out"])]
    assert "There a user has {} of them, {} among the held-out ones".format(*each) in card_markdown(world)


def test_the_page_is_one_well_formed_file_that_fetches_and_runs_nothing(page):
    class Balance(HTMLParser):
        open_: list[str] = []

        def handle_starttag(self, tag, attrs):
            assert tag not in ("script", "iframe", "object", "base", "form")
            assert not [a for a, v in attrs if a.startswith("on") or (a in ("src", "href") and v != "data:,")]
            if tag not in ("meta", "link"):
                self.open_.append(tag)

        def handle_endtag(self, tag):
            assert self.open_.pop() == tag

    parser = Balance()
    parser.feed(page)
    assert parser.open_ == []
    assert page.count("<svg") == len(PLOTS)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "default-src 'none'" in page
    assert "url(http" not in page


def test_the_page_is_the_same_every_time(world, page):
    assert card_html(world) == page


def test_plots_take_the_colours_of_the_page(world):
    for name in PLOTS:
        svg = draw(name, world.info.card)
        ElementTree.fromstring(svg)
        assert not re.findall(r"#[0-9a-fA-F]{6}\b", svg)
        assert "var(--ink)" in svg
        assert "<metadata>" not in svg


def test_a_style_of_the_reader_changes_no_plot(world):
    import matplotlib

    card = world.info.card
    usual = draw("ratings", card)
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path"}):
        assert draw("ratings", card) == usual
        assert matplotlib.rcParams["font.size"] == 30


def test_text_from_outside_stays_text(no_plots):
    card = copy.deepcopy(made_card())
    card["verdict"]["good_for"][0]["text"] = EVIL
    card["verdict"]["good_for"][0]["figure"] = EVIL
    card["horizon"]["best_myopic"] = EVIL
    card["fit"][EVIL] = {EVIL: [EVIL]}
    info = made_world().info.model_copy(update={"name": EVIL, "description": EVIL, "domain": EVIL, "licence": EVIL})
    bare = made_world()
    world = type(bare)(info, bare.arrays).with_card(card)
    page, text = card_html(world), card_markdown(world)
    assert "<script" not in page
    assert not re.search(r"(?<!\\)<script|(?<!\\)\]\(|^# head", re.sub(r"`[^`\n]*`", "", text), re.MULTILINE)
    assert "\u202e" not in page + text


def test_text_from_outside_stays_text_in_plots():
    card = copy.deepcopy(made_card())
    card["distances"]["categories"]["categories"][0] = EVIL
    svg = draw("categories", card)
    ElementTree.fromstring(svg)
    assert "<script" not in svg


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b\nc", r"a\|b c"),
        ("[1.0, 2.0]", "[1.0, 2.0]"),
        ("[a](b)", r"[a\](b)"),
        ("[a]: b", r"[a\]: b"),
        ("r_min _x_", r"r_min \_x\_"),
        ("<b> `c` *d*", r"\<b\> \`c\` \*d\*"),
    ],
)
def test_markdown_is_escaped_no_more_than_needed(text, expected):
    assert escaped(text) == expected


def _places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from _places(part, (*path, key))


def test_damage_anywhere_is_survived(no_plots):
    dice, bare = random.Random(0), made_world()
    places = [path for path in _places(made_card()) if path and path[0] not in ("kind", "schema_version")]
    for path in dice.sample(places, 400):
        card = copy.deepcopy(made_card())
        part = card
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = dice.choice([None, "x", -1, 1e308, [], {}, [[None]], {"a": 1}, True])
        for form in FORMS:
            form(bare.with_card(card))


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c["distances"]["ratings"]["shares"].update(observed=["x"] * 5),
        lambda c: c["distances"]["ratings"].update(shares=None),
        lambda c: c["distances"]["ratings"]["shares"].update(observed=[1e300] * 5),
        lambda c: c["distances"]["ratings"]["shares"].update(observed=[0.1] * 100_000),
        lambda c: c["distances"].pop("ratings"),
    ],
)
def test_a_plot_that_cannot_be_drawn_is_left_out(monkeypatch, damage):
    monkeypatch.setattr(plots, "PLOTS", {**PLOTS})
    card = copy.deepcopy(made_card())
    damage(card)
    with pytest.raises(render.DAMAGE):
        draw("ratings", card)
    monkeypatch.setattr(render, "draw", lambda name, c: draw(name, c) if name == "ratings" else "<svg/>")
    assert "simulator card" in card_html(made_world().with_card(card))


def test_plots_without_matplotlib_have_a_name(world, monkeypatch):
    usual = builtins.__import__

    def missing(name, *rest, **named):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return usual(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigurationError, match=r"longrec\[data\]"):
        card_html(world)
    assert "no card" in card_html(tiny_world())
    assert "Not valid for" in card_markdown(world)
