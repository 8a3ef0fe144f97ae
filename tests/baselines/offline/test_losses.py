"""Losses against plain arithmetic, and against torchrl's where it has the same."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import ProbabilisticTensorDictModule, ProbabilisticTensorDictSequential, TensorDictModule
from torch.distributions import Categorical
from torchrl.data import Categorical as CategoricalSpec
from torchrl.modules import QValueActor
from torchrl.objectives import DiscreteCQLLoss, DiscreteIQLLoss

from baselines.offline.agent import HeadAgent
from baselines.offline.bcq import BCQAgent, only_likely
from baselines.offline.cql import CQLAgent, conservative_term
from baselines.offline.crr import CRRAgent, expected
from baselines.offline.dorl import context_entropy
from baselines.offline.ips import IPSAgent
from baselines.offline.iql import IQLAgent, expectile_loss, imitation_loss
from baselines.offline.replay import Replay, Steps
from baselines.offline.sqn import SQNAgent
from baselines.offline.td import q_target
from baselines.scores import best, log_probability, worth
from recsim_envs.offline import LogView, generate, spec_of
from recsim_envs.offline.spec import dataset_id
from tests.baselines.offline.support import Fixed, FixedTold, steps, table

GAMMA = 0.9


def test_probabilities_of_slates_are_those_of_drawing_without_replacement():
    logits = table(1, 4)
    chances = {}
    for slate in itertools.permutations(range(4), 2):
        chances[slate] = float(log_probability(logits, torch.tensor([slate])).exp())
        p = logits[0].softmax(0)
        assert chances[slate] == pytest.approx(float(p[slate[0]] * p[slate[1]] / (1 - p[slate[0]])), rel=1e-5)
    assert sum(chances.values()) == pytest.approx(1, rel=1e-5)


def test_the_best_slate_is_worth_most_of_all():
    scores = table(3, 6)
    for row, slate in enumerate(best(scores, 3)):
        every = torch.tensor(list(itertools.combinations(range(6), 3)))
        values = worth(scores[row].expand(len(every), -1), every)
        assert float(worth(scores[row : row + 1], slate[None])) == pytest.approx(float(values.max()), rel=1e-6)


@pytest.mark.parametrize("size", [1, 2])
def test_targets_choose_by_one_network_and_judge_by_the_other(size: int):
    told = steps(size=size)
    online, slow = table(12, 5, seed=1)[6:], table(12, 5, seed=2)[6:]
    goal = q_target(online, FixedTold(q=slow), told, GAMMA)
    for i in range(6):
        chosen = np.argsort(-online[i].numpy())[:size]
        judged = float(slow[i].numpy()[chosen].mean())
        left = float(told.rewards[i]) + (0.0 if told.ended[i] else GAMMA * judged)
        assert float(goal[i]) == pytest.approx(left, rel=1e-6)


def test_targets_stay_within_what_is_possible():
    told = steps()
    assert (
        float(q_target(told.rewards[:, None] + 1e6, FixedTold(q=torch.full((6, 1), 1e6)), told, GAMMA).max())
        <= 10.0 + 1e-5
    )


@pytest.mark.parametrize("env_id", ["longrec/Games-v0", "longrec/SlateTopKBored-v0", "longrec/InterestEvolution-v0"])
def test_the_worth_of_some_items_is_that_among_all(env_id: str):
    log = LogView(generate(spec_of(dataset_id(env_id, "random"), sessions=4)))
    some, network = Replay(log, torch.device("cpu")).at(torch.arange(5)), HeadAgent(hidden=4)
    network.heads, network.values = ("q",), ("v",)
    told = shaken(network.network(log.task))(some.state)
    assert told["v"].shape == (5,)
    torch.testing.assert_close(told.worth("q", some.actions), worth(told["q"], some.actions))


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """With weights that are not 0."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in network.parameters():
            weights += 0.1 * torch.randn_like(weights)
    return network


def td_goals(told: Steps, online: torch.Tensor, slow: torch.Tensor) -> torch.Tensor:
    later = [slow[6 + i, int(online[6 + i].argmax())] for i in range(6)]
    return told.rewards + GAMMA * (1 - told.ended) * torch.stack(later)


def test_cql_is_torchrls():
    told, q, alpha = steps(), table(seed=1), 0.7
    qvalue, cql = torchrl_cql(told, q)
    ours = CQLAgent(alpha=alpha, gamma=GAMMA).loss(Fixed(q=q), Fixed(q=q), told)
    assert ours.item() == pytest.approx((qvalue + alpha * cql).item(), rel=1e-5)
    assert conservative_term(q[:6], told.actions).item() == pytest.approx(cql.item(), rel=1e-5)


