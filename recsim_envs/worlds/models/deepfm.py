"""DeepFM: a factorisation machine and a deep network over the same embeddings of user, item and categories.

Guo, Tang, Ye, Li, He, "DeepFM: a factorization-machine based neural network for CTR prediction", IJCAI 2017, eq. 1-4.
Fields: the user, the item, and the mean of the item's categories. Unlike the paper's, the output is the value itself
under squared error, not a click's probability, and L2 penalties stand for dropout, so that a step draws nothing.

What belongs to one side is folded into one array a side, so that a world needs no field but user and item.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding, embedding_bag

from recsim_envs.worlds.models.base import Task, UserModel, blocks, inner_products
from recsim_envs.worlds.models.learner import RowLearner
from recsim_envs.worlds.models.parameters import bias_arrays, drawn, one_thread, plain
from recsim_envs.worlds.models.training import train

_RATE: Final = 0.003
_FACTOR_DECAY: Final = 0.1
_BIAS_DECAY: Final = 0.02
_WEIGHT_DECAY: Final = 100.0  # of the network's matrices: once for all rows, so that a long log frees the network


class DeepFM(UserModel):
    """A fitted one; `arrays` as the reward model "deepfm" of a world has them."""

    name = "deepfm"
    reward_model = "deepfm"

    def predict(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float64]:
        """Predictions (n,) for pairs of users and items."""
        out = inner_products(self.arrays, users, items)
        weights, bias, last = (torch.from_numpy(self.arrays[n]) for n in ("deep_weights", "deep_bias", "deep_out"))
        with one_thread():
            for block in blocks(len(out)):
                sums = self.arrays["user_hidden"][users[block]] + self.arrays["item_hidden"][items[block]]
                second = (torch.from_numpy(sums).relu_() @ weights + bias).relu_()
                out[block] += (second @ last).numpy()
        return out


class _Learner(RowLearner):
    rate = _RATE
    category_ids: torch.Tensor
    category_starts: torch.Tensor

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        how, sizes = task.how, task.sizes
        rank, (first, second) = how.rank, how.hidden
        categories = max(1, sizes.num_categories)
        self.user_factors = drawn("user factors", task.seed, sizes.num_users, rank)
        self.item_factors = drawn("item factors", task.seed, sizes.num_items, rank)
        self.category_factors = drawn("category factors", task.seed, categories, rank)
        self.category_bias = torch.nn.Parameter(torch.zeros(categories, 1))
        self.user_weights = drawn("user weights", task.seed, rank, first, spread=(2 / rank) ** 0.5)
        self.item_weights = drawn("item weights", task.seed, 2 * rank, first, spread=(2 / rank) ** 0.5)
        self.hidden_bias = torch.nn.Parameter(torch.zeros(first))
        self.deep_weights = drawn("deep weights", task.seed, first, second, spread=(2 / first) ** 0.5)
        self.deep_bias = torch.nn.Parameter(torch.zeros(second))
        self.deep_out = torch.nn.Parameter(torch.zeros(second))  # so that training starts from the machine alone
        self.register_buffer("category_ids", torch.from_numpy(sizes.category_ids), persistent=False)
        starts = sizes.category_indptr[:-1].astype(sizes.category_ids.dtype)
        self.register_buffer("category_starts", torch.from_numpy(starts), persistent=False)
        self.decay = _FACTOR_DECAY if how.factor_decay is None else how.factor_decay

    def _mean_categories(self, table: torch.Tensor) -> torch.Tensor:
        """The mean row of every item's categories, (items, columns); zero for an item without any."""
        return embedding_bag(self.category_ids, table, self.category_starts, mode="mean")

    def loss(self, chosen: torch.Tensor) -> torch.Tensor:
        users, items, targets = self.picked(chosen)
        p, q = embedding(users, self.user_factors), embedding(items, self.item_factors)
        c = embedding(items, self._mean_categories(self.category_factors))
        user_bias, item_bias = embedding(users, self.user_bias)[:, 0], embedding(items, self.item_bias)[:, 0]
        category_bias = embedding(items, self._mean_categories(self.category_bias))[:, 0]
        machine = user_bias + item_bias + category_bias + (p * (q + c)).sum(1) + (q * c).sum(1)
        hidden = (p @ self.user_weights + torch.cat([q, c], 1) @ self.item_weights + self.hidden_bias).relu()
        deep = (hidden @ self.deep_weights + self.deep_bias).relu() @ self.deep_out
        factors = p.square().sum(1) + q.square().sum(1) + c.square().sum(1)
        penalty = self.decay * factors + _BIAS_DECAY * (user_bias.square() + item_bias.square())
        matrices = (self.user_weights, self.item_weights, self.deep_weights, self.deep_out)
        weights = torch.stack([w.square().sum() for w in matrices]).sum()
        return ((targets - machine - deep).square() + penalty).mean() + _WEIGHT_DECAY / self.units * weights

    @torch.no_grad()
    def export(self) -> DeepFM:
        spread, q, c = self.scale.spread, self.item_factors, self._mean_categories(self.category_factors)
        item_bias = self.item_bias + self._mean_categories(self.category_bias) + (q * c).sum(1, keepdim=True)
        arrays = bias_arrays(self.scale, self.user_bias, item_bias) | {
            "user_factors": plain(self.user_factors * spread**0.5),
            "item_factors": plain((q + c) * spread**0.5),
            "user_hidden": plain(self.user_factors @ self.user_weights),
            "item_hidden": plain(torch.cat([q, c], 1) @ self.item_weights + self.hidden_bias),
            "deep_weights": plain(self.deep_weights),
            "deep_bias": plain(self.deep_bias),
            "deep_out": plain(self.deep_out * spread),
        }
        return DeepFM(arrays, 0, np.nan)


def fit(task: Task) -> UserModel:
    """Fit the network; see `fit_model`. An output bias would only move all users' biases, so there is none."""
    with one_thread():
        return train(_Learner(task), task)
