"""Biases: value = mean + user's bias + item's bias. What any other model has to beat.

Koren, Bell, Volinsky, "Matrix factorization techniques for recommender systems", Computer 42(8), 2009, eq. 3, as the
ridge regression that it is: sum of squared errors + damping * (sum b_u^2 + sum b_i^2). With one side fixed the other
has a closed form, a damped mean of what is left, so the two are found in turn, without a learning rate. Which damping
is best, the validation rows say. It takes seconds even for a long log, so there is nothing to resume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.models.base import Task, UserModel, inner_products
from recsim_envs.worlds.models.judging import Judge
from recsim_envs.worlds.storage import Arrays

_DAMPINGS: Final = (20.0, 10.0, 5.0, 2.0, 1.0)  # rows; Koren (2010) uses 10 for users, 25 for items
_GAIN: Final = 1e-5  # of the error, below which a sweep is not worth the next


class Biases(UserModel):
    """A fitted one: factors of rank 1, all zero, so that a world can read it as any other."""

    name = "biases"

    def predict(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float64]:
        """Predictions (n,) for pairs of users and items."""
        return inner_products(self.arrays, users, items)

    def item_vectors(self) -> NDArray[np.float32]:
        """Raises `ConfigurationError`: one number is no vector."""
        raise ConfigurationError("biases learn no item vectors; take them from categories or text, or fit 'mf'")


@dataclass
class _Means:
    """The two sides, float64, and the rows they are means of."""

    task: Task
    mean: float
    users: NDArray[np.float64]
    items: NDArray[np.float64]

    def sweep(self, damping: float) -> None:
        """Each side in turn becomes the damped mean of what the other leaves."""
        rows = self.task.train
        for ids, side, other in ((rows.items, self.items, self.users[rows.users]), (rows.users, self.users, None)):
            rest = rows.values - self.mean - (other if other is not None else self.items[rows.items])
            counts = np.bincount(ids, minlength=len(side))
            side[:] = np.bincount(ids, rest, minlength=len(side)) / (counts + damping)

    def arrays(self) -> Arrays:
        return {
            "user_factors": np.zeros((len(self.users), 1), np.float32),
            "item_factors": np.zeros((len(self.items), 1), np.float32),
            "user_bias": (self.users + self.mean).astype(np.float32),
            "item_bias": self.items.astype(np.float32),
        }


def fit(task: Task) -> Biases:
    """Fit the biases; see `fit_model`. `epochs` are sweeps, at most so many with each damping."""
    sizes, how = task.sizes, task.how
    mean = float(task.train.values.mean(dtype=np.float64))
    means = _Means(task, mean, np.zeros(sizes.num_users), np.zeros(sizes.num_items))
    judge, sweeps = Judge.of(task), 0
    best = judge.measured(Biases(means.arrays(), 0, np.nan))
    for number, damping in enumerate(_DAMPINGS):
        task.progress("fitting biases", number, len(_DAMPINGS))
        last = np.inf
        for _ in range(how.epochs):
            means.sweep(damping)
            sweeps += 1
            found = judge.measured(Biases(means.arrays(), sweeps, np.nan))
            best = found if found.validation_rmse < best.validation_rmse else best
            if found.validation_rmse > last * (1 - _GAIN):
                break
            last = found.validation_rmse
    task.progress("fitting biases", len(_DAMPINGS), len(_DAMPINGS))
    return best
