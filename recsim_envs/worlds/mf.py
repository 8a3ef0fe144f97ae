"""Biased matrix factorisation in torch: rating = mean + user bias + item bias + <user factors, item factors>.

Koren, Bell, Volinsky, "Matrix factorization techniques for recommender systems", Computer 42(8), 2009, eq. 4-5;
fitted with Adam on shuffled mini-batches, early-stopped on a validation split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""


@dataclass(frozen=True)
class Ratings:
    """Ratings as arrays (n,): users and items int64 from 0, values float32."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    values: NDArray[np.float32]

    def __getitem__(self, index: NDArray[Any]) -> Ratings:
        return Ratings(self.users[index], self.items[index], self.values[index])

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Factorisation:
    """A fitted model: float32 user_factors (users, rank), item_factors (items, rank), user_bias, item_bias, mean.

    epochs: how many were run before the best; validation_rmse: at the best.
    """

    mean: float
    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    user_bias: NDArray[np.float32]
    item_bias: NDArray[np.float32]
    epochs: int = 0
    validation_rmse: float = field(default=float("nan"))

    def predict(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float64]:
        """Unclipped predictions (n,) for pairs of users and items."""
        inner = np.einsum("nk,nk->n", self.user_factors[users], self.item_factors[items], dtype=np.float64)
        total: NDArray[np.float64] = self.mean + self.user_bias[users] + self.item_bias[items] + inner
        return total


@dataclass(frozen=True)
class Fit:
    """How to fit: `rank` 0 is the bias-only predictor. Decays are per rating (Koren's lambda)."""

    rank: int = 32
    epochs: int = 60
    patience: int = 4
    batch: int = 1024
    rate: float = 0.005
    factor_decay: float = 0.1
    bias_decay: float = 0.02


class _Model(torch.nn.Module):
    def __init__(self, users: int, items: int, rank: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.user_factors = torch.nn.Parameter(torch.randn(users, rank, generator=generator) * 0.05)
        self.item_factors = torch.nn.Parameter(torch.randn(items, rank, generator=generator) * 0.05)
        self.user_bias = torch.nn.Parameter(torch.zeros(users, 1))
        self.item_bias = torch.nn.Parameter(torch.zeros(items, 1))

    def rows(self, users: torch.Tensor, items: torch.Tensor) -> list[torch.Tensor]:
        pick = torch.nn.functional.embedding
        return [
            pick(users, self.user_factors), pick(items, self.item_factors),
            pick(users, self.user_bias), pick(items, self.item_bias),
        ]  # fmt: skip


def fit(
    train: Ratings, valid: Ratings, users: int, items: int, how: Fit, seed: int, progress: Progress
) -> Factorisation:
    """Fit on `train`, keep the epoch that is best on `valid`. The same seed gives the same bits on one platform."""
    with _one_thread():
        return _fit(train, valid, users, items, how, seed, progress)


def _fit(
    train: Ratings, valid: Ratings, users: int, items: int, how: Fit, seed: int, progress: Progress
) -> Factorisation:
    mean = float(train.values.mean(dtype=np.float64))
    model = _Model(users, items, how.rank, seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=how.rate)
    shuffle = torch.Generator().manual_seed(seed + 1)
    u, i = torch.from_numpy(train.users), torch.from_numpy(train.items)
    y = torch.from_numpy(train.values) - mean
    best, since = _export(model, mean, 0, valid), 0
    for epoch in range(1, how.epochs + 1):
        order = torch.randperm(len(train), generator=shuffle)
        for chosen in torch.split(order, how.batch):
            p, q, bu, bi = model.rows(u[chosen], i[chosen])
            error = y[chosen] - (bu + bi).squeeze(1) - (p * q).sum(1)
            penalty = how.factor_decay * (p.square().sum(1) + q.square().sum(1))
            penalty = penalty + how.bias_decay * (bu.square() + bi.square()).squeeze(1)
            optimiser.zero_grad()
            (error.square() + penalty).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        found = _export(model, mean, epoch, valid)
        since = 0 if found.validation_rmse < best.validation_rmse else since + 1
        best = found if since == 0 else best
        progress(f"fitting rank {how.rank}" if how.rank else "fitting biases", epoch, how.epochs)
        if since >= how.patience:
            break
    return best


def _export(model: _Model, mean: float, epoch: int, valid: Ratings) -> Factorisation:
    def copied(value: torch.Tensor) -> NDArray[np.float32]:
        return np.array(value.detach().numpy(), np.float32)

    found = Factorisation(
        mean=mean,
        user_factors=copied(model.user_factors),
        item_factors=copied(model.item_factors),
        user_bias=copied(model.user_bias)[:, 0],
        item_bias=copied(model.item_bias)[:, 0],
        epochs=epoch,
    )
    errors = found.predict(valid.users, valid.items) - valid.values
    return replace(found, validation_rmse=float(np.sqrt(np.mean(errors**2))))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order: with more threads their grouping, and so the last bits, would depend on the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
