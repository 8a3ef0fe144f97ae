"""How fast every registered agent acts with 1,024 sessions at once on Games: decisions a second of processor time.

Trained on next to nothing, which does not change the work of a decision. Agents on language models use the scripted
writer, so that their row is the cost of all but the model.

    pytest tests/benchmarks/test_acting.py --benchmark-enable --benchmark-only
"""

from __future__ import annotations

import inspect
import time
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest

from recsim_envs import make_simulator, rng
from recsim_envs.spec import Agent, Budget, Feedback, Sessions
from tests.baselines.support import FakeDoor, FakeLog

LANES, STEPS = 1024, 4
AGENTS = {e.name: e for e in entry_points(group="longrec.agents")}


def trained(name: str) -> Agent:
    kind = AGENTS[name].load()
    few = {"updates": 2, "model_updates": 2} if kind.learns_from_log else {"model": "scripted"}
    known = inspect.signature(kind).parameters
    agent: Agent = kind(**{key: value for key, value in few.items() if key in known})
    if agent.learns_from_log:
        agent.learn(FakeLog("games", 30), seed=0)
    elif agent.trains:
        agent.train(FakeDoor("games", Budget(episodes=8, steps=128)), seed=0)
    return agent


@pytest.mark.parametrize("name", sorted(AGENTS))
@pytest.mark.benchmark(timer=time.process_time)
def test_acting(benchmark: Any, name: str) -> None:
    """All lanes start anew in each round, and play their first steps; only `act` is timed."""
    if not benchmark.enabled:
        pytest.skip("a measurement and no test: with --benchmark-enable; what holds of agents is in tests/baselines")
    agent, lanes = trained(name), np.arange(LANES)
    simulator = make_simulator("longrec/Games-v0", LANES, split="test")
    spent = [0.0]

    def play() -> None:
        simulator.begin(lanes, rng.bits_array(1, lanes, 99))
        agent.reset(simulator.task, LANES, seed=0)
        for step in range(STEPS):
            sessions = Sessions(lanes, rng.bits_array(2, lanes, 99), np.full(LANES, step))
            infos = simulator.infos() | ({"privileged": simulator.privileged()} if agent.privileged else {})
            begun = time.process_time()
            chosen = agent.act(simulator.observe(), infos, sessions)
            spent[0] += time.process_time() - begun
            assert chosen.shape == (LANES,)
            rewards, terminated, truncated = simulator.step(chosen)
            told = Feedback(chosen, rewards, terminated, truncated, simulator.observe(), infos)
            agent.observe(sessions, told)
            simulator.begin(lanes[simulator.over], rng.bits_array(3 + step, lanes[simulator.over], 99))

    play()  # compiles, and builds what an agent builds once
    spent[0] = 0.0
    benchmark.pedantic(play, rounds=1)
    benchmark.extra_info["decisions_a_second"] = LANES * STEPS / max(spent[0], 1e-9)
