"""Plackett-Luce slates against what the definition says, by enumeration."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from baselines.online.ppo import PPOAgent
from baselines.online.slates import PlackettLuce
from baselines.scores import NEVER
from baselines.selection import best_slates
from recsim_envs.spec import Sessions

SCORES = torch.tensor([0.3, -1.0, 2.0, 0.0, 1.2], dtype=torch.float64)


def over(scores: torch.Tensor, size: int) -> PlackettLuce:
    return PlackettLuce(size, None).proba_distribution(scores)  # type: ignore[arg-type]


def by_definition(scores: torch.Tensor, slate: tuple[int, ...]) -> float:
    weights, chance = scores.exp().tolist(), 1.0
    left = sum(weights)
    for item in slate:
        chance *= weights[item] / left
        left -= weights[item]
    return chance


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_log_probabilities_are_those_of_the_definition_and_sum_to_one(size: int):
    slates = list(permutations(range(5), size))
    logs = over(SCORES.repeat(len(slates), 1), size).log_prob(torch.tensor(slates))
    np.testing.assert_allclose(logs.exp().tolist(), [by_definition(SCORES, slate) for slate in slates], rtol=1e-9)
    assert float(logs.exp().sum()) == pytest.approx(1.0)


def test_drawn_slates_have_these_probabilities():
    torch.manual_seed(0)
    drawn = over(SCORES.repeat(20_000, 1), 2).sample()
    slates = list(permutations(range(5), 2))
    counts = [int((drawn == torch.tensor(slate)).all(dim=1).sum()) for slate in slates]
    expected = np.array([by_definition(SCORES, slate) for slate in slates]) * 20_000
    assert chisquare(counts, expected * sum(counts) / expected.sum()).pvalue > 1e-3


def test_single_items_are_drawn_with_these_probabilities():
    torch.manual_seed(0)
    drawn = over(SCORES.float().repeat(20_000, 1), None).sample()
    assert drawn.shape == (20_000,)
    assert chisquare(np.bincount(drawn, minlength=5), SCORES.softmax(dim=0).numpy() * 20_000).pvalue > 1e-3


def test_the_largest_random_number_finds_the_last_item_that_may_be_shown(monkeypatch: pytest.MonkeyPatch):
    scores = torch.randn(4096, 300, generator=torch.Generator().manual_seed(0)) * 3
    scores[:, 290:] = NEVER
    monkeypatch.setattr(torch, "rand_like", lambda x: torch.full_like(x, 1 - 2**-24))
    assert int(over(scores, None).sample().max()) < 290
    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
    scores[:, 0] = NEVER
    assert int(over(scores, None).sample().min()) == 1


def test_forbidden_items_are_never_drawn_and_gradients_stay_finite():
    scores = SCORES.repeat(500, 1)
    scores[:, 2] = NEVER
    scores.requires_grad_()
    distribution = over(scores, 4)
    drawn = distribution.sample()
    assert not (drawn == 2).any()
    assert all(len(set(slate)) == 4 for slate in drawn.tolist())
    (distribution.log_prob(drawn).sum() + distribution.entropy().sum()).backward()
    assert torch.isfinite(scores.grad).all()  # type: ignore[arg-type]
    assert not (distribution.mode() == 2).any()


def test_entropy_is_that_of_the_first_slot_times_the_slots():
    first = torch.distributions.Categorical(logits=SCORES).entropy()
    torch.testing.assert_close(over(SCORES[None], 1).entropy()[0], first)
    torch.testing.assert_close(over(SCORES[None], 3).entropy()[0], 3 * first)


def test_the_best_of_equal_scores_is_the_lowest_whatever_a_sum_was_rounded_to():
    scores = torch.tensor([[1.0, 2.0, 2.0 + 1e-14, 0.5]], dtype=torch.float64).float().numpy()
    assert best_slates(scores, None, None).tolist() == [1]
    assert best_slates(scores, 3, None).tolist() == [[1, 2, 0]]


def test_an_agent_that_samples_acts_by_its_probabilities_whatever_the_lanes():
    agent, rows = PPOAgent(sample=True), 20_000
    scores = np.tile(np.log(np.array([0.1, 0.2, 0.7], np.float32)), (rows, 1))
    sessions = Sessions(np.arange(rows), np.arange(rows, dtype=np.uint64), np.full(rows, 3))
    drawn = agent.drawn(scores, sessions)
    np.testing.assert_allclose(np.bincount(drawn.argmax(axis=1)) / rows, [0.1, 0.2, 0.7], atol=0.015)
    some = Sessions(*(part[5:9] for part in (sessions.lanes, sessions.keys, sessions.steps)))
    np.testing.assert_array_equal(agent.drawn(scores[5:9], some), drawn[5:9])
    np.testing.assert_array_equal(PPOAgent().drawn(scores, sessions), scores)
