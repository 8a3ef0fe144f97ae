"""Single items, slates and drawn candidates: who learns and plays them, and who refuses, before training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from baselines.offline.bcq import BCQAgent
from baselines.offline.cirs import CIRSAgent
from baselines.offline.cql import CQLAgent
from baselines.offline.crr import CRRAgent
from baselines.offline.decision_transformer import DecisionTransformerAgent
from baselines.offline.dorl import DORLAgent
from baselines.offline.ips import IPSAgent
from baselines.offline.iql import IQLAgent
from baselines.offline.mopo import MOPOAgent
from baselines.offline.sqn import SQNAgent
from baselines.sequence.mf import MFAgent
from baselines.sequence.sasrec import SASRecAgent
from leaderboard.evaluate.simulate import simulate
from recsim_envs import rng
from recsim_envs.errors import AgentError
from recsim_envs.families import make_family
from recsim_envs.ids import BUILTIN
from recsim_envs.spec import Agent
from tests.baselines.support import FakeLog

HEADS = [SQNAgent, CRRAgent, CQLAgent, BCQAgent, IQLAgent, IPSAgent]
LISTS = [DecisionTransformerAgent, MFAgent, SASRecAgent]
MODELS = [MOPOAgent, DORLAgent, CIRSAgent]
CATALOGUES = {"SingleItemBored-v0": {"horizon": 8}, "SlateTopKBored-v0": {"horizon": 6}, "Session-v0": {"horizon": 6}}
CANDIDATES = {"InterestEvolution-v0": {"horizon": 8}, "LongTermSatisfaction-v0": {"horizon": 8}}
LEARNED = [(a, i) for a in HEADS for i in CATALOGUES | CANDIDATES] + [(a, i) for a in LISTS for i in CATALOGUES]
REFUSED = [(a, i) for a in LISTS for i in CANDIDATES] + [(a, i) for a in MODELS for i in CATALOGUES | CANDIDATES]


def options(env_id: str) -> tuple[str, dict[str, Any]]:
    family, known = BUILTIN[f"longrec/{env_id}" if f"longrec/{env_id}" in BUILTIN else env_id]
    return family, known | (CATALOGUES | CANDIDATES)[env_id]


def log_of(env_id: str, sessions: int = 12) -> FakeLog:
    family, known = options(env_id)
    return FakeLog(known.pop("world", None), sessions, family=family, **known)


def played(agent: Agent, env_id: str, order: np.ndarray) -> list[list[int]]:
    family, known = options(env_id)
    simulator = make_family(family, len(order), split="test", **known)
    agent.reset(simulator.task, len(order), 0)
    trace = simulate(
        agent, simulator, rng.bits_array(1, order, 99), rng.bits_array(2, order, 99), task=0, training_seed=0,
        privileged=False, progress=lambda done: None,
    )  # fmt: skip
    items = [trace.actions[a:b].tolist() for a, b in zip(trace.item_offsets[:-1], trace.item_offsets[1:], strict=True)]
    return [items[i] for i in np.argsort(order)]


@pytest.mark.parametrize(("kind", "env_id"), LEARNED)
def test_learns_and_plays_whatever_the_batch(kind: type[Agent], env_id: str):
    agent = kind(**({} if kind is MFAgent else {"updates": 3}))
    agent.learn(log_of(env_id), seed=0)
    actions = played(agent, env_id, np.arange(6))
    assert played(agent, env_id, np.array([4, 1, 0, 5, 3, 2])) == actions
    task = make_family(options(env_id)[0], 1, split="test", **options(env_id)[1]).task
    for session in actions:
        for slate in np.array(session).reshape(-1, task.slate_size or 1):
            assert len(set(slate.tolist())) == len(slate)


@pytest.mark.parametrize(("kind", "env_id"), REFUSED)
def test_refuses_before_training_and_says_why(kind: type[Agent], env_id: str):
    log = log_of(env_id, sessions=2)
    log.transitions = None  # nobody gets so far
    with pytest.raises(AgentError, match=f"{kind.__name__} (chooses among|reads|shows one item|cannot foretell)"):
        kind().learn(log, seed=0)
