"""Learning from logs: masks, returns, resuming after a kill, stops, refusals, and that something is learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from baselines.offline import training
from baselines.offline.agent import GradientAgent
from baselines.offline.cirs import CIRSAgent
from baselines.offline.cql import CQLAgent
from baselines.offline.decision_transformer import DecisionTransformerAgent
from baselines.offline.dorl import DORLAgent
from baselines.offline.ips import IPSAgent
from baselines.offline.iql import IQLAgent
from baselines.offline.replay import Replay
from baselines.sequence.mf import MFAgent
from baselines.sequence.sasrec import SASRecAgent
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Agent
from tests.baselines.support import FakeLog, evaluate
from tests.worlds import tiny_world

CPU = torch.device("cpu")
KILLED = [CQLAgent, DecisionTransformerAgent, SASRecAgent, DORLAgent]


@pytest.fixture(scope="module")
def world():
    return tiny_world(users=40, items=50, threshold=2.0)


def small(kind: type[GradientAgent], **changes: object) -> GradientAgent:
    return kind(**({"updates": 7} | ({"model_updates": 7} if issubclass(kind, DORLAgent) else {}) | changes))


def test_a_replay_holds_the_log(world):
    log = FakeLog(world, protocol="NX_0")
    replay = Replay(log, CPU)
    (told,) = log.transitions()
    some = replay.at(torch.tensor([3, 0, 11]))
    np.testing.assert_array_equal(some.actions[:, 0], told.actions[[3, 0, 11]])
    np.testing.assert_allclose(some.rewards * replay.scale, told.rewards[[3, 0, 11]], rtol=1e-6)
    np.testing.assert_array_equal(some.allowed, told.masks[[3, 0, 11]])
    np.testing.assert_array_equal(some.next_allowed, told.next_masks[[3, 0, 11]])
    np.testing.assert_array_equal(some.ended, told.terminated[[3, 0, 11]])
    np.testing.assert_array_equal(some.next_state["session_items/items"][:, -1], told.actions[[3, 0, 11]])


def test_returns_are_summed_to_the_end_of_each_session(world):
    replay = Replay(FakeLog(world), CPU)
    found, rewards = replay.returns(0.9), replay.rewards.numpy().astype(np.float64)
    for session in (0, 7, 59):
        rows = np.flatnonzero(replay.sessions == session)
        for row in rows:
            later = rewards[row : rows[-1] + 1]
            assert found[row] == pytest.approx((later * 0.9 ** np.arange(len(later))).sum())


class KilledError(Exception):
    """In the place of a signal."""


@pytest.mark.parametrize("kind", KILLED)
def test_a_killed_training_ends_with_the_bits_of_one_that_was_not(kind, world, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_EVERY", 2)
    whole = small(kind)
    whole.learn(FakeLog(world), seed=1)
    for part in ("user-model", "policy") if kind is DORLAgent else ("policy",):
        kill(kind, world, tmp_path, monkeypatch, part)
    again = small(kind)
    again.learn(FakeLog(world, folder=tmp_path), seed=1)
    assert again.describe() == whole.describe()
    assert all(torch.equal(again._weights[name], value) for name, value in whole._weights.items())
    assert list(tmp_path.glob("tensorboard/policy/events*"))


def kill(kind: type[GradientAgent], world, folder: Path, monkeypatch, part: str) -> None:
    """Train, and die in the sixth update of a part, after the checkpoint of the fourth."""
    seeded = training.rng.derive_seed

    def dying(*labels: str | int) -> int:
        if labels[0] == "update" and labels[1] == part and labels[3] == 5:
            raise KilledError
        return seeded(*labels)

    with monkeypatch.context() as patch:
        patch.setattr(training.rng, "derive_seed", dying)
        with pytest.raises(KilledError):
            small(kind).learn(FakeLog(world, folder=folder), seed=1)
    assert (folder / f"{part}.safetensors").is_file()


def test_a_checkpoint_of_something_else_or_damaged_is_refused(world, tmp_path):
    small(CQLAgent).learn(FakeLog(world, folder=tmp_path), seed=1)
    others = (
        (small(CQLAgent, alpha=0.5), 1, "alpha 1.0, not 0.5"),
        (small(CQLAgent), 2, "seed 1, not 2"),
        (small(IQLAgent), 1, "agent CQLAgent, not IQLAgent"),
    )
    for agent, seed, fault in others:
        with pytest.raises(AgentError, match=f"policy.safetensors is of a training with {fault}"):
            agent.learn(FakeLog(world, folder=tmp_path), seed=seed)
    file = tmp_path / "policy.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(AgentError, match="damaged"):
        small(CQLAgent).learn(FakeLog(world, folder=tmp_path), seed=1)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(world, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_EVERY", 2)
    calls = []

    class Broken(CQLAgent):
        def loss(self, network, target, steps):
            calls.append(1)
            return super().loss(network, target, steps) * (float("nan") if len(calls) == 6 else 1.0)

    with pytest.raises(AgentError, match=r"loss is nan in update 6.*after update 4 is in .*policy\.safetensors"):
        small(Broken).learn(FakeLog(world, folder=tmp_path), seed=1)
    with safe_open(tmp_path / "policy.safetensors", "pt") as file:
        assert all(torch.isfinite(file.get_tensor(name)).all() for name in file.keys())  # noqa: SIM118
    with pytest.raises(AgentError, match="no checkpoint was kept"):
        small(CQLAgent, learning_rate=1e30).learn(FakeLog(world), seed=1)


@pytest.mark.parametrize("kind", [CQLAgent, DORLAgent, MFAgent])
def test_progress_is_told_to_the_end(kind, world):
    log = FakeLog(world)
    agent = MFAgent(sweeps=3) if kind is MFAgent else small(kind)
    agent.learn(log, seed=1)
    total = 3 if kind is MFAgent else agent.all_updates()
    assert log.told == (total, total)


def test_propensities_are_asked_for_by_name(world):
    with pytest.raises(AgentError, match="log tests/tiny/random-v0 does not tell them"):
        small(IPSAgent).learn(FakeLog(world, propensities=False), seed=0)
    small(CQLAgent).learn(FakeLog(world, propensities=False), seed=0)


def test_a_device_that_is_not_there_is_refused(world):
    with pytest.raises(AgentError, match="no device 'cuda:99'"):
        small(CQLAgent, device="cuda:99").learn(FakeLog(world), seed=0)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (CQLAgent, {"updates": 0}), (CQLAgent, {"gamma": 1.5}), (CQLAgent, {"encoder": "lstm"}),
        (CQLAgent, {"learning_rate": 0.0}), (DecisionTransformerAgent, {"hidden": 30, "attention_heads": 4}),
        (DecisionTransformerAgent, {"target_quantile": 2.0}), (IPSAgent, {"cap": 0.0}), (DORLAgent, {"members": 0}),
        (CIRSAgent, {"tau": 0.0}), (MFAgent, {"ridge": 0.0}), (SASRecAgent, {"dropout": 1.0}),
    ],
)  # fmt: skip
def test_parameters_without_meaning_are_refused(kind: type[Agent], wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        kind(**wrong)


def test_value_agents_find_the_items_that_earn(world):
    """In a world where three items are worth 5 and all others 1, each is shown by those who look at rewards."""
    plain = tiny_world(users=40, items=30, threshold=0.0, r_min=0.0, horizon=6)
    plain.arrays["rewards"][:] = 1
    plain.arrays["rewards"][:, [4, 17, 21]] = 5
    log = FakeLog(plain, sessions=300)
    for agent in (CQLAgent(updates=150), IQLAgent(updates=150), IPSAgent(updates=150), MFAgent(ridge=0.5)):
        agent.learn(log, seed=0)
        run = evaluate(agent, plain)
        assert run.returns.mean() > 25, type(agent).__name__  # random earns 8.4 of the 30 there are
