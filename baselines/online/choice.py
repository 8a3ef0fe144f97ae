"""What a user takes of a slate, and the slate that is worth most under it (Ie et al., SlateQ, IJCAI 2019).

A user in a state is offered a slate. Item i has an *appeal* x_i, which decides how likely it is taken, and a *worth*
w_i: what the session is worth if it is taken, less what it is worth if nothing is. So a slate A is worth, beyond the
state itself, sum_{i in A} P(i taken | A) w_i. Three forms of P:

"one": one item or none, the paper's conditional logit with 1 for none: exp(x_i) / (1 + sum_{j in A} exp(x_j)).
"many": each item on its own, as far as its slot k is looked at: a_k / (1 + exp(-x_i)) with 1 = a_0 >= a_1 >= ...
"sure": what is shown is taken. Only for slates of one item.
"""

from __future__ import annotations

from typing import Final

import torch
from torch.nn.functional import logsigmoid

from recsim_envs.errors import ConfigurationError

FORMS: Final = ("one", "many", "sure")
OPTIMISERS: Final = ("exact", "greedy", "top-k")
_STEPS: Final = 50  # of Dinkelbach's method; it needs about five, and improves the slate in each
_LARGEST: Final = 30.0  # appeal, so that its exponential stays finite in float32


def probabilities(form: str, appeal: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """Chance of each shown item to be taken, (b, k). appeal: (b, k). attention: (k,), for "many" alone."""
    if form == "one":
        return torch.exp(_log_shares(appeal))
    return attention * torch.sigmoid(appeal) if form == "many" else torch.ones_like(appeal)


def surprise(form: str, appeal: torch.Tensor, attention: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
    """Minus the log-likelihood of what was taken, (b,). appeal: (b, k). taken: (b, k), zeros and ones."""
    if form == "one":
        none = -torch.logsumexp(_with_none(appeal), dim=1)
        return -torch.where(taken.any(dim=1), (taken * _log_shares(appeal)).sum(dim=1), none)
    if form == "many":
        chance = probabilities(form, appeal, attention)
        yes = torch.log(attention) + logsigmoid(appeal)
        return -torch.where(taken > 0, yes, torch.log1p(-chance.clamp(max=1 - 1e-6))).sum(dim=1)
    return appeal.new_zeros(len(appeal))


def slate_worth(form: str, appeal: torch.Tensor, worth: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """What slates are worth beyond their states, (b,). appeal, worth: (b, k), of the shown items."""
    return (probabilities(form, appeal, attention) * worth).sum(dim=1)


def best_slates(
    form: str,
    appeal: torch.Tensor,
    worth: torch.Tensor,
    size: int,
    *,
    allowed: torch.Tensor | None = None,
    optimiser: str = "exact",
) -> torch.Tensor:
    """The slate of `size` different items that is worth most, int64 (b, size). appeal, worth: (b, n).

    Of "many" and "sure" it is the top of chance times worth, the largest first: with attention that never rises this
    is the best order too (Hardy, Littlewood and Polya, Inequalities, theorem 368). Of "one" the order does not
    matter; `optimiser` says how the items are found. "exact": Dinkelbach's method for ratios (Management Science 13,
    1967), which ends at the optimum of the linear program of the paper's section 5. "greedy" and "top-k": its
    two heuristics, item by item, and by exp(x_i) w_i. allowed: bool (b, n); where fewer than `size` items are, the
    first is repeated.
    """
    if form != "one":
        chance = torch.sigmoid(appeal) if form == "many" else torch.ones_like(appeal)
        return _top(chance * worth, size, allowed)
    weight = torch.exp(appeal.clamp(max=_LARGEST))
    if optimiser == "greedy":
        return _greedy(weight, worth, size, allowed)
    slates = _top(weight * worth, size, allowed)
    return _dinkelbach(weight, worth, slates, allowed) if optimiser == "exact" else slates


def check_optimiser(name: str) -> None:
    """Raise `ConfigurationError` unless `best_slates` knows it."""
    if name not in OPTIMISERS:
        raise ConfigurationError(f"optimiser must be one of {', '.join(OPTIMISERS)}, got {name!r}")


def _with_none(appeal: torch.Tensor) -> torch.Tensor:
    return torch.cat([appeal, appeal.new_zeros(len(appeal), 1)], dim=1)


def _log_shares(appeal: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(_with_none(appeal), dim=1)[:, :-1]


def _top(scores: torch.Tensor, size: int, allowed: torch.Tensor | None) -> torch.Tensor:
    if allowed is None:
        return scores.topk(size, dim=1).indices
    best, items = scores.masked_fill(~allowed, -torch.inf).topk(size, dim=1)
    return torch.where(torch.isinf(best), items[:, :1], items)


def _ratio(weight: torch.Tensor, worth: torch.Tensor, slates: torch.Tensor) -> torch.Tensor:
    """Worth of slates under the conditional logit, (b, 1)."""
    shown = weight.gather(1, slates)
    return (shown * worth.gather(1, slates)).sum(1, keepdim=True) / (1 + shown.sum(1, keepdim=True))


def _dinkelbach(
    weight: torch.Tensor, worth: torch.Tensor, slates: torch.Tensor, allowed: torch.Tensor | None
) -> torch.Tensor:
    """Show what beats the present ratio by most, until that is the present slate."""
    for _ in range(_STEPS):
        better = _top(weight * (worth - _ratio(weight, worth, slates)), slates.shape[1], allowed)
        if torch.equal(better.sort(dim=1).values, slates.sort(dim=1).values):
            return better
        slates = better
    return slates


def _greedy(weight: torch.Tensor, worth: torch.Tensor, size: int, allowed: torch.Tensor | None) -> torch.Tensor:
    free = torch.ones_like(weight, dtype=torch.bool) if allowed is None else allowed.clone()
    earned, mass = weight.new_zeros(len(weight), 1), weight.new_ones(len(weight), 1)
    slots: list[torch.Tensor] = []
    for _ in range(size):
        item = _top((earned + weight * worth) / (mass + weight), 1, free)
        exhausted = ~free.any(dim=1, keepdim=True)
        item = torch.where(exhausted, slots[0] if slots else item, item)
        slots.append(item)
        free.scatter_(1, item, False)
        earned, mass = earned + (weight * worth).gather(1, item), mass + weight.gather(1, item)
    return torch.cat(slots, dim=1)
