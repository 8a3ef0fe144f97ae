from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.online.encoder import ENCODERS, ItemHead, StateEncoder
from baselines.online.pools import AttentionPool, GRUPool, MeanPool
from baselines.online.sb3_vec import FORBIDDEN, PolicyView
from baselines.scores import NEVER
from recsim_envs import make_simulator
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Budget, TaskSpec
from tests.baselines.support import FakeDoor
from tests.worlds import tiny_world

FAMILIES = ["Retention", "Request", "SlateTopKBored", "SingleItemBored", "InterestEvolution", "LongTermSatisfaction"]


def encoder_for(task: TaskSpec, kind: str = "mean") -> StateEncoder:
    torch.manual_seed(0)
    return StateEncoder(PolicyView(task).space, task=task, dim=8, kind=kind)


def states_of(env_id: str, lanes: int = 6, steps: int = 3) -> tuple[TaskSpec, dict[str, torch.Tensor]]:
    """States of some sessions that were shown arbitrary items for a few steps."""
    simulator = make_simulator(f"longrec/{env_id}-v0", lanes)
    simulator.begin(np.arange(lanes), np.arange(lanes, dtype=np.uint64))
    generator = np.random.default_rng(0)
    size, count = simulator.task.slate_size, simulator.task.catalogue.num_items
    for _ in range(steps):
        items = generator.permuted(np.tile(np.arange(count), (lanes, 1)), axis=1)
        simulator.step(items[:, 0] if size is None else items[:, :size])
    read = PolicyView(simulator.task).read(simulator.observe(), simulator.infos())
    return simulator.task, {key: torch.tensor(value) for key, value in read.items()}


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("env_id", FAMILIES)
def test_every_family_is_encoded_row_by_row(env_id: str, kind: str):
    """Rows of a batch do not mix, and every row gets a score for each item or candidate."""
    task, states = states_of(env_id)
    encoder = encoder_for(task, kind).double()
    head = ItemHead(encoder.features_dim, encoder).double()
    whole = head(encoder(states))
    assert whole.shape == (6, task.catalogue.num_items)
    one = head(encoder({key: value[2:3] for key, value in states.items()}))
    torch.testing.assert_close(one[0], whole[2], rtol=0, atol=1e-12)
    assert (whole[0] - whole[1]).abs().max() > 1e-6


@pytest.mark.parametrize("kind", ENCODERS)
def test_gradients_reach_every_parameter(kind: str):
    task, states = states_of("Request")
    encoder = encoder_for(task, kind)
    head = ItemHead(encoder.features_dim, encoder)
    head(encoder(states)).square().sum().backward()
    grads = {name: p.grad for name, p in [*encoder.named_parameters(), *head.named_parameters()]}
    assert all(grad is not None and grad.abs().sum() > 0 for grad in grads.values())
    assert not encoder.items.weight.grad[0].any()  # type: ignore[union-attr]  # "no item" stays zero


def pool_inputs(items: list[int], signals: list[float]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    table = torch.cat([torch.zeros(1, 4), torch.eye(4)]).double()
    ids = torch.tensor([items])
    return table[ids + 1], torch.tensor([signals]).double().unsqueeze(2), ids >= 0


@pytest.mark.parametrize("kind", [MeanPool, GRUPool, AttentionPool])
def test_pools_tell_items_signals_and_order_apart(kind):
    torch.manual_seed(0)
    pool = (kind(4, 1, 5) if kind is AttentionPool else kind(4, 1)).double()
    if kind is AttentionPool:
        torch.nn.init.normal_(pool.places)
    variants = [
        pool(*pool_inputs([-1, -1, -1, *items], [0, 0, 0, *signals]))
        for items, signals in (([1, 2], [1, -1]), ([2, 1], [1, -1]), ([1, 2], [-1, 1]), ([1, 3], [1, -1]))
    ]
    assert variants[0].shape == (1, pool.width)
    for i in range(4):
        for j in range(i):
            assert (variants[i] - variants[j]).abs().max() > 1e-4
    assert torch.isfinite(pool(*pool_inputs([-1] * 5, [0] * 5))).all()


def test_recent_items_weigh_more_in_means():
    pooled = MeanPool(4, 1)(*pool_inputs([-1, -1, -1, 0, 1], [0, 0, 0, 1, -1]))[0]
    share = torch.tensor([0.8, 1.0]).double() / 1.8
    torch.testing.assert_close(pooled[:2], share)  # the mean embedding
    torch.testing.assert_close(pooled[4:6], share * torch.tensor([1.0, -1.0]))  # weighted by the signal
    torch.testing.assert_close(pooled[8:12], torch.eye(4)[1].double())  # the last item
    torch.testing.assert_close(pooled[12:], torch.tensor([(0.8 - 1.0) / 1.8, -1.0]).double())


def test_what_is_not_there_is_not_attended_to():
    """Rows that differ only where there is no item encode alike."""
    torch.manual_seed(0)
    pool = AttentionPool(4, 1, 5).double()
    torch.nn.init.normal_(pool.places)
    vectors, signals, met = pool_inputs([-1, -1, 2, 1, 3], [0, 0, 1, 0, 1])
    other = vectors.clone()
    other[:, :2] = 7.0
    torch.testing.assert_close(pool(vectors, signals, met), pool(other, signals, met))


def test_scores_of_forbidden_items_sink_and_only_theirs():
    task = FakeDoor(tiny_world(), Budget(), protocol="NX_0").task
    encoder, mask = encoder_for(task), np.ones((2, 30), np.int8)
    mask[0, [0, 7, 8, 29]] = 0
    base = {key: np.zeros((2, *box.shape), box.dtype) for key, box in task.observation_space.spaces.items()}
    for forbidden in (mask, 0 * mask):
        states = PolicyView(task).read(base, {"action_mask": forbidden})
        encoder({key: torch.tensor(value) for key, value in states.items()})
        scores = encoder.scores(torch.zeros(2, 8), torch.zeros(30))
        # Where all are forbidden the session is over, and what is chosen no longer matters.
        assert np.array_equal((scores == NEVER).numpy(), (mask == 0) & forbidden.any())
    several = ItemHead(encoder.features_dim, encoder, several=3)(torch.zeros(2, encoder.features_dim))
    assert several.shape == (2, 90)
    assert FORBIDDEN in PolicyView(task).space.spaces


def test_encoders_that_do_not_exist_are_refused():
    with pytest.raises(ConfigurationError, match="encoder must be one of mean, gru, attention, got 'lstm'"):
        encoder_for(FakeDoor(tiny_world(), Budget()).task, "lstm")
