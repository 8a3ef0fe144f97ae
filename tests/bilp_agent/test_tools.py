"""Tools return true facts; sessions are what the observations say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.session import Shown, follow, open_session
from bilp_agent.states import coarse_text
from bilp_agent.tools import CategoryFact, LikenessFacts, RepeatFacts, Tools
from bilp_agent.views import RewardsView
from recsim_envs.text.grounding import Allowed
from tests.bilp_agent.fakes import CATEGORIES, RATINGS, catalogue, session, task

TOOLS = Tools(catalogue())
NAMES = catalogue().category_names


def test_category_means_are_true() -> None:
    visit = session([(0, 5), (1, 2)], [(4, 3), (1, 4)])
    assert TOOLS.category_means(visit.during) == [CategoryFact(0, 3.5, 2), CategoryFact(1, 2.0, 1)]
    before = [CategoryFact(0, 4.0, 1), CategoryFact(1, 4.0, 1), CategoryFact(2, 3.0, 1)]
    assert TOOLS.category_means(visit.before) == before
    assert TOOLS.unseen_categories(session([(0, 5)]), 5) == [1, 2]
    assert TOOLS.unseen_categories(visit, 5) == []


def test_of_equally_rated_items_the_more_popular_come_first_then_those_of_smaller_ids() -> None:
    equal = replace(catalogue(), mean_reward=np.full(8, 4.0, np.float32), popularity=np.array([1, 5, 1, 5, 1, 1, 9, 1]))
    assert equal.best_rated().tolist() == Tools(equal).ranking(None).tolist() == [6, 1, 3, 0, 2, 4, 5, 7]
    assert Tools(equal).ranking(0).tolist() == [6, 1, 0, 5]


@given(
    st.lists(st.integers(0, 2), max_size=3, unique=True),
    st.frozensets(st.integers(0, 7)),
    st.sets(st.integers(0, 2), max_size=2),
    st.integers(1, 8),
)
def test_search_equals_a_plain_search(
    categories: list[int], blocked: frozenset[int], without: set[int], count: int
) -> None:
    found = TOOLS.search(categories, Allowed(blocked), count, without)
    fit = [i for i in range(8) if i not in blocked and not without & set(CATEGORIES[i])]
    inside = [i for i in fit if not categories or set(categories) & set(CATEGORIES[i])] or fit
    assert len(found) == len(set(found)) == min(count, len(inside))
    assert set(found) <= set(inside)
    if len(categories) < 2 or not set(inside) & set(found):
        assert found == sorted(inside, key=lambda i: -RATINGS[i])[:count]


def test_search_takes_categories_in_turn() -> None:
    assert TOOLS.search([2, 0], Allowed(), 4) == [3, 6, 5, 0]


def test_liked_items_are_known_and_the_first_met_first() -> None:
    visit = session([(0, 5), (2, 1), (3, 5)], [(6, 5), (4, 2)])
    assert TOOLS.liked(visit, Allowed(), 5) == [6, 0, 3]
    assert TOOLS.liked(visit, Allowed(frozenset({6})), 1) == [0]
    assert TOOLS.liked(visit, Allowed(), 5, without={0}) == [3]
    assert TOOLS.liked(visit, Allowed(), 9, at_least=2.0) == [6, 0, 3, 4]
    assert TOOLS.liked(visit, Allowed(), 9, at_least=1.0, shown_first=True) == [0, 2, 3, 6, 4]
    assert TOOLS.liked(session([(3, 5), (0, 5), (3, 5)]), Allowed(), 5) == [3, 0]
    assert TOOLS.liked(session(), Allowed(), 5) == []


def test_of_equals_what_has_not_rested_comes_last() -> None:
    visit = session([(6, 5), (0, 5), (3, 5)], [(0, 5), (3, 5), (4, 2)])  # 6 three steps ago, then 0, then 3
    assert TOOLS.liked(visit, Allowed(), 5) == [0, 3, 6]
    assert TOOLS.liked(visit, Allowed(), 5, rest=0) == [6, 0, 3]  # not known: longest ago first
    assert TOOLS.liked(visit, Allowed(), 5, rest=1) == [0, 6, 3]
    assert TOOLS.liked(visit, Allowed(), 5, rest=2) == [6, 0, 3]
    assert TOOLS.liked(visit, Allowed(frozenset({0, 3})), 5, rest=2) == [6]


def test_nothing_is_shown_twice_running_where_nothing_is_known_of_rest() -> None:
    entries: list[tuple[int, float]] = []
    for _ in range(9):
        first = TOOLS.liked(session(entries, [(0, 5), (3, 5), (6, 5)]), Allowed(), 1, rest=0)[0]
        entries.append((first, 5))
    assert [item for item, _ in entries] == [0, 3, 6] * 3


def test_how_far_ratings_are_off_is_told_with_its_spread() -> None:
    visit = session([(0, 5), (4, 1)], [(3, 4)])  # rated 4.5, 2.0 and 4.8
    mean, spread = TOOLS.rating_gap(visit)
    gaps = np.array([0.5, -1.0, -0.8])
    assert mean == pytest.approx(gaps.mean(), abs=1e-6)
    assert mean == pytest.approx(visit.mean_gap_to_rating)
    assert spread == pytest.approx(gaps.std(ddof=1), abs=1e-6)
    assert TOOLS.rating_gap(session()) == (0.0, 0.0)
    assert TOOLS.rating_gap(session([(0, 5)])) == (0.5, 0.0)


def test_resting_categories_are_the_last_main_ones() -> None:
    visit = session([(0, 5), (3, 5), (4, 5)])
    assert TOOLS.resting(visit, 0) == set()
    assert TOOLS.resting(visit, 2) == {1, 2}


def entries(*items: int) -> list[Shown]:
    return [Shown(step, item, 5.0) for step, item in enumerate(items, 1)]


def test_repeat_facts() -> None:
    assert TOOLS.repeats(entries(0, 1, 2)) == RepeatFacts(None, None)
    assert TOOLS.repeats(entries(0, 1, 0)) == RepeatFacts(2, None)
    assert TOOLS.repeats(entries(0, 1, 2, 0, 1, 1)) == RepeatFacts(1, 3)
    assert TOOLS.repeats([]) == RepeatFacts(None, None)


def test_likeness_facts() -> None:
    # main categories: 0 -> 0, 6 -> 0, 2 -> 1, 7 -> 1, 4 -> 2
    assert TOOLS.likeness(entries(0, 6, 2, 4, 7)) == LikenessFacts(1, 2, 2)
    assert TOOLS.likeness(entries(0, 4)) == LikenessFacts(0, 0, None)


def _observations(history: list[int], shown: list[int], length: int) -> dict[str, Any]:
    def padded(values: list[int], fill: int) -> np.ndarray[Any, Any]:
        return np.array([[fill] * (10 - len(values)) + values])

    return {
        "history_items": padded(history, -1),
        "history_rewards": padded([i + 1 for i in history], 0),
        "session_items": padded(shown[-10:], -1),
        "session_rewards": padded([i + 1 for i in shown[-10:]], 0),
        "length": np.array([[length]]),
    }


@given(st.lists(st.integers(0, 7), max_size=25), st.lists(st.integers(0, 7), max_size=10), st.integers(1, 10))
def test_a_ledger_is_what_the_observations_show(shown: list[int], history: list[int], stride: int) -> None:
    view = RewardsView(task())
    visit = open_session(view, catalogue(), _observations(history, [], 0), 0)
    for length in [*range(0, len(shown), stride), len(shown)]:
        follow(visit, view, _observations(history, shown[:length], length), 0, length)
    assert visit.shown == [Shown(s, i, float(i + 1)) for s, i in enumerate(shown, 1)]
    assert [entry.item for entry in visit.history] == history
    assert visit.step == len(shown)
    for item in set(shown):
        last = len(shown) - shown[::-1].index(item)
        assert visit.steps_since(item) == len(shown) + 1 - last
    gaps = [i + 1 - RATINGS[i] for i in history + shown]
    assert abs(visit.mean_gap_to_rating - (sum(gaps) / len(gaps) if gaps else 0)) < 1e-5


def test_states_recur() -> None:
    one = coarse_text(session([(0, 5), (2, 4)]), NAMES, 20, 10)
    other = coarse_text(session([(6, 4.4), (7, 4)]), NAMES, 20, 10)
    assert (
        one
        == other
        == ("stage middle; last category Puzzle; last reward 4; mean reward 4; repeats none; category run 1")
    )
    assert "repeats few; category run 2" in coarse_text(
        session([(0, 5), (6, 5), (0, 5), (4, 5), (4, 5)]), NAMES, 20, 10
    )
    assert coarse_text(session(), NAMES, 20, 10) == "stage start"
