"""Logs whose structure is known, small enough to be learned from in a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.models import ModelSizes, Training

USERS, ITEMS, CATEGORIES = 150, 60, 4
QUICK = Training(rank=4, epochs=3, batch=64, hidden=(8, 4), width=6, sequence=8)


@dataclass(frozen=True, eq=False)
class Planted:
    """A log (sorted by user and time), its sizes, and which rows are for training (0), validation (1), test (2)."""

    log: Interactions
    sizes: ModelSizes
    part: np.ndarray

    @property
    def train(self):
        return self.log[self.part == 0]

    @property
    def valid(self):
        return self.log[self.part == 1]

    @property
    def test(self):
        return np.flatnonzero(self.part == 2)


def planted(kind: str, seed: int = 0, a_user: int = 40) -> Planted:
    """kind: "tastes" (products of factors), "categories" (a taste a category), "moods" (what was just given counts)."""
    g = np.random.default_rng(seed)
    users = np.repeat(np.arange(USERS), a_user).astype(np.int32)
    items = np.concatenate([g.permutation(ITEMS)[:a_user] for _ in range(USERS)]).astype(np.int32)
    categories = [sorted(g.choice(CATEGORIES, 1 + i % 2, replace=False)) for i in range(ITEMS)]
    side = np.array([[c in of for c in range(CATEGORIES)] for of in categories], float)
    if kind == "tastes":
        p, q = g.normal(size=(USERS, 2)), g.normal(size=(ITEMS, 2))
        extra = (p[users] * q[items]).sum(1)
    elif kind == "categories":
        tastes = g.normal(size=(USERS, CATEGORIES))
        extra = (tastes[users] * side[items]).sum(1)
    else:
        extra = np.zeros(len(users))
    bias_u, bias_i = g.normal(0, 0.3, USERS), g.normal(0, 0.3, ITEMS)
    values = 3 + bias_u[users] + bias_i[items] + extra + g.normal(0, 0.2, len(users))
    if kind == "moods":  # up after an even item, down after an odd one
        previous = np.where(np.arange(len(users)) % a_user == 0, 0, np.where(np.roll(items, 1) % 2 == 0, 1.0, -1.0))
        values += previous
    position = np.arange(len(users)) % a_user
    indptr = np.concatenate([[0], np.cumsum([len(c) for c in categories])]).astype(np.int64)
    sizes = ModelSizes(USERS, ITEMS, indptr, np.concatenate(categories).astype(np.int32), CATEGORIES)
    log = Interactions(users, items, values.astype(np.float32), position.astype(np.float64))
    return Planted(log, sizes, np.where(position >= a_user - 4, 2, np.where(position >= a_user - 8, 1, 0)))


def rmse(model, data: Planted) -> float:
    """On the test rows, each from those before it."""
    return float(np.sqrt(np.mean((model.predict_rows(data.log, data.test) - data.log.values[data.test]) ** 2)))
