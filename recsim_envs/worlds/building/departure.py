"""When users of a world from a log leave: thresholds at quantiles, or fitted to how long real visits last."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import LogError
from recsim_envs.rng import WORLD, below_array
from recsim_envs.worlds.building.options import BuildOptions
from recsim_envs.worlds.card.distances import random_pairs, sample_distances
from recsim_envs.worlds.card.visitors import visitors
from recsim_envs.worlds.logs.visits import Visits
from recsim_envs.worlds.world import MAX_HORIZON, DepartureDefaults, World

_PAIRS: Final = WORLD + 66  # pairs that quantiles are taken over
_SAMPLED_PAIRS: Final = 200_000
_USUAL_HORIZON: Final = 50
_LONGEST: Final = 0.99
_SESSIONS: Final = 1000
FEWEST_VISITS: Final = 100
TRIED: Final = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
"""Quantiles of distances, and of rewards, that fitting tries; 0 switches the rule off."""

Predict = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Sampled:
    """Sorted distances of random pairs of items, and sorted rewards of random pairs of users and items."""

    distances: NDArray[np.float64]
    rewards: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], num_users: int, pay: Predict, seed: int) -> Sampled:
        """Draw the pairs. `pay` gives the rewards of users and items."""
        items, distances = random_pairs(vectors, _SAMPLED_PAIRS, seed, _PAIRS)
        users = below_array(num_users, seed, np.arange(_SAMPLED_PAIRS), _PAIRS, 2)
        return cls(np.sort(distances), np.sort(pay(users, items)))

    def threshold(self, share: float) -> float:
        """The distance below which this share of the pairs lies, rounded; 0 for none.

        Where so many items are in one place that the quantile is 0, the smallest distance above: then these are
        too alike, and nothing else.
        """
        if share == 0:
            return 0.0
        found = float(np.quantile(self.distances, share))
        apart = self.distances[self.distances > 1e-6]
        return _rounded(found if found > 1e-6 or not len(apart) else float(apart[0]))

    def least(self, share: float) -> float:
        """The reward below which this share of the pairs lies, rounded; for none, the smallest."""
        return _rounded(float(np.quantile(self.rewards, share)))


def _rounded(limit: float) -> float:
    """Four decimals of a limit, of one below 1 four digits, never above it: pairs that lie at it are not below it."""
    decimals = 4 if abs(limit) >= 1 or limit == 0 else 3 - math.floor(math.log10(abs(limit)))
    nearest = round(limit, decimals)
    return nearest if nearest <= limit else round(nearest - 10.0**-decimals, decimals)


def at_quantiles(sampled: Sampled, how: BuildOptions) -> DepartureDefaults:
    """Theta and r_min at the quantiles that were asked for."""
    return DepartureDefaults(
        window=how.window,
        threshold=sampled.threshold(how.theta_quantile),
        r_min=sampled.least(how.r_min_quantile),
        horizon=how.horizon or _USUAL_HORIZON,
        leaving_pays=how.leaving_pays,
    )


def fitted(
    world: World, sampled: Sampled, seen: Visits | None, how: BuildOptions, tell: Callable[[int, int], None]
) -> tuple[DepartureDefaults, dict[str, Any]]:
    """The thresholds under which simulated sessions last most nearly as long as the train users' visits do.

    Who recommended in the log is not known, so sessions are those of `card.visitors`, who are shown items in
    proportion to their popularity. All pairs of the quantiles in `TRIED` are tried; the distance is Wasserstein-1
    between the lengths, both cut at the horizon. Beside the constants, what was found, for the card. Raises `LogError`
    for a log without visits.
    """
    lengths = visit_lengths(seen, world.users("train"))
    horizon = how.horizon or int(np.clip(np.ceil(np.quantile(lengths, _LONGEST)), 2, MAX_HORIZON))
    observed = np.minimum(lengths, horizon)
    best, play = (np.inf, 0.0, 0.0), partial(visitors, world, _SESSIONS, how.seed, split="train", window=how.window)
    grid = list(itertools.product(TRIED, TRIED))
    for done, (alike, low) in enumerate(grid):
        found = play(horizon=horizon, threshold=sampled.threshold(alike), r_min=sampled.least(low)).lengths
        best = min(best, (sample_distances(observed, found)["wasserstein"], alike, low))
        tell(done + 1, len(grid))
    distance, alike, low = best
    constants = DepartureDefaults(
        window=how.window,
        threshold=sampled.threshold(alike),
        r_min=sampled.least(low),
        horizon=horizon,
        leaving_pays=how.leaving_pays,
    )
    return constants, {
        "theta_quantile": alike,
        "r_min_quantile": low,
        "visits": len(lengths),
        "mean_length": round(float(observed.mean()), 4),
        "distance": round(distance, 4),
    }


def visit_lengths(seen: Visits | None, train_users: NDArray[np.int32]) -> NDArray[np.int64]:
    """Lengths of the train users' visits. Raises `LogError` where there are too few to fit thresholds to."""
    if seen is None:
        raise LogError("departure 'fitted' needs times in nine rows of ten, to tell where visits end; use 'quantile'")
    found = seen.lengths[np.isin(seen.users, train_users)]
    if len(found) < FEWEST_VISITS:
        raise LogError(
            f"departure 'fitted' needs {FEWEST_VISITS} visits of train users, found {len(found)}; use 'quantile'"
        )
    return found
