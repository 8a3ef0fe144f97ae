"""Pair facts equal what a plain look at the sessions gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.company import REACH, Company
from recsim_envs.errors import AgentError
from tests.bilp_agent.fakes import session

SHOWN = st.lists(st.integers(0, 7), max_size=20)


def closest(shown: list[int]) -> dict[tuple[int, int], int]:
    """The fewest steps between each two items of a session, at most REACH, by looking at all pairs of places."""
    found: dict[tuple[int, int], int] = {}
    for late in range(len(shown)):
        for early in range(max(late - REACH, 0), late):
            pair = (min(shown[late], shown[early]), max(shown[late], shown[early]))
            found[pair] = min(late - early, found.get(pair, REACH))
    return found


@given(SHOWN)
def test_a_session_knows_the_company_of_all_but_its_last_item(shown: list[int]) -> None:
    assert session([(i, 5) for i in shown]).company.closest == closest(shown[:-1])


@given(SHOWN, SHOWN, st.integers(0, 7), st.integers(0, REACH))
def test_untried_are_near_items_that_no_stay_clears(one: list[int], other: list[int], item: int, span: int) -> None:
    made = Company()
    for shown in (one, other):
        made.merge(session([(i, 5) for i in [*shown, 0]]).company)
    known = {p: min(closest(s).get(p, 99) for s in (one, other)) for p in closest(one) | closest(other)}
    near = one[len(one) - min(span, len(one)) :][::-1]
    wanted = [o for o in near if known.get((min(o, item), max(o, item)), 99) > span]
    assert made.untried(item, one, span) == wanted


def test_a_departure_is_shared_by_the_pairs_that_nothing_clears() -> None:
    made = Company()
    made.stay(3, [1])
    made.leave(3, [0, 1, 2], 2)  # 1 is cleared, 0 is too far back
    assert made.suspected == {(2, 3): 1.0}
    made.leave(3, [4, 2], 2)
    assert made.suspected == {(2, 3): 1.5, (3, 4): 0.5}
    assert made.suspicion(3, [2, 4, 7]) == 2.0
    assert made.partners() == {1: 1, 3: 1}


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    made = Company({(1, 2): 3}, {(0, 4): 0.5})
    made.save(tmp_path / "company.json")
    assert Company.load(tmp_path / "company.json") == made
    for text in ("{", '{"version": 2}', '{"version": 1, "closest": [[1, 2]], "suspected": []}'):
        (tmp_path / "company.json").write_text(text)
        with pytest.raises(AgentError, match=r"company\.json"):
            Company.load(tmp_path / "company.json")
