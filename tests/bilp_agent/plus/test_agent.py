"""`billp-plus` on a small world: it trains, acts, can be saved, believes what is true, and can be taken apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bilp_agent.agent import BiLLPAgent
from bilp_agent.asking import Asker
from bilp_agent.hypotheses import RISKY, Circumstances
from bilp_agent.llm.scripted import ScriptedModel
from bilp_agent.memory import Reflection
from bilp_agent.mind import Memories
from bilp_agent.plus.agent import BiLLPPlusAgent
from bilp_agent.plus.learned import Learned
from bilp_agent.plus.mind import PlusMind
from bilp_agent.reflector import Ended
from bilp_agent.session import Session
from bilp_agent.settings import PlusSettings
from bilp_agent.states import graded
from bilp_agent.views import Answered
from leaderboard.agents import load_class
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.text.encoder import HashingEncoder
from recsim_envs.worlds.world import World
from tests.bilp_agent.fakes import Door, Says, kind_world, mean_length, play

ORDER = list(range(12))


@pytest.fixture(scope="module")
def trained(world: World) -> BiLLPPlusAgent:
    agent = BiLLPPlusAgent(train_lanes=4)
    agent.train(Door(world, 40), 0)
    return agent


def test_both_configurations_are_registered() -> None:
    assert load_class("billp") is BiLLPAgent
    assert load_class("billp-plus") is BiLLPPlusAgent


def test_it_asks_about_once_a_decision(trained: BiLLPPlusAgent, world: World) -> None:
    play(trained, world, ORDER, 12)
    facts = trained.describe()
    assert facts["calls_per_decision"] <= 2
    assert facts["planning"]["plan in force"] > facts["decisions"] / 2
    assert facts["answers"]["actor"]["fallback"] == 0


def test_it_believes_what_is_true_of_the_world(trained: BiLLPPlusAgent, world: World) -> None:
    trained.reset(Door(world, 1).task, 1, 0)
    beliefs = {b["kind"]: b for b in trained.describe()["beliefs"]}
    assert beliefs["repeat"]["limit"] == 4  # the window of the rule
    assert beliefs["repeat"]["stayed"] == 0
    # No two items are near. Chance may speak for another belief, but for none that would forbid anything.
    forbidding = [kind for kind, b in beliefs.items() if b["left"] >= RISKY * (b["left"] + b["stayed"])]
    assert forbidding == ["repeat"]


def test_it_keeps_users_for_longer_than_it_did_untrained(trained: BiLLPPlusAgent, world: World) -> None:
    fresh = BiLLPPlusAgent(train_lanes=4)
    fresh.train(Door(world, 1), 0)
    assert mean_length(trained, world) > mean_length(fresh, world) + 2


def test_actions_do_not_depend_on_batch_size_or_lane_order(trained: BiLLPPlusAgent, world: World) -> None:
    together = play(trained, world, ORDER, 12)
    assert play(trained, world, ORDER[::-1], 5) == together
    assert play(trained, world, ORDER[3:5], 1) == {i: together[i] for i in (3, 4)}


def test_nor_do_they_where_memory_is_thin_and_the_critic_is_asked() -> None:
    """What the Critic said of a state for one session must not guide another that did not ask."""
    world, order = kind_world(horizon=5, r_min=0.0), list(range(40))
    agent = BiLLPPlusAgent()
    together = play(agent, world, order, 40)
    assert play(agent, world, order, 10) == together


def test_training_is_repeatable_and_what_is_saved_acts_alike(
    trained: BiLLPPlusAgent, world: World, tmp_path: Path
) -> None:
    again = BiLLPPlusAgent(train_lanes=4)
    again.train(Door(world, 40), 0)
    assert again.describe()["training"] == trained.describe()["training"]
    again.save(tmp_path / "agent")
    loaded = BiLLPPlusAgent(train_lanes=4)
    loaded.load(tmp_path / "agent")
    assert play(loaded, world, ORDER, 12) == play(trained, world, ORDER, 12)
    told = [agent.describe() | {"waited_seconds": None} for agent in (loaded, trained)]
    assert json.dumps(told[0], sort_keys=True) == json.dumps(told[1], sort_keys=True)
    (tmp_path / "agent" / "company.json").unlink()
    with pytest.raises(AgentError, match=r"company\.json"):
        BiLLPPlusAgent().load(tmp_path / "agent")


@pytest.mark.parametrize("protocol", ["NX_0", "NX_5"])
def test_protocols_without_repeats_are_obeyed(trained: BiLLPPlusAgent, world: World, protocol: str) -> None:
    played = play(trained, world, ORDER[:4], 4, protocol=protocol)  # a masked action would raise
    assert all(len(items) == len(set(items)) for items in played.values())


@pytest.mark.parametrize(
    "switches",
    [
        {"use_planner": False},
        {"use_reflector": False},
        {"use_actor_memory": False},
        {"use_critic": False},
        {"use_tools": False},
        {"use_filter": False},
        {"simulate": 2, "choices": 2},
        {"reflections": 0, "neighbours": 0, "window": 3, "plan_steps": 1},
    ],
)
def test_every_switch_works_alone(world: World, switches: dict[str, Any]) -> None:
    agent = BiLLPPlusAgent(train_lanes=3, **switches)
    agent.train(Door(world, 6), 0)
    play(agent, world, ORDER[:3], 3)
    facts = agent.describe()
    roles, training = set(facts["usage"]["roles"]), set(facts["training"]["usage"]["roles"])
    assert "actor" in roles
    assert ("planner" in roles) == switches.get("use_planner", True)
    assert ("reflector" in training) == switches.get("use_reflector", True)
    if not switches.get("use_critic", True):
        assert "critic" not in roles | training
        assert facts["memories"]["critic"]["records"] == 0
    if not switches.get("use_reflector", True):
        assert facts["memories"]["planner"]["records"] == 0
        assert facts["beliefs"] == []
    if not switches.get("use_actor_memory", True):
        assert facts["memories"]["actor"]["records"] == 0


def test_a_model_that_talks_nonsense_still_finishes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bilp_agent.llm.source.load_model", lambda *_args, **_options: Says("As an AI, I cannot."))
    agent = BiLLPPlusAgent(train_lanes=3)
    agent.train(Door(world, 6), 0)
    assert set(play(agent, world, ORDER[:4], 4)) == set(ORDER[:4])
    assert {share["fallback"] for share in agent.describe()["answers"].values()} == {1.0}


@pytest.mark.parametrize(
    "parameters", [{"plan_steps": 0}, {"choices": 0}, {"simulate": -1}, {"thin": -1.0}, {"gamma": 1.0}]
)
def test_parameters_without_meaning_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        BiLLPPlusAgent(**parameters)


def test_the_planner_speaks_when_something_unexpected_happens(world: World) -> None:
    task = Door(world, 1).task
    mind = PlusMind(task, PlusSettings(plan_steps=3), memories(), Learned(), Asker(ScriptedModel()))
    visit = Session(task.catalogue, ())
    spoken = []
    for step, reward in enumerate([5.0, 5.0, 5.0, 5.0, 0.0, 5.0]):
        [[item]] = mind.decide([visit], [None], [0])
        spoken.append(visit.planned == step)
        came = max(reward, visit.outlooks[-1].what.reward) if reward else 0.0
        visit.catch_up([[Answered(item, came)]], step + 1)
    assert spoken == [True, False, False, True, False, True]  # at first, after three steps, after a bad reward


def test_like_reflections_are_merged_and_credited(world: World) -> None:
    task, kept = Door(world, 1).task, memories()
    mind = PlusMind(task, PlusSettings(), kept, Learned(), Asker(ScriptedModel()))
    one = Reflection("red 4", "repeat", "It came back.", ("Wait.",), 3, 20, 0)
    mind._keep([one, replace(one, text="It came back too.", episode=1), replace(one, cause="low reward", episode=2)])
    assert [(r.cause, r.merged) for r in kept.planner.records] == [("repeat", 1), ("low reward", 0)]
    assert mind.learned.hypotheses.proposed == {"repeat": 2, "low reward": 1}
    visit = Session(task.catalogue, ())
    visit.reflections = (one,)
    [[item]] = mind.decide([visit], [None], [0])
    visit.catch_up([[Answered(item, 0.0)]], 1)
    mind.study(Ended(visit, True, 3))
    assert (kept.planner.records[0].used, kept.planner.records[0].outcomes) == (1, 0.0)


def memories() -> Memories:
    return Memories.empty(HashingEncoder(), HashingEncoder(256, graded))


def test_every_third_training_session_tries_what_an_untested_belief_forbids(world: World) -> None:
    learned = Learned()
    for gap, left in [(1, True), (2, True), (6, True), *[(9, False)] * 60]:
        learned.hypotheses.count(Circumstances(gap, None, 1, 5.0), left)
    learned.hypotheses.propose("repeat")
    task = Door(world, 1).task
    mind = PlusMind(task, PlusSettings(), memories(), learned, Asker(ScriptedModel()))
    limits = []
    for number in (None, 0, 1, 2, 3):
        visit = Session(task.catalogue, (), number=number)
        mind.recall(visit)
        limits.append(visit.beliefs[0].limit)
    assert limits == [6, 5, 6, 6, 5]
    for _ in range(2):
        learned.hypotheses.count(Circumstances(6, None, 1, 5.0), True)
    tested = Session(task.catalogue, (), number=0)
    mind.recall(tested)
    assert tested.beliefs[0].limit == 6
