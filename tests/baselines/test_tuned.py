"""Open parameters: what was tuned for the family, else what is general; and that the table says where it is from."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

import baselines.tuned
from baselines.online.dqn import DQNAgent
from baselines.online.ppo import PPOAgent
from baselines.tuned import filled
from leaderboard.agents import default_parameters, load_class
from leaderboard.sweep.search import make_search, read_tuning
from recsim_envs import make_simulator
from recsim_envs.families import FAMILIES
from recsim_envs.spec import Budget
from tests.baselines.support import FakeDoor
from tests.worlds import tiny_world

TABLE = json.loads((Path(baselines.tuned.__file__).parent / "tuned.json").read_text("utf-8"))
ROOT = Path(__file__).parents[2]


@pytest.fixture
def table(monkeypatch):
    known = {"PPOAgent": {"boredom": {"parameters": {"gamma": 0.7, "epochs": 2, "n_steps": 4}}}}
    monkeypatch.setattr(baselines.tuned, "_table", lambda: known)


def test_open_parameters_are_tuned_for_the_family_and_general_elsewhere(table):
    bored, games = (make_simulator(f"longrec/{name}-v0", 1).task for name in ("SlateTopKBored", "Games"))
    found = filled(PPOAgent(epochs=9, num_envs=3), bored, PPOAgent.general)
    assert (found.gamma, found.epochs, found.n_steps, found.learning_rate, found.num_envs) == (0.7, 9, 4, 1e-3, 3)
    assert found.batch_size is None  # by the number of sessions
    found = filled(PPOAgent(), games, PPOAgent.general)
    assert (found.gamma, found.epochs, found.n_steps, found.learning_rate) == (0.9, 4, None, 1e-3)
    assert filled(DQNAgent(), bored, DQNAgent.general).gamma == 0.9


def test_an_agent_tells_what_its_open_parameters_were():
    agent = PPOAgent(num_envs=2, gamma=0.5)
    agent.train(FakeDoor(tiny_world(), Budget(steps=32)), 0)
    told = agent.describe()["parameters"]
    sizes, rates = {"n_steps": None, "batch_size": None}, {"learning_rate": 1e-3, "gae_lambda": 0.95}
    assert told == sizes | rates | {"epochs": 4, "anneal": False, "sample": False}
    assert agent.learning_rate is None  # the agent itself stays as it was made


@pytest.mark.parametrize(("agent", "family"), [(agent, family) for agent, found in TABLE.items() for family in found])
def test_what_the_table_holds_was_found_by_the_search_that_it_names(agent: str, family: str):
    entry = TABLE[agent][family]
    file = ROOT / entry["file"]
    search = make_search(read_tuning(file), str(file))
    assert family in FAMILIES
    cls = load_class(search.tuning.agent)
    assert cls.__name__ == agent
    chosen = search.trials[entry["trial"]]
    assert entry["parameters"] == {key: value for key, value in chosen.items() if key not in search.tuning.parameters}
    assert entry["command"] == f"longrec tune {entry['file']}"
    assert set(entry["parameters"]) <= {field.name for field in fields(cls) if field.default is None}
    assert set(entry["parameters"]) <= set(default_parameters(cls))
