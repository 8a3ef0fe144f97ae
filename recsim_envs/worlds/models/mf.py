"""Biased matrix factorisation: value = mean + user's bias + item's bias + <user's factors, item's factors>.

Koren, Bell, Volinsky, "Matrix factorization techniques for recommender systems", Computer 42(8), 2009, eq. 4-5, with
their penalty on the factors and biases of every row. It starts from the fitted biases and from factors near zero.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding

from recsim_envs.worlds.models.base import Task, UserModel, inner_products
from recsim_envs.worlds.models.learner import RowLearner
from recsim_envs.worlds.models.parameters import bias_arrays, drawn, one_thread, plain
from recsim_envs.worlds.models.training import train

_RATE: Final = 0.003
_FACTOR_DECAY: Final = 0.1
_BIAS_DECAY: Final = 0.02


class MatrixFactorisation(UserModel):
    """A fitted one."""

    name = "mf"

    def predict(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float64]:
        """Predictions (n,) for pairs of users and items."""
        return inner_products(self.arrays, users, items)


class _Learner(RowLearner):
    rate = _RATE

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        how, sizes = task.how, task.sizes
        self.user_factors = drawn("user factors", task.seed, sizes.num_users, how.rank)
        self.item_factors = drawn("item factors", task.seed, sizes.num_items, how.rank)
        self.decay = _FACTOR_DECAY if how.factor_decay is None else how.factor_decay

    def loss(self, chosen: torch.Tensor) -> torch.Tensor:
        users, items, targets = self.picked(chosen)
        p, q = embedding(users, self.user_factors), embedding(items, self.item_factors)
        b, c = embedding(users, self.user_bias)[:, 0], embedding(items, self.item_bias)[:, 0]
        errors = targets - b - c - (p * q).sum(1)
        penalty = self.decay * (p.square().sum(1) + q.square().sum(1)) + _BIAS_DECAY * (b.square() + c.square())
        return (errors.square() + penalty).mean()

    def export(self) -> MatrixFactorisation:
        root = self.scale.spread**0.5
        factors = {"user_factors": plain(self.user_factors * root), "item_factors": plain(self.item_factors * root)}
        return MatrixFactorisation(factors | bias_arrays(self.scale, self.user_bias, self.item_bias), 0, np.nan)


def fit(task: Task) -> UserModel:
    """Fit the factorisation; see `fit_model`."""
    with one_thread():
        return train(_Learner(task), task)
