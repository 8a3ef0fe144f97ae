"""What the language-model baselines remember of sessions of which clicks alone are told."""

from __future__ import annotations

import pytest

from baselines.llm.act_only import ActOnlyAgent
from baselines.llm.exact_no_repeat import ExactNoRepeatAgent
from baselines.llm.react import ReActAgent
from baselines.llm.reflexion import ReflexionAgent
from baselines.llm.visit import Visit
from tests.bilp_agent.fakes import Door, play

CLICKS = "longrec/GamesClicks-v0"


def remembers(visit: Visit, items: list[int]) -> None:
    assert [seen.item for seen in visit.shown] == items
    assert {seen.score for seen in visit.shown} <= {0.0, 1.0}
    assert visit.last_step == {item: step for step, item in enumerate(items, 1)}


@pytest.mark.parametrize("kind", [ActOnlyAgent, ReActAgent, ReflexionAgent, ExactNoRepeatAgent])
def test_what_was_shown_and_not_clicked_is_remembered(kind):
    agent = kind()
    played = play(agent, None, range(40), 40, CLICKS)
    visits = agent._visits if kind is ExactNoRepeatAgent else agent._lanes
    for lane, items in played.items():
        remembers(visits[lane], items[:-1])  # of the last one no observation was seen
    assert {seen.score for visit in visits.values() for seen in visit.shown} == {0.0, 1.0}


def test_reflexion_looks_back_on_what_was_not_clicked(monkeypatch):
    visits, look_back = [], ReflexionAgent._look_back

    def looking(self, ended, *rest):
        visits.extend(ended)
        look_back(self, ended, *rest)

    monkeypatch.setattr(ReflexionAgent, "_look_back", looking)
    agent = ReflexionAgent()
    agent.train(Door(None, 12, CLICKS), 0)
    assert len(visits) == len(agent.describe()["training"]["lengths"]) >= 12
    for visit in visits:
        assert len(visit.shown) == visit.length
        assert visit.shown[-1].item == visit.chosen[0]
