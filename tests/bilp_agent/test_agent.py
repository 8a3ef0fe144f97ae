"""The whole agent on a small world: it trains, acts, learns, obeys the protocol and can be saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from bilp_agent.agent import BiLLPAgent
from bilp_agent.plus.agent import BiLLPPlusAgent
from bilp_agent.quality import auc, critic_quality, risk_quality
from bilp_agent.reflector import Ended, Reflector
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import TaskSpec
from recsim_envs.worlds.world import World
from tests.bilp_agent.fakes import Door, Says, mean_length, play, task

ORDER = list(range(12))


@pytest.fixture(scope="module")
def trained(world: World) -> BiLLPAgent:
    agent = BiLLPAgent(model="scripted", train_lanes=4)
    agent.train(Door(world, 40), 0)
    return agent


def test_training_uses_the_budget_and_fills_the_memories(trained: BiLLPAgent) -> None:
    facts = trained.describe()
    curve = facts["training"]["curve"]
    assert 40 <= len(curve) < 44  # sessions end several at a time
    assert facts["memories"]["planner"]["records"] == len(curve)
    steps = sum(point["steps"] + point["left"] for point in curve)
    judged = facts["memories"]["critic"]["records"]
    assert steps <= judged < steps + 4 * 20  # sessions still open at the end were judged so far
    assert facts["memories"]["actor"]["records"] == judged
    assert facts["memories"]["actor"]["states"] < judged  # states recur
    assert facts["training"]["answers"]["reflector"] == {"answers": len(curve), "repaired": 0.0, "fallback": 0.0}


@pytest.mark.parametrize("kind", [BiLLPAgent, BiLLPPlusAgent])
def test_memories_are_capped_in_training_and_it_is_counted(world: World, tmp_path: Path, kind: Any) -> None:
    shown = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        agent = kind(model="scripted", train_lanes=4, max_memories=20)
        agent.train(Door(world, 16), 0)
        told = agent.describe()["training"]["memories"]
        assert told["critic"]["compactions"] > 1
        assert told["critic"]["forgotten"] > 20
        assert all(sizes["records"] <= 20 for sizes in told.values())
        agent.save(folder)
        shown.append(play(agent, world, ORDER, 12))
    loaded = kind(model="scripted", max_memories=20)
    loaded.load(tmp_path / "one")
    assert shown[0] == shown[1] == play(loaded, world, ORDER, 12)
    assert loaded.describe()["training"]["memories"] == told
    for name in ("planner", "actor", "critic"):
        file = f"{name}.jsonl"
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()
    with pytest.raises(ConfigurationError, match="max_memories"):
        kind(max_memories=0)


@pytest.mark.parametrize("kind", [BiLLPAgent, BiLLPPlusAgent])
def test_parameters_cannot_be_changed_later(kind: type[BiLLPAgent | BiLLPPlusAgent]) -> None:
    agent = kind(gamma=0.8)
    for name, value in (("gamma", 0.7), ("model", "pocket"), ("model_options", {"api_key": "secret"})):
        with pytest.raises(AgentError, match=rf"{name} of a .*{kind.__name__}\({name}=\.\.\.\)$"):
            setattr(agent, name, value)
    assert agent.gamma == 0.8


def test_labels_in_memory_use_departures(trained: BiLLPAgent) -> None:
    fatal = [r for r in trained._memories.critic.records if r.value == -10.0]
    left = sum(point["left"] for point in trained.describe()["training"]["curve"])
    assert len(fatal) == left > 0
    actor = trained._memories.actor.records
    paired = zip(actor, trained._memories.critic.records, strict=True)
    assert all(not example.encouraged for example, judged in paired if judged.value == -10.0)
    assert any(example.encouraged for example in actor)


def test_what_reflections_teach_keeps_users(trained: BiLLPAgent, world: World) -> None:
    without = BiLLPAgent(model="scripted", train_lanes=4, use_reflector=False)
    without.train(Door(world, 40), 0)
    assert mean_length(trained, world) > mean_length(without, world) + 2
    assert without.describe()["memories"]["planner"]["records"] == 0


def test_actions_do_not_depend_on_batch_size_or_lane_order(trained: BiLLPAgent, world: World) -> None:
    together = play(trained, world, ORDER, 12)
    assert play(trained, world, ORDER[::-1], 5) == together
    assert play(trained, world, ORDER[3:5], 1) == {i: together[i] for i in (3, 4)}


def test_training_is_repeatable(trained: BiLLPAgent, world: World) -> None:
    again = BiLLPAgent(model="scripted", train_lanes=4)
    again.train(Door(world, 40), 0)
    assert again.describe()["training"] == trained.describe()["training"]
    assert again._memories.planner.records == trained._memories.planner.records


def test_memories_are_frozen_at_test(trained: BiLLPAgent, world: World) -> None:
    sizes = trained.describe()["memories"]
    play(trained, world, ORDER, 6)
    assert trained.describe()["memories"] == sizes


def test_what_is_saved_acts_alike(trained: BiLLPAgent, world: World, tmp_path: Path) -> None:
    trained.save(tmp_path / "agent")
    loaded = BiLLPAgent(model="scripted", train_lanes=4)
    loaded.load(tmp_path / "agent")
    assert play(loaded, world, ORDER, 12) == play(trained, world, ORDER, 12)
    told = [agent.describe() | {"waited_seconds": None} for agent in (loaded, trained)]
    assert json.dumps(told[0], sort_keys=True) == json.dumps(told[1], sort_keys=True)
    (tmp_path / "agent" / "training.json").write_text("{")
    with pytest.raises(AgentError, match=r"training\.json.*train the agent again"):
        loaded.load(tmp_path / "agent")


@pytest.mark.parametrize("protocol", ["NX_0", "NX_5"])
def test_protocols_without_repeats_are_obeyed(trained: BiLLPAgent, world: World, protocol: str) -> None:
    played = play(trained, world, ORDER, 12, protocol=protocol)  # a masked action would raise
    assert all(len(items) == len(set(items)) for items in played.values())


def test_training_under_a_protocol_without_repeats(world: World) -> None:
    agent = BiLLPAgent(model="scripted", train_lanes=3)
    agent.train(Door(world, 6, protocol="NX_0"), 0)
    assert len(agent.describe()["training"]["curve"]) >= 6


@pytest.mark.parametrize(
    "switches",
    [
        {"use_planner": False},
        {"use_actor_memory": False},
        {"use_critic": False},
        {"use_planner": False, "use_reflector": False, "use_actor_memory": False, "use_critic": False},
        {"reflections": 0, "neighbours": 0},
    ],
)
def test_every_switch_works_alone(world: World, switches: dict[str, Any]) -> None:
    agent = BiLLPAgent(model="scripted", train_lanes=3, **switches)
    agent.train(Door(world, 6), 0)
    play(agent, world, ORDER[:3], 3)
    facts = agent.describe()
    roles = set(facts["usage"]["roles"])
    assert ("planner" in roles) == switches.get("use_planner", True)
    assert ("critic" in roles) == switches.get("use_critic", True)
    assert facts["calls_per_decision"] == len(roles)
    if not switches.get("use_actor_memory", True):
        assert facts["memories"]["actor"]["records"] == 0
    if not switches.get("use_critic", True):
        assert facts["memories"]["critic"]["records"] == 0


def test_a_model_that_talks_nonsense_still_finishes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bilp_agent.llm.source.load_model", lambda *_args, **_options: Says("As an AI, I cannot."))
    agent = BiLLPAgent(model="scripted", train_lanes=3)
    with pytest.warns(UserWarning, match=r"most answers as actor, .* were replaced; small models"):
        agent.train(Door(world, 6), 0)
    played = play(agent, world, ORDER[:4], 4)
    assert set(played) == set(ORDER[:4])
    facts = agent.describe()
    assert {role: share["fallback"] for role, share in facts["answers"].items()} == dict.fromkeys(
        ("actor", "critic", "planner"), 1.0
    )
    assert facts["calls_per_decision"] == 6.0  # three roles, each asked twice
    assert facts["training"]["answers"]["reflector"]["fallback"] == 1.0
    assert facts["memories"]["planner"]["records"] == 0


def test_the_cache_answers_a_second_run(world: World, tmp_path: Path) -> None:
    runs = []
    for _ in range(2):
        agent = BiLLPAgent(model="scripted", train_lanes=3, cache=str(tmp_path / "answers.sqlite"))
        agent.train(Door(world, 5), 0)
        runs.append((play(agent, world, ORDER[:3], 3), agent.describe()["training"]["usage"]))
    assert runs[0][0] == runs[1][0]
    assert runs[1][1]["answered_from_cache"] == runs[1][1]["calls"] == runs[0][1]["calls"]


def test_the_critics_quality_is_reported(world: World, trained: BiLLPAgent) -> None:
    assert auc(np.array([3.0, 2.0, 1.0]), np.array([False, False, True])) == 1.0
    assert auc(np.array([1.0, 1.0]), np.array([False, True])) == 0.5
    assert auc(np.array([1.0, 2.0]), np.array([False, True])) == 0.0
    assert auc(np.array([1.0]), np.array([False])) is None
    made = critic_quality([0.0, 1.0, 2.0], [True, False, False])
    assert made["steps"] == 3
    assert made["auc"] == 1.0
    assert [b["left"] for b in made["calibration"]] == [1.0, 0.0, 0.0]


def test_chances_of_leaving_are_compared_with_what_happened() -> None:
    made = risk_quality([0.0, 0.2, 1.0, 0.1], [False, False, True, False])
    assert made["auc"] == 1.0
    assert made["brier"] == pytest.approx((0.04 + 0.01) / 4)
    assert [(b["told"], b["left"]) for b in made["calibration"]] == [(0.0, 0.0), (0.1, 0.0), (0.2, 0.0), (1.0, 1.0)]


def test_quality_does_not_depend_on_the_order_of_steps() -> None:
    rng = np.random.default_rng(0)
    told, left = rng.choice([0.01, 0.07, 0.1, 0.3], 97), rng.random(97) < 0.2
    for quality in (risk_quality, critic_quality):
        first = quality(told.tolist(), left.tolist())
        for _ in range(20):
            order = rng.permutation(97)
            assert quality(told[order].tolist(), left[order].tolist()) == first
    tied = critic_quality([1.0] * 10, [True] * 2 + [False] * 8)["calibration"]
    assert [part["left"] for part in tied] == pytest.approx([0.2] * 5)


def test_without_tools_the_actor_names_what_the_user_is_known_by(world: World) -> None:
    agent = BiLLPAgent(model="scripted", train_lanes=3, use_tools=False)
    agent.train(Door(world, 6), 0)
    played = play(agent, world, ORDER, 12)
    facts = agent.describe()
    assert "search by category" not in facts["tools"]
    assert facts["answers"]["actor"]["fallback"] < 0.5  # users without a log have nothing to be known by
    assert set(played) == set(ORDER)


@pytest.mark.parametrize(
    "parameters",
    [{"gamma": 1.0}, {"gamma": -0.1}, {"window": 0}, {"reflections": -1}, {"train_lanes": 0}, {"temperature": -1.0}],
)
def test_parameters_without_meaning_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        BiLLPAgent(**parameters)


def test_tasks_that_billp_cannot_read_are_refused() -> None:
    made = task()
    slate = TaskSpec(**{**made.__dict__, "action_space": spaces.MultiDiscrete([8, 8])})
    bare = TaskSpec(**{**made.__dict__, "observation_space": spaces.Dict({"length": spaces.Discrete(3)})})
    price = TaskSpec(**{**made.__dict__, "action_space": spaces.Box(0.0, 1.0)})
    drawn = TaskSpec(**{**made.__dict__, "candidates": True})
    for other, told in (
        (slate, "Eight-v0 shows slates"), (bare, "Eight-v0 shows length"), (price, "another action space"),
        (drawn, "draws its items anew"),
    ):  # fmt: skip
        with pytest.raises(AgentError, match=told):
            BiLLPAgent(model="scripted").reset(other, 1, 0)
    with pytest.raises(ConfigurationError, match="no known form"):
        BiLLPAgent(model="gpt").reset(made, 1, 0)
    with pytest.raises(AgentError, match="before reset"):
        BiLLPAgent(model="scripted").act({}, {}, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("configuration", [BiLLPAgent, BiLLPPlusAgent])
def test_memories_are_searched_by_the_encoder_that_is_named(
    configuration: type[BiLLPAgent | BiLLPPlusAgent], world: World, tmp_path: Path
) -> None:
    agent = configuration(model="scripted", train_lanes=4, encoder="hashing-trigrams-64")
    agent.train(Door(world, 8), 0)
    agent.save(tmp_path)
    again = configuration(model="scripted", encoder="hashing-trigrams-64")
    again.load(tmp_path)
    assert play(again, world, ORDER[:4], 4) == play(agent, world, ORDER[:4], 4)
    with pytest.raises(AgentError, match=r"planner\.jsonl"):
        configuration().load(tmp_path)  # the default encoder is another
    with pytest.raises(ConfigurationError, match="no text encoder"):
        configuration(encoder="hash")


@pytest.mark.parametrize("prompts", ["full", "compact"])
@pytest.mark.parametrize("agent", [BiLLPAgent, BiLLPPlusAgent])
def test_what_was_shown_and_not_clicked_is_remembered(
    agent: type[BiLLPAgent], prompts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where clicks alone are told, an agent knows what it showed all the same, and what the user left at."""
    reflect, sessions = Reflector.reflect, []

    def looking(self: Reflector, ended: Sequence[Ended], seeds: Sequence[int]) -> Any:
        sessions.extend(one.session for one in ended)
        return reflect(self, ended, seeds)

    monkeypatch.setattr(Reflector, "reflect", looking)
    made = agent(model="scripted", prompts=prompts)
    made.train(Door(None, 12, "longrec/GamesClicks-v0"), 0)
    curve = made.describe()["training"]["curve"]
    assert len(curve) == len(sessions) >= 12
    assert {entry.reward for session in sessions for entry in session.shown} == {0.0, 1.0}
    for session, point in zip(sessions, curve, strict=True):
        assert [entry.step for entry in session.shown] == list(range(1, session.step + 1))
        assert session.shown[-1].item == session.chosen[0]
        assert point["total"] == pytest.approx(sum(session.earned))
