"""From fitted models to a `World`: its arrays, its constants and what is public about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.building.fit import Fitted
from recsim_envs.worlds.building.prepare import Prepared
from recsim_envs.worlds.layout import COMMON
from recsim_envs.worlds.public import popularity_and_means
from recsim_envs.worlds.storage import Arrays
from recsim_envs.worlds.world import DepartureDefaults, World, WorldInfo

TABLE_LIMIT: Final = {"factors": 200_000_000, "deepfm": 20_000_000}
"""Pairs of users and items up to which a world holds a table; above, and for sequential models, what computes it."""
_UNKNOWN: Final = DepartureDefaults(window=1, threshold=0.0, r_min=0.0, horizon=1)


def assemble(
    ready: Prepared, fitted: Fitted, vectors: NDArray[np.float32], facts: dict[str, Any], recipe: dict[str, Any]
) -> World:
    """The world without thresholds: name, domain, source, licence and description come in `facts`.

    Raises `ConfigurationError` for a fact without meaning.
    """
    reward_model, arrays = fitted.model.world_arrays()
    if fitted.knots is not None:
        arrays = arrays | {"calibration": fitted.knots}
    (names, indptr, ids), titles = ready.categories, ready.titles
    arrays |= _people(ready) | {
        "title_bytes": titles.data,
        "title_offsets": titles.offsets,
        "category_indptr": indptr,
        "category_ids": ids,
        "vectors": vectors,
    }
    made = {"reward_model": reward_model, "reward_range": fitted.span, "category_names": names, "recipe": recipe}
    return _tabled(World(_described(facts, made), arrays))


def check_facts(facts: dict[str, Any]) -> None:
    """Raise `ConfigurationError` for a fact without meaning, before any work is done."""
    _described(facts, {"reward_model": "table", "reward_range": (0.0, 1.0), "category_names": ()})


def _described(facts: dict[str, Any], made: dict[str, Any]) -> WorldInfo:
    try:
        return WorldInfo.model_validate(facts | made | {"departure": _UNKNOWN})
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def with_departure(world: World, constants: DepartureDefaults) -> World:
    """The same users and items, who leave by other constants."""
    return replace(world, info=world.info.model_copy(update={"departure": constants}))


def _people(ready: Prepared) -> Arrays:
    """Disjoint train and test users, everybody's log, and what the train users' log says of the items."""
    rows = ready.log.interactions
    of_train = np.zeros(ready.num_users, np.bool_)
    of_train[ready.train_users] = True
    train = rows[of_train[rows.users]]
    return popularity_and_means(train.items, train.values, ready.num_items) | {
        "train_users": ready.train_users,
        "test_users": ready.test_users,
        "log_indptr": rows.indptr(ready.num_users),
        "log_items": rows.items,
        "log_rewards": rows.values,
    }


def _tabled(world: World) -> World:
    """The world with all its rewards written out, where these are few and do not change within a session."""
    if world.num_users * world.num_items > TABLE_LIMIT.get(world.info.reward_model, 0):
        return world
    arrays = {name: array for name, array in world.arrays.items() if name in COMMON}
    arrays["rewards"] = world.user_rewards(np.arange(world.num_users))
    return World(world.info.model_copy(update={"reward_model": "table"}), arrays)
