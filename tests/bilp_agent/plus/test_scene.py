"""Circumstances against a plain look at the session."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.hypotheses import Circumstances
from bilp_agent.plus.scene import Scene
from bilp_agent.tools import Tools
from tests.bilp_agent.fakes import CATEGORIES, catalogue, session

WINDOW = 4
TOOLS = Tools(catalogue(), (1.0, 5.0))


@given(st.lists(st.integers(0, 7), max_size=12), st.integers(0, 7), st.integers(0, 3))
def test_circumstances_equal_a_plain_look(shown: list[int], item: int, imagined: int) -> None:
    split = len(shown) - min(imagined, len(shown))
    visit = session([(i, 5.0) for i in shown[:split]])
    found = Scene.of(visit, TOOLS, WINDOW, shown[split:]).circumstances(item)
    backs = [len(shown) - n for n in range(len(shown)) if shown[n] == item]
    window = shown[-WINDOW:]
    alike = [len(window) - n for n in range(len(window)) if CATEGORIES[window[n]][0] == CATEGORIES[item][0]]
    crowded = max(sum(c in CATEGORIES[other] for other in window) for c in CATEGORIES[item])
    reward = TOOLS.expected_reward(visit, item)
    assert found == Circumstances(min(backs, default=None), min(alike, default=None), crowded, reward)
