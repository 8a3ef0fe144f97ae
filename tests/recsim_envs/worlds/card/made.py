"""A small log with tastes in it, the world that fits it, and its card, for tests of this folder."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import polars as pl

from recsim_envs.worlds.card.measure import log_card
from recsim_envs.worlds.logs.log import Interactions, Log
from recsim_envs.worlds.logs.visits import visits
from recsim_envs.worlds.world import World
from tests.worlds import tiny_factor_world

USERS, ITEMS = 60, 40


def made_world(seed: int = 0, **departure: float) -> World:
    """A factor world of 60 users and 40 items."""
    return tiny_factor_world(USERS, ITEMS, seed=seed, **({"threshold": 1.2, "r_min": 1.5} | departure))


def made_log(world: World, timed: bool = True, random: bool = False, seed: int = 1) -> Log:
    """Ratings 1..5 of half the pairs, what the world says plus noise; two visits a user if timed."""
    g = np.random.default_rng(seed)
    truth = world.user_rewards(np.arange(world.num_users))
    seen = g.random(truth.shape) < 0.5

    def rows(users: Any, items: Any) -> Interactions:
        values = np.clip(np.round(truth[users, items] + g.normal(0, 0.5, len(users))), 1, 5).astype(np.float32)
        first = np.r_[True, np.diff(users) != 0]
        place = np.arange(len(users)) - np.flatnonzero(first)[np.cumsum(first) - 1]
        times = place * 60.0 + np.where(place >= 8, 86_400.0 * (1 + users % 3), 0.0)
        return Interactions(
            users.astype(np.int32), items.astype(np.int32), values, times if timed else np.full(len(users), np.nan)
        )

    shown = np.nonzero(~seen & (g.random(truth.shape) < 0.3))
    names = pl.Series([str(u) for u in range(world.num_users)])
    return Log(rows(*np.nonzero(seen)), names, pl.DataFrame(), (), 0, random=rows(*shown) if random else None)


def made_predictions(world: World, rows: Interactions, seed: int = 2) -> dict[str, np.ndarray]:
    """The truth with a little noise, against item means with more."""
    g = np.random.default_rng(seed)
    truth = world.user_rewards(np.arange(world.num_users)).astype(np.float64)
    model = truth[rows.users, rows.items] + g.normal(0, 0.2, len(rows))
    return {
        "model": model,
        "rewards": np.clip(model, 1, 5),
        "mf": model + g.normal(0, 0.1, len(rows)),
        "bias_only": truth.mean(0)[rows.items],
        "global_mean": np.full(len(rows), truth.mean()),
    }


def card_of(
    world: World, *, timed: bool = True, random: bool = False, each_user: int | None = None, **options: Any
) -> dict[str, Any]:
    """The card of a world and its made log; every third row is held out, or the first `each_user` rows of a user."""
    log = made_log(world, timed, random)
    held = np.arange(len(log.interactions)) % 3 == 0
    if each_user is not None:
        starts = log.interactions.indptr(world.num_users)[:-1]
        held = np.arange(len(log.interactions)) - starts[log.interactions.users] < each_user
    rows, kept = log.interactions[held], log.interactions[~held]
    predictions = made_predictions(world, rows)
    others = None if log.random is None else made_predictions(world, log.random)
    given: dict[str, Any] = {"fit": {"departure": "quantile", "rank": 3}, "alternatives": {}, "seed": 0, "sessions": 30}
    return log_card(
        world,
        log,
        train=kept,
        held_out=rows,
        predictions=predictions,
        random_predictions=others,
        visits=visits(log.interactions),
        **(given | options),
    )


@cache
def made_card() -> dict[str, Any]:
    """The fullest card: times, a random split, another user model, bad lines. Not to be changed by tests."""
    files = [{"file": "r.csv", "lines": 900, "bad": 2, "examples": ["line 3: <b>bad</b> | x"]}]
    fit = {"departure": "fitted", "rank": 3, "files": files}
    return card_of(made_world(), random=True, alternatives={"other": made_world(seed=5)}, fit=fit)