def test_cql_judges_by_the_slow_network():
    told, q, slow = steps(), table(seed=1), table(seed=2)
    error = q[torch.arange(6), told.actions[:, 0]] - td_goals(told, slow, slow)
    ours = CQLAgent(alpha=0.0, gamma=GAMMA).loss(Fixed(q=q), Fixed(q=slow), told)
    assert ours.item() == pytest.approx(0.5 * error.square().mean().item(), rel=1e-5)


def torchrl_cql(told: Steps, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Half the squared TD error, and the conservative term, of `DiscreteCQLLoss`.

    Of torchrl 0.14.1 the target is that of the online network even with `delay_value`, so both are given one table.
    """
    actor = QValueActor(
        torch.nn.Embedding.from_pretrained(q.clone(), freeze=False), in_keys=["row"], spec=CategoricalSpec(q.shape[1]),
        action_space="categorical",
    )  # fmt: skip
    loss = DiscreteCQLLoss(actor, loss_function="l2", delay_value=False, action_space="categorical")
    loss.make_value_estimator(gamma=GAMMA)
    out = loss(batch_of(told))
    return out["loss_qvalue"], out["loss_cql"]


def batch_of(told: Steps) -> TensorDict:
    ended = told.ended.bool()[:, None]
    after = {"row": told.next_state["row"], "reward": told.rewards[:, None], "done": ended, "terminated": ended}
    return TensorDict({"row": told.state["row"], "action": told.actions[:, 0], "next": after}, [len(told.rewards)])


def test_iql_is_torchrls():
    told, q, policy, slow = steps(), table(seed=1), table(seed=2), table(seed=3)
    v = torch.randn(12, generator=torch.Generator().manual_seed(4))
    ours = IQLAgent(expectile=0.7, temperature=3.0, gamma=GAMMA).loss(
        Fixed(q=q, policy=policy, v=v), Fixed(q=slow, policy=policy, v=v), told
    )
    theirs = torchrl_iql(told, q, slow, policy, v)
    assert ours.item() == pytest.approx(sum(float(part) for part in theirs), rel=1e-5)
    chosen = slow[torch.arange(6), told.actions[:, 0]]
    assert float(expectile_loss(chosen - v[:6], 0.7)) == pytest.approx(float(theirs[1]), rel=1e-5)
    log_chance = log_probability(policy[:6], told.actions)
    assert float(imitation_loss(log_chance, chosen - v[:6], 3.0)) == pytest.approx(float(theirs[2]), rel=1e-5)


def torchrl_iql(
    told: Steps, q: torch.Tensor, slow: torch.Tensor, policy: torch.Tensor, v: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Losses of value, expectile and policy of `DiscreteIQLLoss` on the same tables."""

    def of(weights: torch.Tensor, key: str) -> TensorDictModule:
        module = torch.nn.Embedding.from_pretrained(weights.clone(), freeze=False)
        return TensorDictModule(module, in_keys=["row"], out_keys=[key])

    actor = ProbabilisticTensorDictSequential(
        of(policy, "logits"),
        ProbabilisticTensorDictModule(in_keys=["logits"], out_keys=["action"], distribution_class=Categorical),
    )
    loss = DiscreteIQLLoss(
        actor, of(q, "state_action_value"), of(v[:, None], "state_value"), num_qvalue_nets=1, loss_function="l2",
        temperature=3.0, expectile=0.7, action_space="categorical",
    )  # fmt: skip
    loss.make_value_estimator(gamma=GAMMA)
    # Its Q-networks start anew: ours in their place.
    for params, ours in ((loss.qvalue_network_params, q), (loss.target_qvalue_network_params, slow)):
        params["module", "weight"].data = ours.clone().reshape(params["module", "weight"].shape)
    out = loss(batch_of(told))
    return out["loss_qvalue"], out["loss_value"], out["loss_actor"]


def test_sqn_adds_the_next_item_and_the_error_of_double_q():
    told, q, following, slow = steps(), table(seed=1), table(seed=2), table(seed=3)
    ours = SQNAgent(gamma=GAMMA, q_weight=0.5).loss(Fixed(q=q, next=following), Fixed(q=slow, next=following), told)
    rows = torch.arange(6)
    error = q[rows, told.actions[:, 0]] - td_goals(told, q, slow)
    likeness = -following[:6].log_softmax(1)[rows, told.actions[:, 0]].mean()
    assert ours.item() == pytest.approx(float(likeness + 0.5 * error.square().mean()), rel=1e-5)


@pytest.mark.parametrize("weight", ["exp", "binary"])
def test_crr_weighs_steps_by_their_advantage(weight: str):
    told, q, policy, slow, older = steps(), table(seed=1), table(seed=2), table(seed=3), table(seed=4)
    agent = CRRAgent(gamma=GAMMA, weight=weight, beta=0.5, largest=2.0)
    ours = agent.loss(Fixed(q=q, policy=policy), Fixed(q=slow, policy=older), told)
    total = 0.0
    for i in range(6):
        a, chance, then = int(told.actions[i, 0]), policy[i].softmax(0), older[6 + i].softmax(0)
        goal = float(told.rewards[i]) + (0 if told.ended[i] else GAMMA * float((then * slow[6 + i]).sum()))
        advantage = float(q[i, a] - (chance * q[i]).sum())
        factor = min(math.exp(advantage / 0.5), 2.0) if weight == "exp" else float(advantage > 0)
        total += 0.5 * (float(q[i, a]) - goal) ** 2 - factor * math.log(float(chance[a]))
    assert ours.item() == pytest.approx(total / 6, rel=1e-4)
    assert float(expected(q[:1], policy[:1])) == pytest.approx(float((policy[0].softmax(0) * q[0]).sum()), rel=1e-5)


def test_bcq_looks_at_likely_items_only():
    q, chances = torch.tensor([[5.0, 1.0, 2.0, 9.0]]), torch.tensor([[0.1, 0.5, 0.3, 0.1]])
    found = only_likely(q, chances.log(), 0.3)
    assert found[0, 1:3].tolist() == [1.0, 2.0]
    assert best(found, 1).item() == 2
    assert set(best(found, 3)[0].tolist()[:2]) == {1, 2}
    apart = torch.tensor([[0.05, 0.6, 0.08, 0.27]]).log()  # one likely item, and three that fill up a slate
    assert best(only_likely(q, apart, 0.5).float(), 4).tolist() == [[1, 3, 2, 0]]
    allowed = torch.tensor([[True, False, True, True]])
    agent, net = BCQAgent(threshold=0.3), Fixed(q=q, imitation=apart)
    assert best(agent.scores(net, {"row": torch.tensor([0])}, allowed), 1).item() == 3  # the likeliest of the allowed
    assert best(agent.scores(net, {"row": torch.tensor([0])}, allowed), 3).tolist() == [[3, 2, 0]]
    told, other, slow = steps(), table(seed=2), table(seed=3)
    agent = BCQAgent(gamma=GAMMA, threshold=0.3, imitation=1.0, shrink=0.01)
    ours = agent.loss(Fixed(q=table(), imitation=other), Fixed(q=slow, imitation=other), told)
    total = 0.0
    for i in range(6):
        share = other[6 + i].exp() / other[6 + i].exp().max()
        chosen = int(torch.where(share >= 0.3, table()[6 + i], -torch.inf).argmax())
        goal = float(told.rewards[i]) + (0 if told.ended[i] else GAMMA * float(slow[6 + i, chosen]))
        error = abs(float(table()[i, int(told.actions[i, 0])]) - goal)
        huber = 0.5 * error**2 if error < 1 else error - 0.5
        likeness = float(other[i].log_softmax(0)[int(told.actions[i, 0])])
        total += huber - likeness + 0.01 * float(other[i].square().mean())
    assert ours.item() == pytest.approx(total / 6, rel=1e-4)


def test_ips_caps_its_weights_and_corrects_for_k_items():
    agent = IPSAgent(cap=3.0, top_k=2)
    weights = agent.weights(torch.tensor([0.2, 0.5]).log(), torch.tensor([0.1, 0.1]).log())
    np.testing.assert_allclose(weights, [2.0 * 2 * 0.8, 3.0 * 2 * 0.5], rtol=1e-5)


def test_entropy_of_what_followed():
    kinds, sessions = np.array([0, 1, 0, 2, 1, 0, 0]), np.array([0, 0, 0, 0, 1, 1, 1])
    one = context_entropy(kinds, sessions, 1, 3)
    # After 0: 1, 2, 0. After 1: 0 twice. After 2: nothing.
    np.testing.assert_allclose(one, [1.0, 0.0, 1.0], atol=1e-12)
    two = context_entropy(kinds, sessions, 2, 3)
    # After {0, 1}: 0 (0, 1), 2 (1, 0), 0 (1, 0).
    shares = np.array([2 / 3, 1 / 3])
    assert two[0 * 3 + 1] == pytest.approx(-(shares * np.log(shares)).sum() / np.log(3))
    assert two[2 * 3 + 2] == 1.0
