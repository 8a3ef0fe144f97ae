"""Logs made in memory for tests of the build."""

from __future__ import annotations

import numpy as np
import polars as pl

from recsim_envs.worlds.logs.log import Interactions, Log, Problems


def make_log(users=40, items=30, share=0.6, *, noise=0.2, structure=1.5, seed=0, implicit=False, timed=True) -> Log:
    """Two strong tastes, ratings 1..5; each user's rows a minute apart, a day of pause after every fifth."""
    g = np.random.default_rng(seed)
    p, q = g.normal(size=(users, 2)), g.normal(size=(items, 2))
    scores = 3 + structure * p @ q.T / np.sqrt(2) + g.normal(0, noise, (users, items))
    u, i = np.nonzero(g.random((users, items)) < share)
    place = np.concatenate([np.arange(n) for n in np.bincount(u, minlength=users)])
    order = np.lexsort((g.random(len(u)), u))
    u, i = u[order], i[order]
    values = np.ones(len(u)) if implicit else np.clip(np.rint(scores[u, i]), 1, 5)
    times = 1e9 + 1000.0 * u + place * 60.0 + place // 5 * 86400.0 if timed else np.full(len(u), np.nan)
    return Log(
        Interactions(u.astype(np.int32), i.astype(np.int32), values.astype(np.float32), times),
        pl.Series("user", [f"u{n}" for n in range(users)]),
        shelf(items),
        (Problems("items.csv", items, 0, ()), Problems("ratings.csv", len(u), 0, ())),
        0,
        implicit=implicit,
    )


def shelf(items: int) -> pl.DataFrame:
    """Titles, and two categories each."""
    return pl.DataFrame(
        {
            "item": [f"i{n}" for n in range(items)],
            "title": [f"Title {n}" for n in range(items)],
            "categories": [["even" if n % 2 == 0 else "odd", "all"] for n in range(items)],
            "text": [None] * items,
        },
        schema_overrides={"text": pl.String},
    )
