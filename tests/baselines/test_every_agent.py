"""What holds for every baseline that is registered, by being registered."""

from __future__ import annotations

import inspect
import json
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent, Budget
from tests.baselines.support import FakeDoor, FakeLog, evaluate
from tests.worlds import tiny_factor_world, tiny_world

PAGES = Path(__file__).parents[2] / "docs" / "agents"
BASELINES = {e.name: e for e in entry_points(group="longrec.agents") if e.value.startswith("baselines.")}
PROTOCOLS = ("FB", "NX_0", "NX_7")
EPISODES = 24
ACT_UNTRAINED = {"reflexion"}  # what they learn is words, which only add to what they do anyway, on any catalogue


@cache
def world():
    return tiny_world(users=40, items=50, threshold=2.0)


def fresh(name: str) -> Agent:
    """With defaults, but those that learn from logs with few updates: what holds does not depend on how many."""
    kind = BASELINES[name].load()
    known = inspect.signature(kind).parameters if kind.learns_from_log else {}
    return kind(**{key: value for key, value in {"updates": 8, "model_updates": 8}.items() if key in known})


@cache
def trained(name: str, protocol: str) -> Agent:
    agent = fresh(name)
    if agent.learns_from_log:
        agent.learn(FakeLog(world(), protocol=protocol), seed=3)
    elif agent.trains:
        door = FakeDoor(world(), Budget(episodes=EPISODES), protocol=protocol)
        agent.train(door, seed=3)
        assert door.episodes <= EPISODES + 8  # eight lanes end together at most
    return agent


def test_the_baselines_of_record_are_registered():
    assert {"random", "popular", "best-rated", "fixed-cycle", "greedy", "greedy-no-repeat", "oracle"} <= set(BASELINES)
    assert {"round-robin", "mmr", "calibrated"} <= set(BASELINES)
    assert {"linucb", "linear-thompson", "epsilon-greedy", "cluster-bandit"} <= set(BASELINES)
    assert {"dqn", "a2c", "ppo", "slateq", "sac", "td3"} <= set(BASELINES)
    assert {"sqn", "crr", "cql", "bcq", "iql", "decision-transformer", "ips", "mopo", "dorl", "cirs"} <= set(BASELINES)
    assert {"mf", "sasrec"} <= set(BASELINES)
    assert {"exact-no-repeat", "act-only", "react", "reflexion"} <= set(BASELINES)


@pytest.mark.parametrize("name", BASELINES)
def test_each_has_a_page_that_names_its_source(name: str):
    page = (PAGES / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {name}\n")
    assert f"`{BASELINES[name].module.replace('.', '/')}.py`" in page
    assert f"longrec evaluate {name} " in page


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", BASELINES)
def test_plays_whole_sessions_with_allowed_items(name: str, protocol: str):
    run = evaluate(trained(name, protocol), world(), protocol=protocol)  # the simulator refuses what is not allowed
    assert all(run.causes)
    if protocol == "NX_7":
        assert run.lengths.tolist() == [7] * 8


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", BASELINES)
def test_neither_lane_order_nor_batch_size_matters(name: str, protocol: str):
    agent = trained(name, protocol)
    run = evaluate(agent, world(), sessions=12, protocol=protocol)
    shuffled = evaluate(agent, world(), order=np.random.default_rng(1).permutation(12), protocol=protocol)
    assert shuffled.actions == run.actions
    for session in (0, 11):
        assert evaluate(agent, world(), order=np.array([session]), protocol=protocol).actions == [run.actions[session]]


def told(agent: Agent) -> dict[str, Any]:
    """What an agent tells of itself, but for the time that it waited."""
    return {key: value for key, value in agent.describe().items() if key != "waited_seconds"}


@pytest.mark.parametrize("name", BASELINES)
def test_two_constructions_with_one_seed_agree(name: str):
    twin = trained.__wrapped__(name, "FB")
    assert evaluate(twin, world()).actions == evaluate(trained(name, "FB"), world()).actions
    assert told(twin) == told(trained(name, "FB"))


@pytest.mark.parametrize("name", BASELINES)
def test_saved_and_loaded_agents_act_the_same(name: str, tmp_path):
    trained(name, "FB").save(tmp_path)
    loaded = fresh(name)
    loaded.load(tmp_path)
    assert evaluate(loaded, world()).actions == evaluate(trained(name, "FB"), world()).actions
    assert {f.suffix for f in tmp_path.iterdir()} <= {".json", ".safetensors"}
    assert told(loaded) == json.loads(json.dumps(told(trained(name, "FB"))))


@pytest.mark.parametrize("name", BASELINES)
def test_untrained_agents_say_so_or_need_no_training(name: str, tmp_path):
    agent, task = fresh(name), FakeDoor(world(), Budget(1)).task
    if agent.trains and name not in ACT_UNTRAINED:
        with pytest.raises(AgentError, match="train"):
            agent.reset(task, 1, 0)
    else:
        agent.reset(task, 1, 0)
    if agent.trains:
        with pytest.raises(AgentError, match="nothing to save"):
            agent.save(tmp_path)
    else:
        agent.save(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", BASELINES)
def test_what_was_learned_on_other_items_is_refused(name: str):
    agent, other = trained(name, "FB"), FakeDoor(tiny_world(items=5, threshold=0.1), Budget(1)).task
    if agent.trains and name not in ACT_UNTRAINED:
        with pytest.raises(AgentError, match="train"):
            agent.reset(other, 1, 0)
    else:
        agent.reset(other, 1, 0)


@pytest.mark.parametrize("name", BASELINES)
def test_a_missing_or_damaged_file_is_named(name: str, tmp_path):
    agent = fresh(name)
    if agent.trains:
        with pytest.raises(AgentError, match=str(tmp_path)):
            agent.load(tmp_path)
    trained(name, "FB").save(tmp_path)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(AgentError, match=file.name):
            agent.load(tmp_path)
        file.write_bytes(whole)


@pytest.mark.parametrize("name", BASELINES)
def test_parameters_are_keywords_with_json_defaults(name: str):
    for parameter in inspect.signature(BASELINES[name].load()).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        json.dumps(parameter.default)


@pytest.mark.parametrize("name", BASELINES)
def test_plays_on_a_factor_world(name: str):
    agent, factors = fresh(name), tiny_factor_world(users=20, items=50)
    if agent.learns_from_log:
        agent.learn(FakeLog(factors), seed=0)
    elif agent.trains:
        agent.train(FakeDoor(factors, Budget(steps=60)), seed=0)
    assert all(evaluate(agent, factors).causes)
