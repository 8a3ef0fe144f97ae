"""Catalogue text is data: nothing in a title may break a format, and what is written can be read back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.llm.scripted_reading import read_line
from bilp_agent.text import field, number
from recsim_envs.text.catalogue import CatalogueText, plain
from tests.bilp_agent.fakes import TITLES, catalogue


@given(st.text(max_size=300))
def test_plain_text_is_one_short_line_without_format_characters(title: str) -> None:
    made = plain(title, 80)
    assert len(made) <= 80
    assert len(made.splitlines()) <= 1
    assert not set(made) & set('"|;#[]{}<>`')
    assert plain(made, 80) == made


@given(st.text(max_size=100))
def test_an_item_line_reads_back_whatever_the_title(title: str) -> None:
    text = CatalogueText(catalogue((title, *TITLES[1:])))
    read = read_line(f"- step 3: {text.line(0)} | reward 4")
    assert read is not None
    assert read.title == text.title(0) != ""
    assert (read.categories, read.rating, read.reward) == (("Action",), 4.5, 4.0)


def test_categories_with_commas_are_recognised() -> None:
    text = CatalogueText(catalogue())
    assert text.named_categories("Mystery, Thriller & Suspense") == (2,)
    assert text.named_categories("action; Mystery, Thriller & Suspense; Nonsense") == (0, 2)
    assert text.named_categories("Puzzle, Action.") == (1, 0)
    assert text.named_categories("any") == ()


def test_fields_are_found_through_the_decoration_that_models_add() -> None:
    answer = "Sure!\n**Thought:** stay\n- focus : Action\nValue: about -3.5 or so"
    assert (field(answer, "Thought"), field(answer, "Focus")) == ("stay", "Action")
    assert number(field(answer, "Value")) == -3.5
    assert field(answer, "Item") is None
    assert number("none") is None


def test_blank_lines_by_the_thousand_are_gone_through_once() -> None:
    answer = "Sure!" + " \n" * 40_000 + " - Focus: Action"  # takes half a minute, if from each of them
    assert (field(answer, "Thought"), field(answer, "Focus")) == (None, "Action")


def test_a_line_that_says_what_to_expect_needs_neither_rating_nor_times() -> None:
    text = CatalogueText(catalogue())
    line = text.line(0).rpartition(" | ")[0]
    read = read_line(f"- {line} | score 0.50, 3 steps ago | expect 0.42, leaves 5%")
    assert read is not None
    assert (read.title, read.categories, read.reward, read.times) == (text.title(0), ("Action",), 0.5, 1)
    assert (read.expected, read.leaves, read.ago) == (0.42, 0.05, True)
    assert read_line(f"- {line} | score 0.50, 3 steps ago") is None
