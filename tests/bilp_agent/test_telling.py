"""What language agents tell of a decision: true, JSON, and without a trace in what they do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from baselines.llm.act_only import ActOnlyAgent
from baselines.llm.react import ReActAgent
from baselines.llm.reflexion import ReflexionAgent
from bilp_agent.agent import BiLLPAgent
from bilp_agent.plus.agent import BiLLPPlusAgent
from recsim_envs.spec import Agent, Batch, Sessions
from recsim_envs.worlds.world import World
from tests.bilp_agent.fakes import Door, play

ORDER = list(range(6))
AGENTS = (BiLLPAgent, BiLLPPlusAgent, ActOnlyAgent, ReActAgent, ReflexionAgent)


class Asked:
    """Asks an agent what it thought after each decision, of every other row, and keeps it with the actions."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.told: list[tuple[Any, Any]] = []

    def reset(self, *given: Any) -> None:
        self._agent.reset(*given)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> Any:
        actions = self._agent.act(observations, infos, sessions)
        rows = np.arange(len(sessions.lanes))[::2]
        some = Sessions(sessions.lanes[rows], sessions.keys[rows], sessions.steps[rows])
        told = self._agent.explain(some)
        assert len(told) == len(rows)
        self.told += zip(actions[rows].tolist(), json.loads(json.dumps(told)), strict=True)
        return actions


def ready(kind: type[Agent], world: World | None, env_id: str = "longrec/Games-v0", **options: Any) -> Agent:
    agent = kind()
    if kind.trains:
        agent = kind(model="scripted", train_lanes=3)  # type: ignore[call-arg]
        agent.train(Door(world, 6, env_id, **options), 0)  # type: ignore[arg-type]
    return agent


@pytest.mark.parametrize("kind", AGENTS)
def test_who_is_asked_acts_the_same(kind: type[Agent], world: World) -> None:
    asked = Asked(ready(kind, world))
    assert play(asked, world, ORDER, 6) == play(ready(kind, world), world, ORDER, 6)
    for item, thought in asked.told:
        assert thought["answered"] == "ok"
        assert len(thought["named"]) == len(thought["grounded"]) == 1
        shown = next(c for c in thought["candidates"] if c["item"] == item)
        assert thought["named"][0] in (shown["title"], shown["title"].strip(chr(34)))
        assert thought["named"][0] in thought["answer"]


@pytest.mark.parametrize("kind", [BiLLPAgent, BiLLPPlusAgent])
def test_the_planner_tells_its_plan_what_it_read_and_what_it_expects(kind: type[Agent], world: World) -> None:
    agent = ready(kind, world)
    asked = Asked(agent)
    play(asked, world, ORDER, 6)
    written = list(agent.lessons())
    assert written == sorted(written, key=lambda lesson: lesson["session"])
    for _, thought in asked.told:
        assert thought["thought"] == thought["plan"]["thought"]
        assert 0 <= thought["planned"] < 20
        assert 0 < len(thought["reflections"]) <= 2
        assert all(reflection in json.loads(json.dumps(written)) for reflection in thought["reflections"])
        assert isinstance(thought["value"], float)
        assert ("risk" in thought) == (kind is BiLLPPlusAgent)
    assert any(thought["tools"] for _, thought in asked.told)
    lesson = written[0]
    assert lesson["cause"]
    assert lesson["principles"]
    assert lesson["text"].endswith(lesson["principles"][-1])
    assert 0 <= lesson["stayed"] <= lesson["horizon"] == 20


def test_react_tells_its_thought_and_its_tools(world: World) -> None:
    asked = Asked(ready(ReActAgent, world))
    play(asked, world, ORDER[:2], 2)
    assert all(thought["thought"] for _, thought in asked.told)
    tools = [tool for _, thought in asked.told for tool in thought["tools"]]
    assert {tool["tool"] for tool in tools} <= {"categories", "known", "search"}
    assert tools
    assert all(tool["answer"] for tool in tools)


def test_reflexion_tells_what_it_remembers(world: World) -> None:
    agent = ready(ReflexionAgent, world)
    asked = Asked(agent)
    play(asked, world, ORDER[:2], 2)
    assert len(agent.lessons()) == 3
    assert all(thought["reflections"] == agent.lessons() for _, thought in asked.told)


@pytest.mark.parametrize("kind", [BiLLPAgent, BiLLPPlusAgent, ActOnlyAgent])
def test_slates_are_told_too(kind: type[Agent]) -> None:
    env_id, options = "longrec/SlateTopKBored-v0", {"horizon": 4}
    asked = Asked(ready(kind, None, env_id, **options))
    play(asked, None, ORDER[:2], 2, env_id, **options)
    for slate, thought in asked.told:
        assert len(thought["grounded"]) <= len(slate)
        assert {c["item"] for c in thought["candidates"]} >= set(slate[: len(thought["named"])])


def test_agents_without_words_tell_nothing() -> None:
    nobody = Sessions(np.arange(2), np.arange(2, dtype=np.uint64), np.zeros(2, np.int64))
    assert list(Agent().explain(nobody)) == list(Agent().lessons()) == []
