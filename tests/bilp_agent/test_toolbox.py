"""Tools against plain Python, and the record of their calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.toolbox import Fatigue, Toolbox
from bilp_agent.tools import Tools
from recsim_envs.text.catalogue import CatalogueText
from recsim_envs.text.grounding import Allowed
from tests.bilp_agent.fakes import CATEGORIES, RATINGS, catalogue, session

WINDOW = 4
TOOLS = Tools(catalogue(), (1.0, 5.0))


def toolbox() -> Toolbox:
    return Toolbox(TOOLS, CatalogueText(catalogue()), WINDOW)


def test_every_call_is_on_record() -> None:
    box, visit = toolbox(), session([(0, 5), (1, 3)])
    assert box.category_analysis(visit, during=True) == "Action 4.00 (2); Puzzle 3.00 (1)"
    assert box.category_analysis(visit, during=True, most=1) == "Action 4.00 (2)"
    assert box.category_analysis(visit, during=False) == "none"
    assert box.search(visit, [1], Allowed(), 2) == [3, 7]
    assert box.tally == {"category analysis": 3, "search by category": 1}
    assert [(c.step, c.tool) for c in visit.calls][-2:] == [(3, "category analysis"), (3, "search by category")]
    assert visit.calls[-1].arguments == "[1], 2"
    assert visit.calls[0].digest != visit.calls[2].digest
    again = session([(0, 5), (1, 3)])
    box.category_analysis(again, during=True)
    assert again.calls[0] == visit.calls[0]


def test_what_was_shown_is_told_from_a_step_on() -> None:
    box, visit = toolbox(), session([(0, 5), (1, 3), (4, 2)], [(6, 4)])
    assert [(e.step, e.item, e.reward) for e in box.shown(visit, 1)] == [(2, 1, 3), (3, 4, 2)]
    assert len(box.shown(visit, -7)) == 3
    assert box.shown(visit, 3) == []
    assert [(c.tool, c.arguments) for c in visit.calls][:1] == [("what was shown", "after=1")]


def test_titles_are_found_by_their_words() -> None:
    box, visit = toolbox(), session()
    assert box.find(visit, "return GAMMA", Allowed(), 3) == [2]
    assert box.find(visit, "two", Allowed(frozenset({1})), 3) == []
    assert box.find(visit, "!", Allowed(), 3) == []
    assert [c.tool for c in visit.calls] == ["search by text"] * 3


@given(st.integers(0, 7), st.frozensets(st.integers(0, 7)), st.integers(1, 8))
def test_neighbours_share_most_categories(item: int, blocked: frozenset[int], count: int) -> None:
    shared = {i: len(set(CATEGORIES[i]) & set(CATEGORIES[item])) for i in range(8) if i != item and i not in blocked}
    wanted = sorted((i for i in shared if shared[i]), key=lambda i: (-shared[i], -RATINGS[i]))[:count]
    assert TOOLS.neighbours(item, Allowed(blocked), count) == wanted
    box, visit = toolbox(), session()
    title = catalogue().titles[item]
    assert box.find(visit, f'like "{title}"', Allowed(blocked), count) == wanted
    assert visit.calls[0].tool == "neighbours"


def test_neighbours_of_nothing_are_none() -> None:
    assert toolbox().find(session(), 'like "No such title"', Allowed(), 3) == []


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(1, 5)), max_size=12))
def test_fatigue_is_what_the_session_shows(shown: list[tuple[int, int]]) -> None:
    told = toolbox().fatigue(session([(i, float(r)) for i, r in shown]))
    recent = shown[-WINDOW:]
    mains = [CATEGORIES[i][0] for i, _ in recent]
    run = 0
    while run < len(mains) and mains[-1 - run] == mains[-1]:
        run += 1
    start = len(shown) - len(recent)
    repeats = sum(shown[n][0] in [i for i, _ in shown[:n]] for n in range(start, len(shown)))
    half = len(recent) // 2
    trend = sum(r for _, r in recent[-half:]) / half - sum(r for _, r in recent[:half]) / half if half else 0.0
    assert told == Fatigue(run, repeats, trend)


def test_what_is_expected_of_a_new_item_is_its_rating_moved_by_the_user() -> None:
    visit = session([(0, 5)], [(1, 3)])  # +0.5 and -1 off the ratings; mean 4, Action 4, Puzzle 3
    assert TOOLS.expected_reward(visit, 1) == 3.0  # known
    assert abs(TOOLS.expected_reward(visit, 2) - (3.5 - 0.25 + (3 - 4) / 3)) < 1e-6
    assert TOOLS.expected_reward(session([(4, 5)]), 6) == 5.0  # no more than the largest reward
