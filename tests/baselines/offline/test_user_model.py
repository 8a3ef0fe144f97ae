"""The user model finds what users give and when they leave; satiation is what its formula says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from baselines.offline.dorl import DORLAgent
from baselines.offline.model_based import Imagined
from baselines.offline.mopo import MOPOAgent
from baselines.offline.replay import Replay
from baselines.offline.training import Course, fit
from baselines.offline.user_model import Satiation, UserModel
from recsim_envs.spec import Catalogue, TaskSpec
from tests.baselines.support import FakeLog
from tests.worlds import tiny_world

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def learned() -> tuple[FakeLog, Replay, UserModel]:
    """Of a world whose items below 15 earn 5 and others 3, and where whoever sees an item above 24 leaves."""
    world = tiny_world(users=40, items=30, threshold=0.0, r_min=2.0, horizon=10)
    world.arrays["rewards"][:] = 3
    world.arrays["rewards"][:, :15] = 5
    world.arrays["rewards"][:, 25:] = 1
    log = FakeLog(world, sessions=400)
    replay = Replay(log, CPU)
    torch.manual_seed(0)
    model = UserModel(log.task, 2, 8, 16, "mean", None)
    fit(model, lambda update: model.loss(replay.draw(64)), Course("user-model", 300, 1e-2, 0, None, {}))
    return log, replay, model


def test_rewards_and_departures_are_found(learned):
    _, replay, model = learned
    row = int(np.flatnonzero(replay.steps == 2)[0])  # nobody leaves at the first step, and the model knows
    state = {key: array[row : row + 1].expand(30, *array.shape[1:]) for key, array in replay.state.items()}
    reward, variance, leave = model.predict(state, torch.arange(30))
    np.testing.assert_allclose(reward[:25] * replay.scale, [5.0] * 15 + [3.0] * 10, atol=0.5)
    assert leave[:25].max() < 0.3 < 0.7 < leave[25:].min()
    assert (variance > 0).all()


def test_imagined_sessions_go_on_as_real_ones_do(learned):
    log, replay, model = learned
    world = Imagined(log.task, model, replay, MOPOAgent(uncertainty=0.0))
    torch.manual_seed(0)
    rows = torch.from_numpy(np.flatnonzero(replay.steps == 2)[:4])
    items, state = torch.tensor([2, 20, 29, 7]), replay.at(rows).state
    after, reward, stay, allowed = world.step(state, items, torch.ones(4, 30, dtype=torch.bool))
    assert after["session_items/items"][:, -1].tolist() == items.tolist()
    assert torch.equal(after["session_items/items"][:, :-1], state["session_items/items"][:, 1:])
    assert torch.equal(after["history_items/items"], state["history_items/items"])
    assert not allowed.gather(1, items[:, None]).any()
    assert stay.tolist() == [1, 1, 0, 1]
    mean = replay.rewards[replay.ended > 0].mean()
    assert reward[2].item() == pytest.approx(mean.item(), abs=1e-6)
    signals = after["session_items/signals"][:, -1, 0]  # rewards 0..5 as -1..1
    np.testing.assert_allclose(signals[[0, 1, 3]], [1.0, 0.2, 1.0], atol=0.2)


def test_repeats_are_counted_by_how_long_ago_the_item_was_shown(learned):
    _, replay, model = learned
    model.count_repeats(replay)
    window = replay.state["session_items/items"].numpy()
    for place in range(window.shape[1]):
        again = window[:, place] == replay.actions[:, 0].numpy()
        left = int((again & (replay.ended.numpy() > 0)).sum())
        assert model.again[place].item() == pytest.approx((left + 1) / (again.sum() + 2))
    state = {key: array[:1].expand(3, *array.shape[1:]).clone() for key, array in replay.state.items()}
    state["session_items/items"][:] = torch.tensor([-1] * 7 + [20, 21, 22])
    model.again[:] = torch.linspace(0.991, 1.0, 10)
    leave = model.predict(state, torch.tensor([20, 22, 23]))[2]
    assert leave[:2].tolist() == pytest.approx([0.998, 1.0])
    assert leave[2] < 0.9
    model.again.zero_()


def catalogue() -> Catalogue:
    """Items with the categories {0}, {0, 1}, {2}."""
    zeros = np.zeros(3)
    indptr, ids = np.array([0, 1, 3, 4]), np.array([0, 0, 1, 2], np.int32)
    return Catalogue(("a", "b", "c"), ("x", "y", "z"), indptr, ids, zeros.astype(np.int64), zeros.astype(np.float32))


def task_of(known: Catalogue) -> TaskSpec:
    return TaskSpec(**{**vars(FakeLog(tiny_world(), 2).task), "catalogue": known})


def test_satiation_is_the_sum_over_what_was_shown():
    satiation = Satiation(task_of(catalogue()), tau=2.0)
    torch.nn.init.constant_(satiation.strength, 0.3)
    beta = math.log1p(math.exp(0.3))
    # Before item 0: nothing, item 1 (similarity 1/2) two steps ago, item 2 (nothing in common) one step ago.
    found = satiation(torch.tensor([[-1, 1, 2]]), torch.tensor([0]))
    assert found.item() == pytest.approx(1 + beta * math.exp(-2 * 2 / 2.0), rel=1e-5)
    again = satiation(torch.tensor([[0, 0, -1]]), torch.tensor([0]))
    assert again.item() == pytest.approx(1 + beta * (math.exp(-3 / 2) + math.exp(-2 / 2)), rel=1e-5)


def test_dorl_adds_entropies_and_takes_variance():
    agent = DORLAgent(uncertainty=0.5, entropy_bonus=2.0)
    agent.check(task_of(catalogue()))
    agent._one, agent._two = torch.tensor([0.1, 0.2, 0.3]), torch.arange(9) / 10
    shown = torch.tensor([[-1, -1, 2], [0, 2, 1]])
    shaped = agent.shaped(torch.tensor([3.0, 3.0]), torch.tensor([1.0, 4.0]), shown)
    # Main categories: 2 alone; then 2 and 0, in order 0, 2.
    np.testing.assert_allclose(shaped, [3 - 0.5 + 2 * (0.3 + 1.0), 3 - 2.0 + 2 * (0.1 + 0.2)], rtol=1e-5)
