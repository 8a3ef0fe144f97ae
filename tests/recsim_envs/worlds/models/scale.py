"""`python -m tests.recsim_envs.worlds.models.scale mf [EPOCHS]`: a user model on 16 million planted rows.

Prints processor seconds, epochs, validation RMSE and the memory that fitting adds.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.models import ModelSizes, Training, fit_model

USERS, ITEMS, ROWS, RANK = 200_000, 50_000, 20_000_000, 8
BLOCK = 1 << 20


def planted_log(seed: int = 0) -> tuple[Interactions, ModelSizes]:
    """Users log-normally active, items popular by a power, biases, rank 8, noise 0.8, rounded to 1..5."""
    g = np.random.default_rng(seed)
    activity = g.lognormal(0, 1, USERS)
    users = np.sort(g.choice(USERS, ROWS, p=activity / activity.sum()).astype(np.int32))
    items = (ITEMS * g.random(ROWS) ** 2.5).astype(np.int32)
    p, q = (g.normal(size=(n, RANK)).astype(np.float32) * 0.5 for n in (USERS, ITEMS))
    user_bias, item_bias = g.normal(0, 0.4, USERS), g.normal(0, 0.5, ITEMS)
    values = np.empty(ROWS, np.float32)
    for start in range(0, ROWS, BLOCK):
        u, i = users[start : start + BLOCK], items[start : start + BLOCK]
        raw = 3.5 + user_bias[u] + item_bias[i] + (p[u] * q[i]).sum(1) * 0.7 + 0.8 * g.normal(size=len(u))
        values[start : start + BLOCK] = np.clip(np.round(raw), 1, 5)
    each = g.integers(1, 4, ITEMS)
    indptr = np.concatenate([[0], np.cumsum(each)]).astype(np.int64)
    sizes = ModelSizes(USERS, ITEMS, indptr, g.integers(0, 30, indptr[-1]).astype(np.int32), 30)
    return Interactions(users, items, values, np.arange(ROWS, dtype=np.float64)), sizes


def main(name: str, epochs: int = 60) -> None:
    log, sizes = planted_log()
    part = (np.arange(ROWS) * 7919) % 10
    train, valid = log[part > 1], log[part == 1]
    del log, part
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    model = fit_model(name, train, valid, sizes, Training(epochs=epochs))
    seconds, peak = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{name}: {seconds:.0f} s, best epoch {model.epochs}, validation RMSE {model.validation_rmse:.4f}, "
        f"peak memory {peak / 1e6:.1f} GB, {before / 1e6:.1f} GB before fitting"
    )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
