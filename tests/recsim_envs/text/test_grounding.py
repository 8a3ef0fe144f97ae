"""Grounding: exact, normalised, fuzzy, nearest; never what may not be shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsim_envs.text.catalogue import CatalogueText
from recsim_envs.text.grounding import Allowed, Grounded, Grounding, normalise
from tests.recsim_envs.catalogues import catalogue

TITLES = ("BioShock™", "Portal", "Portal", "The Witcher 3: Wild Hunt", "Café Racer", "Tom & Jerry", "Ark", "Doom 2")


@pytest.fixture(scope="module")
def grounding() -> Grounding:
    return Grounding(CatalogueText(catalogue(TITLES)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Portal", Grounded(1, "exact")),
        ('"Portal"', Grounded(1, "exact")),
        ("bioshock", Grounded(0, "normalised")),
        ("witcher 3 - wild hunt", Grounded(3, "normalised")),
        ("Cafe Racer", Grounded(4, "normalised")),
        ("The Witcher 3: Wild Hnt", Grounded(3, "fuzzy")),
        ("Witcher Remastered", Grounded(3, "embedding")),
        ("qqqqqq", Grounded(6, "fallback")),
        ("", Grounded(6, "fallback")),
    ],
)
def test_a_name_leads_to_an_item(grounding: Grounding, name: str, expected: Grounded) -> None:
    assert grounding.ground(name, Allowed(), (6, 7)) == expected


def test_a_candidate_of_this_title_wins(grounding: Grounding) -> None:
    assert grounding.ground("Portal", Allowed(), (2, 1)) == Grounded(2, "exact")


def test_what_may_not_be_shown_is_no_candidate(grounding: Grounding) -> None:
    assert grounding.ground("Portal", Allowed(frozenset({1})), (7,)) == Grounded(2, "exact")
    assert grounding.ground("Portal", Allowed(frozenset({1, 2})), (7,)).item not in (1, 2)
    mask = np.zeros(8, np.int8)
    mask[5] = 1
    assert grounding.ground("Portal", Allowed(mask=mask), ()) == Grounded(5, "fallback")


@given(st.text(max_size=40), st.sets(st.integers(0, 7), max_size=6), st.integers(0, 255))
def test_grounding_always_ends_at_an_allowed_item(name: str, blocked: set[int], bits: int) -> None:
    mask = np.array([bits >> i & 1 for i in range(8)], np.int8)
    allowed = Allowed(frozenset(blocked), mask)
    free = [i for i in range(8) if i not in blocked and mask[i]]
    assert allowed.any_item(8) == bool(free)
    if free:
        found = Grounding(CatalogueText(catalogue(TITLES))).ground(name, allowed, free[:1])
        assert found.item in free


def test_titles_are_normalised() -> None:
    assert normalise("The Witcher® 3: Wild Hunt") == "witcher 3 wild hunt"
    assert normalise("A") == "a"
    assert normalise("Pokémon_X") == "pokemon x"
