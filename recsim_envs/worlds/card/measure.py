"""`log_card`: everything the simulator card of a world from a log says, measured and put in one JSON record."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.rng import derive_seed
from recsim_envs.worlds.card.distances import (
    category_mix,
    length_distances,
    popularity_distance,
    rating_distances,
    return_gaps,
)
from recsim_envs.worlds.card.exposure import exposure_figures, exposure_words
from recsim_envs.worlds.card.heldout import MODEL, REWARDS, held_out_figures, liked_from
from recsim_envs.worlds.card.horizon import horizon_figures
from recsim_envs.worlds.card.sensitivity import random_rewards, sensitivity_figures
from recsim_envs.worlds.card.smaller import part_of_catalogue, sessions_played, with_items
from recsim_envs.worlds.card.visitors import visitors
from recsim_envs.worlds.card.words import verdict
from recsim_envs.worlds.world import World

if TYPE_CHECKING:
    from recsim_envs.worlds.logs.log import Interactions, Log
    from recsim_envs.worlds.logs.visits import Visits

SCHEMA_VERSION: Final = 2
VISITORS: Final = 2000
"""Simulated sessions that likes and lengths are taken from."""
_DIGITS: Final = 4

Progress = Callable[[str, int, int], None]
Predictions = Mapping[str, NDArray[np.float64]]


def log_card(
    world: World,
    log: Log,
    *,
    train: Interactions,
    held_out: Interactions,
    predictions: Predictions,
    random_predictions: Predictions | None,
    visits: Visits | None,
    alternatives: Mapping[str, World],
    fit: Mapping[str, Any],
    seed: int,
    sessions: int = 300,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The card of a world from a log, plain JSON. The same arguments give the same card.

    log: numbered as the world is. train, held_out: the rows that the user model was fitted on, and those it is judged
        by. predictions: of the held-out rows, float64 (n,) by predictor: "model" (unmapped), "rewards" (as the world
        pays), "mf", "bias_only", "global_mean"; "model" must be there. random_predictions: the same of `log.random`.
    visits: of the log, None where it has no times. alternatives: worlds of other user models, same users and items.
    fit: how the world was made, kept as it is under "fit". "departure" says "fitted" where thresholds follow lengths;
        "files" lists file, lines, bad and examples of each file that was read.
    sessions: that each policy plays for the horizon gap, fewer where the horizon is long; a third of them for each
        setting of the sensitivity.
    progress: called with (stage, done, total).

    Above `smaller.LARGE` items (`LARGE_SEQUENTIAL` where every item moves tastes) policies play on a random part of the
    catalogue, which the card says. Raises `ConfigurationError` for predictions that are missing or of another length.
    """
    tell = progress or (lambda stage, done, total: None)
    tell("card: held-out rows", 0, 1)
    low, high = world.info.reward_range
    liking = liked_from(train.values, implicit=log.implicit, reward_range=(low, high))
    how: dict[str, Any] = {"liked_from": liking, "lowest": low, "seed": derive_seed("card", seed)}
    card: dict[str, Any] = {
        "kind": "log",
        "schema_version": SCHEMA_VERSION,
        "sizes": _sizes(world, train, held_out),
        "held_out": held_out_figures(held_out.users, held_out.values, predictions, **how),
    }
    card["exposure"] = _exposure(log, held_out, predictions, random_predictions, how)
    part = part_of_catalogue(world, seed)
    arena, *others = (w if part is None else with_items(w, part) for w in (world, *alternatives.values()))
    card["sizes"]["items_played"] = arena.num_items
    tell("card: distances", 0, 1)
    simulated = {
        "same_pairs": predictions.get(REWARDS, predictions[MODEL]),
        "all_pairs": random_rewards(arena, seed),
    }
    card["distances"] = {
        "ratings": rating_distances(held_out.values, simulated),
        **_behaviour(world, log.interactions, visits, liking, seed),
    }
    sessions = sessions_played(world, sessions)
    tell("card: horizon gap", 0, 1)
    card["horizon"] = horizon_figures(arena, sessions, seed)
    card["sensitivity"] = sensitivity_figures(
        arena,
        dict(zip(alternatives, others, strict=True)),
        max(sessions // 3, 1),
        seed,
        lambda done, total: tell("card: sensitivity", done, total),
    )
    kept: dict[str, Any] = plain(card | {"fit": fit, "sessions": sessions, "seed": seed})
    return kept | {"verdict": verdict(kept)}


def _sizes(world: World, train: Interactions, held_out: Interactions) -> dict[str, Any]:
    return {
        "users": world.num_users,
        "test_users": len(world.users("test")),
        "items": world.num_items,
        "categories": len(world.info.category_names),
        "train_rows": len(train),
        "held_out_rows": len(held_out),
        "logged_rows": len(world.arrays["log_items"]),
        "reward_model": world.info.reward_model,
        "sequential": world.rewards.sequential,
        "reward_range": list(world.info.reward_range),
    }


def _exposure(
    log: Log,
    held_out: Interactions,
    predictions: Predictions,
    random_predictions: Predictions | None,
    how: Mapping[str, Any],
) -> dict[str, Any]:
    if log.random is None or random_predictions is None or not len(log.random):
        found: dict[str, Any] = {"known": False}
    else:
        chosen = held_out.users, held_out.values, predictions
        found = exposure_figures(chosen, (log.random.users, log.random.values, random_predictions), **how)
    return found | {"words": exposure_words(found)}


def _behaviour(world: World, log: Interactions, visits: Visits | None, liking: float, seed: int) -> dict[str, Any]:
    """The log against simulated visitors; lengths of test users only, for thresholds may be fitted to the others."""
    everybody, a = visitors(world, VISITORS, seed), world.arrays
    likes = log.items[log.values >= liking], everybody.items[everybody.rewards >= liking]
    lengths = None if visits is None else visits.lengths[np.isin(visits.users, world.users("test"))]
    simulated = visitors(world, VISITORS, seed, split="test").lengths
    return {
        "popularity": popularity_distance(*likes, world.num_items, seed),
        "categories": category_mix(*likes, a["category_indptr"], a["category_ids"], world.info.category_names),
        "lengths": length_distances(lengths, simulated, world.info.departure.horizon),
        "return_gap": return_gaps(None if visits is None else visits.return_gaps),
    }


def plain(value: Any) -> Any:
    """A record as JSON knows it: numbers to four digits, none for what is not finite, tuples and arrays as lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    return _rounded(float(value)) if isinstance(value, float | np.floating) else value


def _rounded(value: float) -> float | None:
    """Four digits after the point, or four that count where the first of them comes later."""
    if not math.isfinite(value):
        return None
    return round(value, _DIGITS) if abs(value) >= 0.1 else float(f"{value:.{_DIGITS}g}")
