"""Rules, bandits and the oracle on one id of every kind: single items, slates, drawn candidates."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from baselines.bandits.cluster import ClusterBanditAgent
from baselines.bandits.epsilon import EpsilonGreedyAgent
from baselines.bandits.linucb import LinUCBAgent
from baselines.bandits.thompson import LinearThompsonAgent
from baselines.calibrated import CalibratedAgent
from baselines.cycle import FixedCycleAgent
from baselines.greedy import GreedyAgent, GreedyNoRepeatAgent
from baselines.mmr import MMRAgent
from baselines.oracle import OracleAgent
from baselines.simple import BestRatedAgent, PopularAgent, RandomAgent, RoundRobinAgent
from leaderboard.evaluate.simulate import simulate
from recsim_envs import rng
from recsim_envs.errors import AgentError
from recsim_envs.families import make_family
from recsim_envs.ids import BUILTIN
from recsim_envs.spec import Agent, Budget
from tests.baselines.support import FakeDoor

CATALOGUES = {
    "SingleItemBored-v0": {"horizon": 12},
    "SlateTopKBored-v0": {"horizon": 12},
    "SlateRerankUncertain-v0": {},
    "Session-v0": {"horizon": 8},
    "Retention-v0": {"horizon": 20},
    "GamesClicks-v0": {"horizon": 8},
}
CANDIDATES = {
    "InterestEvolution-v0": {"horizon": 12},
    "InterestExploration-v0": {"horizon": 12},
    "LongTermSatisfaction-v0": {"horizon": 12},
}
LISTS = [
    PopularAgent, BestRatedAgent, RoundRobinAgent, FixedCycleAgent, GreedyAgent, GreedyNoRepeatAgent, MMRAgent,
    CalibratedAgent,
]  # fmt: skip
ANYWHERE = [RandomAgent, OracleAgent, LinUCBAgent, LinearThompsonAgent, EpsilonGreedyAgent, ClusterBanditAgent]
PLAYED = [(a, i) for a in LISTS for i in CATALOGUES] + [(a, i) for a in ANYWHERE for i in CATALOGUES | CANDIDATES]


def options(env_id: str) -> tuple[str, dict[str, Any]]:
    family, known = BUILTIN[env_id]
    return family, known | (CATALOGUES | CANDIDATES)[env_id]


@cache
def trained(kind: type[Agent], env_id: str) -> Agent:
    agent, (family, known) = kind(), options(env_id)
    if agent.trains:
        agent.train(FakeDoor(known.pop("world", None), Budget(episodes=12), family=family, **known), seed=3)
    return agent


def played(agent: Agent, env_id: str, lanes: int, order: np.ndarray) -> list[list[Any]]:
    """Actions of sessions 0, 1, ... that were begun in this order."""
    family, known = options(env_id)
    simulator = make_family(family, lanes, split="test", **known)
    agent.reset(simulator.task, lanes, seed=0)
    seeds, keys = rng.bits_array(1, order, 99) >> np.uint64(1), rng.bits_array(2, order, 99)
    trace = simulate(agent, simulator, seeds, keys, privileged=agent.privileged)
    actions = trace.actions.reshape(-1, simulator.task.slate_size or 1)
    sessions = np.split(actions, trace.offsets[1:-1])
    assert all(trace.ends)
    return [sessions[i].tolist() for i in np.argsort(order)]


@pytest.mark.parametrize(("kind", "env_id"), PLAYED)
def test_plays_every_kind_alike_whatever_the_lanes(kind: type[Agent], env_id: str):
    agent = trained(kind, env_id)
    once = played(agent, env_id, 7, np.arange(7))
    assert played(agent, env_id, 3, np.array([4, 0, 6, 2, 5, 1, 3])) == once
    told = env_id != "GamesClicks-v0"  # there nothing is known of users at first, and most leave at the second item
    assert len({str(actions) for actions in once}) > 1 or kind in LISTS[:4] or not told


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("env_id", CANDIDATES)
def test_lists_of_a_catalogue_refuse_candidates(kind: type[Agent], env_id: str):
    family, known = options(env_id)
    door = FakeDoor(None, Budget(episodes=2), family=family, **known)
    agent = kind()
    with pytest.raises(AgentError, match="draws its items anew for each step"):
        agent.train(door, 0) if agent.trains else agent.reset(door.task, 1, 0)
    assert door.steps == 0


@pytest.mark.parametrize("kind", [MMRAgent, CalibratedAgent, GreedyNoRepeatAgent, RoundRobinAgent])
@pytest.mark.parametrize("env_id", ["SlateTopKBored-v0", "Session-v0"])
def test_slates_hold_no_item_twice(kind: type[Agent], env_id: str):
    for session in played(trained(kind, env_id), env_id, 4, np.arange(4)):
        assert all(len(set(slate)) == len(slate) for slate in session)


@pytest.mark.parametrize("env_id", ["InterestEvolution-v0", "SlateRerankUncertain-v0"])
def test_the_oracle_plays_more_lanes_than_there_are_topics_or_items(env_id: str):
    """Of what it is shown, some arrays have a row a lane, and some one for each topic or item."""
    agent = OracleAgent()
    assert len(played(agent, env_id, 24, np.arange(25))) == 25


def test_a_cycle_of_slates_recurs():
    agent = trained(FixedCycleAgent, "SlateTopKBored-v0")
    cycle = agent.describe()["cycle"]
    assert all(len(slate) == 10 for slate in cycle)
    assert played(agent, "SlateTopKBored-v0", 2, np.arange(2)) == [[cycle[t % len(cycle)] for t in range(12)]] * 2
