"""The oracle plays each family's own planner, whichever lanes it is shown."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.oracle import OracleAgent
from leaderboard.evaluate.simulate import simulate
from recsim_envs import rng
from recsim_envs.errors import AgentError
from recsim_envs.families import make_family
from recsim_envs.spec import Sessions
from tests.baselines.support import evaluate, simulator
from tests.worlds import tiny_world

WORLD = tiny_world(users=40, items=60)


def planned(world, sessions, **options):
    """Returns of the family's planner over the sessions of `evaluate`."""
    sim = simulator(world, sessions, **options)
    sim.begin(np.arange(sessions), rng.bits_array(1, np.arange(sessions), 99))
    plan, returns = sim.references()["planner"](), np.zeros(sessions)
    while not sim.over.all():
        returns += sim.step(plan()).rewards
    return returns


@pytest.mark.parametrize("protocol", ["FB", "NX_0", "NX_10"])
def test_earns_what_the_planner_earns(protocol):
    assert np.array_equal(
        evaluate(OracleAgent(), WORLD, protocol=protocol).returns, planned(WORLD, 8, protocol=protocol)
    )


def test_lanes_that_are_refilled_and_run_dry_change_nothing():
    """Nine sessions through four lanes, as the harness plays them."""
    seeds = rng.bits_array(1, np.arange(9), 99)
    sim, agent = make_family("departure", 4, world=WORLD, split="test", threshold=2.5), OracleAgent()
    agent.reset(sim.task, 4, 0)
    trace = simulate(agent, sim, seeds, seeds, privileged=True)
    returns = np.add.reduceat(trace.rewards, trace.offsets[:-1])
    assert returns.tolist() == planned(WORLD, 9, threshold=2.5).tolist()


def test_a_new_run_is_a_new_plan():
    agent = OracleAgent()
    first = evaluate(agent, WORLD).returns
    assert np.array_equal(evaluate(agent, WORLD).returns, first)


def test_asks_for_what_it_needs():
    agent = OracleAgent()
    agent.reset(simulator(WORLD, 1).task, 8, 0)
    rows, keys = np.arange(1), np.zeros(1, np.uint64)
    with pytest.raises(AgentError, match="privileged"):
        agent.act({}, {}, Sessions(rows, keys, np.zeros(1, np.int64)))
    with pytest.raises(AgentError, match="first step"):
        agent.act({}, {"privileged": simulator(WORLD, 1).privileged()}, Sessions(rows, keys, np.ones(1, np.int64)))
