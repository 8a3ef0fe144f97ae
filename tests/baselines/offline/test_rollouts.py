"""Policies learned in an imagined world, and sequences read in training and in play, against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.offline.decision_transformer import DecisionTransformerAgent
from baselines.offline.mopo import MOPOAgent
from baselines.offline.replay import Replay
from baselines.scores import drawn
from recsim_envs import rng
from recsim_envs.spec import Feedback, Sessions
from tests.baselines.offline.support import Fixed, steps, table
from tests.baselines.support import FakeLog, simulator
from tests.worlds import tiny_world

GAMMA, ROLLOUT = 0.9, 3


class Chain:
    """Row r is followed by r + 2; item i of it earns i + r / 10; users in row 3 leave."""

    def __init__(self) -> None:
        self.shown: list[list[int]] = []

    def step(self, state, items, allowed):
        self.shown.append(items.tolist())
        rows = state["row"]
        return {"row": rows + 2}, items + rows / 10, (rows != 3).float(), allowed


def test_actor_and_critic_learn_from_discounted_rewards_to_the_end_of_each_rollout():
    agent = MOPOAgent(gamma=GAMMA, rollout=ROLLOUT, entropy=0.02, value_weight=0.3)
    policy, values, world = table(), torch.linspace(-1, 1, 12), Chain()
    torch.manual_seed(0)
    ours = agent.actor_critic_loss(Fixed(policy=policy, v=values), world, steps(count=2))  # type: ignore[arg-type]
    total, count = 0.0, 0
    for lane in range(2):
        rows = [lane + 2 * t for t in range(ROLLOUT)]
        last = rows.index(3) if 3 in rows else None
        for t, row in enumerate(rows if last is None else rows[: last + 1]):
            end = ROLLOUT if last is None else last + 1
            goal = sum(GAMMA ** (u - t) * (world.shown[u][lane] + rows[u] / 10) for u in range(t, end))
            if last is None:
                goal += GAMMA ** (ROLLOUT - t) * float(values[rows[-1] + 2])
            logs = policy[row].log_softmax(0)
            gain = goal - float(values[row])
            entropy = -float((logs.exp() * logs).sum())
            total += -gain * float(logs[world.shown[t][lane]]) + 0.3 * gain**2 - 0.02 * entropy
            count += 1
    assert ours.item() == pytest.approx(total / count, rel=1e-5)


def test_items_are_drawn_from_the_policy_or_are_its_likeliest():
    count, scores = 4000, np.array([0.0, 1.0, 3.0, 2.0], np.float32)
    allowed = np.array([True, True, False, True])
    keys = rng.bits_array(3, np.arange(count), 99)
    at = Sessions(np.arange(count), keys, np.zeros(count, np.int64))
    agent, every = MOPOAgent(), np.repeat(scores[None], count, 0)
    agent._slate = None
    for mask in (None, np.repeat(allowed[None], count, 0)):
        shares = np.exp(scores.astype(np.float64)) * (True if mask is None else allowed)
        drawn = agent.choose(every, mask, at)
        found = np.bincount(drawn, minlength=4) / count
        np.testing.assert_allclose(found, shares / shares.sum(), atol=0.03)
        one = Sessions(at.lanes[7:8], keys[7:8], at.steps[7:8])
        assert agent.choose(every[:1], None if mask is None else mask[:1], one)[0] == drawn[7]
    agent.greedy = True
    assert set(agent.choose(every, np.repeat(allowed[None], count, 0), at)) == {3}


def test_what_is_drawn_in_training_follows_the_shares():
    shares = torch.tensor([[0.1, 0.0, 0.6, 0.3, 0.0]])
    torch.manual_seed(0)
    found = torch.bincount(drawn(shares.expand(4000, -1)), minlength=5) / 4000
    np.testing.assert_allclose(found, shares[0], atol=0.03)


def test_a_session_is_played_by_what_training_would_read():
    """More steps than the context holds; the return asked for falls by what is earned."""
    world = tiny_world(users=40, items=20, threshold=0.0, r_min=0.0, horizon=8)
    log = FakeLog(world)
    agent = DecisionTransformerAgent(updates=3, context=4, hidden=16)
    agent.learn(log, seed=0)
    sim = simulator(world, 3)
    lanes = np.arange(3)
    sim.begin(lanes, rng.bits_array(1, lanes, 99))
    agent.reset(sim.task, 3, seed=0)
    torch.manual_seed(0)
    with torch.no_grad():  # so that what is shown depends on all that is read
        for weights in agent._network.parameters():
            weights += 0.3 * torch.randn_like(weights)
    told: list[torch.Tensor] = []
    agent._network.register_forward_hook(lambda module, given, logits: told.append(logits))
    network, reader, scale = agent._network, agent._reader, Replay(log, torch.device("cpu")).scale
    seen: list[dict] = []
    wanted = np.full(3, agent._asked[0])
    for step in range(8):
        observations, infos = sim.observe(), sim.infos()
        at = Sessions(lanes, lanes.astype(np.uint64), np.full(3, step))
        actions = agent.act(observations, infos, at)
        seen.append({"state": reader.read(observations), "to_go": wanted.copy(), "actions": actions})
        window = seen[-4:]
        state = {
            k: torch.from_numpy(np.stack([w["state"][k] for w in window], 1)).flatten(0, 1) for k in seen[0]["state"]
        }
        shown = torch.from_numpy(np.stack([w["actions"] for w in window], 1))[:, :, None]
        to_go = torch.from_numpy(np.stack([w["to_go"] for w in window], 1))
        places = torch.arange(step + 1)[-4:].repeat(3, 1)
        with torch.no_grad():
            logits = network(state, shown, to_go, places, places == step)
        np.testing.assert_allclose(told[-2], logits, rtol=1e-9)
        np.testing.assert_array_equal(actions, logits.argmax(1).numpy())
        out = sim.step(actions)
        wanted -= out.rewards / scale
        agent.observe(at, Feedback(actions, out.rewards, out.terminated, out.truncated, sim.observe(), sim.infos()))
    assert len({float(logits[0, 0]) for logits in told[::2]}) == 8  # nothing is the same in two steps
