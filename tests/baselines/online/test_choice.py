"""User choice and slate optimisation against brute force and the paper's linear program."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from baselines.online.choice import best_slates, check_optimiser, probabilities, slate_worth, surprise
from recsim_envs.errors import ConfigurationError

NO_ATTENTION = torch.ones(0)


def draws(seed: int, rows: int = 40, items: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    appeal = 2 * torch.randn(rows, items, generator=generator, dtype=torch.float64)
    return appeal, torch.randn(rows, items, generator=generator, dtype=torch.float64) + 0.3 * (seed - 1)


def linear_program(weight: np.ndarray, worth: np.ndarray, size: int) -> float:
    """Section 5.1 of the paper, after Charnes and Cooper: y_i = x_i t, t = 1 / (1 + sum_j x_j v_j)."""
    count = len(weight)
    equal = np.array([[*weight, 1.0], [*np.ones(count), -size]])  # last column: t
    caps = np.hstack([np.eye(count), -np.ones((count, 1))])
    found = linprog([*(-weight * worth), 0.0], A_ub=caps, b_ub=np.zeros(count), A_eq=equal, b_eq=[1.0, 0.0])
    assert found.status == 0
    return -found.fun


def ratio(weight: np.ndarray, worth: np.ndarray, slate: tuple[int, ...]) -> float:
    shown = list(slate)
    return float((weight[shown] * worth[shown]).sum() / (1 + weight[shown].sum()))


@pytest.mark.parametrize("size", [1, 2, 4, 9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_exact_slates_are_the_optimum_of_brute_force_and_of_the_linear_program(seed: int, size: int):
    appeal, worth = draws(seed)
    slates = best_slates("one", appeal, worth, size).numpy()
    for x, w, slate in zip(appeal.exp().numpy(), worth.numpy(), slates, strict=True):
        assert len(set(slate.tolist())) == size
        mine = ratio(x, w, tuple(slate))
        assert mine == pytest.approx(max(ratio(x, w, s) for s in combinations(range(9), size)), abs=1e-12)
        assert mine == pytest.approx(linear_program(x, w, size), abs=1e-7)


@pytest.mark.parametrize("optimiser", ["greedy", "top-k"])
def test_heuristics_are_what_they_are_defined_as_and_never_beat_the_optimum(optimiser: str):
    appeal, worth = draws(1)
    exact = best_slates("one", appeal, worth, 3)
    found = best_slates("one", appeal, worth, 3, optimiser=optimiser)
    for x, w, slate in zip(appeal.exp().numpy(), worth.numpy(), found.numpy(), strict=True):
        chosen: list[int] = []
        for _ in range(3):
            left = [i for i in range(9) if i not in chosen]
            chosen.append(max(left, key=lambda i: ratio(x, w, (*chosen, i)) if optimiser == "greedy" else x[i] * w[i]))
        assert slate.tolist() == chosen
    value = [slate_worth("one", appeal.gather(1, s), worth.gather(1, s), NO_ATTENTION) for s in (found, exact)]
    assert (value[0] <= value[1] + 1e-12).all()
    assert value[0].sum() > 0.8 * value[1].sum()


def test_heuristics_can_lose_to_the_optimum():
    """Alone, the first item is best; two of the others together are better than any slate that holds it."""
    appeal, worth = torch.tensor([[100.0, 10.0, 10.0]]).log(), torch.tensor([[1.0, 1.05, 1.05]])
    assert best_slates("one", appeal, worth, 2).sort().values.tolist() == [[1, 2]]
    for optimiser in ("greedy", "top-k"):
        assert 0 in best_slates("one", appeal, worth, 2, optimiser=optimiser)[0].tolist()


def test_independent_clicks_are_best_shown_by_chance_times_worth_in_falling_order():
    appeal, worth = draws(1, rows=20, items=6)
    attention = torch.tensor([1.0, 0.7, 0.2], dtype=torch.float64)
    slates = best_slates("many", appeal, worth, 3)
    mine = slate_worth("many", appeal.gather(1, slates), worth.gather(1, slates), attention)
    for row in range(20):
        every = torch.tensor(list(permutations(range(6), 3)))
        of = slate_worth("many", appeal[row][every], worth[row][every], attention)
        assert mine[row].item() == pytest.approx(of.max().item(), abs=1e-12)


@pytest.mark.parametrize("optimiser", ["exact", "greedy", "top-k"])
@pytest.mark.parametrize("form", ["one", "many", "sure"])
def test_forbidden_items_are_never_shown(form: str, optimiser: str):
    appeal, worth = draws(0)
    allowed = torch.rand(40, 9, generator=torch.Generator().manual_seed(5)) < 0.4
    allowed[:, 0] |= ~allowed.any(dim=1)
    slates = best_slates(form, appeal, worth, 4, allowed=allowed, optimiser=optimiser)
    assert allowed.gather(1, slates).all()
    for slate, free in zip(slates.tolist(), allowed.sum(dim=1).tolist(), strict=True):
        assert len(set(slate)) == min(4, free)


@pytest.mark.parametrize("form", ["one", "many"])
def test_likelihoods_are_those_of_the_drawn_clicks(form: str):
    """Every outcome's likelihood, from `surprise`, sums to one and has `probabilities` as its margins."""
    appeal = torch.tensor([[0.3, -1.2, 2.0]], dtype=torch.float64)
    attention = torch.tensor([1.0, 0.8, 0.5], dtype=torch.float64)
    outcomes = torch.tensor([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], dtype=torch.float64)
    if form == "one":
        outcomes = outcomes[outcomes.sum(dim=1) <= 1]
    chance = torch.exp(-surprise(form, appeal.expand(len(outcomes), 3), attention, outcomes))
    assert chance.sum().item() == pytest.approx(1.0, abs=1e-6)
    margins = (chance[:, None] * outcomes).sum(dim=0)
    np.testing.assert_allclose(margins, probabilities(form, appeal, attention)[0], atol=1e-6)


def test_slates_do_not_depend_on_the_other_rows():
    appeal, worth = draws(2)
    for optimiser in ("exact", "greedy", "top-k"):
        whole = best_slates("one", appeal, worth, 4, optimiser=optimiser)
        alone = [best_slates("one", appeal[i : i + 1], worth[i : i + 1], 4, optimiser=optimiser) for i in range(40)]
        assert torch.equal(whole, torch.cat(alone))


def test_unknown_optimisers_are_named():
    with pytest.raises(ConfigurationError, match="exact, greedy, top-k, got 'lp'"):
        check_optimiser("lp")
