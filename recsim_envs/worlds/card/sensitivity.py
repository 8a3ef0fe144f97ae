"""Whether agents would rank the same under other constants and other user models.

The departure rule of a world from a log is assumed, or fitted to lengths alone, and its user model is one of several.
Reference agents play the same sessions under settings around the world's own; Kendall's tau-b tells how much of their
ranking each setting leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.cycles import best_cycle
from recsim_envs.families import make_family
from recsim_envs.families.base import Reference, Simulator
from recsim_envs.gap import PLANNER, reference_policies, session_seeds
from recsim_envs.policies import fixed_cycle, play
from recsim_envs.rng import WORLD, below_array
from recsim_envs.worlds.card import resample
from recsim_envs.worlds.card.distances import random_pairs
from recsim_envs.worlds.world import MAX_WINDOW, World

BEST_RATED: Final = "best-rated"
DEFAULT: Final = "as built"
WIDEST_PLAN: Final = 12
"""Windows above this are played without the planner: its search for blocks of W + 1 items would take minutes."""
TIE: Final = 1e-9
"""Mean returns that differ by less than this share of the largest are equal."""

_PAIRS: Final = WORLD + 70
_SAMPLED: Final = 100_000
_SAMPLED_USERS: Final = 64

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Setting:
    """One way to play: a world, options of the departure family, and what of the default it changes."""

    name: str
    kind: str
    world: World
    options: dict[str, Any] = field(default_factory=dict)


def sensitivity_figures(
    world: World,
    alternatives: Mapping[str, World],
    sessions: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Returns of the reference agents under each setting, and tau-b of each against the default setting.

    settings: name, kind ("default", "W", "theta", "category limit", "r_min" or "user model"), returns (mean of a
    session, in the order of `agents`, None where an agent did not play), best agent, tau [estimate, low, high] with
    the interval over resampled users. All play the same users and draws. `alternatives` are worlds of other user
    models with the same users and items. `progress` is called with (done, total).
    """
    plan = settings(world, alternatives, seed)
    played: list[dict[str, Floats]] = []
    users = np.zeros(0, np.int64)
    for done, setting in enumerate(plan):
        if progress:
            progress(done, len(plan))
        users, found = returns(setting, sessions, seed)
        played.append(found)
    agents = list(played[0])
    rows = [_row(s, p, played[0], users, seed) for s, p in zip(plan, played, strict=True)]
    lowest = min(rows[1:], key=lambda row: np.nan_to_num(row["tau"][0], nan=-1.0), default=None)
    return {
        "sessions": sessions,
        "agents": agents,
        "settings": [row | {"returns": [row["returns"].get(agent) for agent in agents]} for row in rows],
        "lowest": {"setting": lowest["name"], "tau": lowest["tau"]} if lowest else None,
    }


def settings(world: World, alternatives: Mapping[str, World], seed: int) -> list[Setting]:
    """The default, W and the rule of likeness halved and doubled, r_min around, and the other user models.

    theta and r_min move to half and to twice their quantile over random pairs of the world.
    """
    rule = world.info.departure
    found = [Setting(DEFAULT, "default", world)]
    for window in (rule.window // 2, min(rule.window * 2, MAX_WINDOW)):
        if window >= 1 and window != rule.window:
            found.append(Setting(f"W = {window}", "W", world, {"window": window}))
    if rule.leave_by == "category":
        for limit in (rule.category_limit - 1, rule.category_limit + 1):
            if limit >= 0:
                found.append(Setting(f"limit = {limit}", "category limit", world, {"category_limit": limit}))
    elif rule.threshold > 0:
        for theta in _around(rule.threshold, _distances(world, seed)):
            found.append(Setting(f"θ = {theta:.4g}", "theta", world, {"threshold": theta}))
    for least in _around(rule.r_min, random_rewards(world, seed)):
        found.append(Setting(f"r_min = {least:.4g}", "r_min", world, {"r_min": least}))
    return found + [Setting(f"model = {name}", "user model", other) for name, other in alternatives.items()]


def _around(value: float, sample: Floats) -> list[float]:
    """The quantiles of a sample at half and twice the share that lies below the value, where they differ from it."""
    share = float((sample < value).mean())
    if share == 0:  # the rule is off
        return []
    moved = np.quantile(sample, [share / 2, min(2 * share, (1 + share) / 2)])
    return [float(f"{x:.4g}") for x in moved if not np.isclose(x, value, rtol=1e-3)]


def _distances(world: World, seed: int) -> Floats:
    """Distances of random pairs of different items."""
    return random_pairs(world.arrays["vectors"], _SAMPLED, seed, _PAIRS)[1]


def random_rewards(world: World, seed: int) -> Floats:
    """Rewards of random pairs of users and items, float64 (n,): of a few users drawn at random, many items each."""
    users = below_array(world.num_users, seed, np.arange(_SAMPLED_USERS), _PAIRS, 2)
    each = _SAMPLED // _SAMPLED_USERS
    parts = []
    for number, user in enumerate(users):  # one after the other: a row of a large catalogue is large
        items = below_array(world.num_items, seed, np.arange(each), _PAIRS, 3 + number)
        parts.append(world.user_rewards(np.array([user]))[0, items])
    return np.concatenate(parts).astype(np.float64)


def returns(setting: Setting, sessions: int, seed: int) -> tuple[NDArray[np.int64], dict[str, Floats]]:
    """Who visits each session (B,), and the return of each agent in it: float64 (B,). The cycle is sought anew."""

    def make(lanes: int, split: str) -> Simulator:
        return make_family("departure", lanes, world=setting.world, split=split, **setting.options)

    simulator, seeds = make(sessions, "test"), session_seeds(sessions, seed)
    cycle = best_cycle(lambda lanes: make(lanes, "train"), seed)
    found = {name: play(simulator, maker, seeds)[0] for name, maker in _agents(simulator, cycle, seeds).items()}
    return simulator.user_ids(), found


def _agents(
    simulator: Simulator, cycle: NDArray[np.int64], seeds: NDArray[np.uint64]
) -> dict[str, Callable[[], Reference]]:
    ranking = np.argsort(-simulator.task.catalogue.mean_reward.astype(np.float64), kind="stable")
    agents = reference_policies(simulator, cycle, seeds)
    if int(simulator.constants()["window"]) > WIDEST_PLAN:
        del agents[PLANNER]
    return agents | {BEST_RATED: lambda: fixed_cycle(simulator, ranking)}


def _row(
    setting: Setting, played: dict[str, Floats], default: dict[str, Floats], users: NDArray[np.int64], seed: int
) -> dict[str, Any]:
    shared = [agent for agent in default if agent in played]
    means = {agent: float(values.mean()) for agent, values in played.items()}
    here, there = (_resampled(np.stack([p[agent] for agent in shared], 1), users, seed) for p in (played, default))
    return {
        "name": setting.name,
        "kind": setting.kind,
        "returns": means,
        "best": max(means, key=lambda agent: means[agent]),
        "tau": resample.interval(kendall_tau(here, there)),
    }


def _resampled(values: Floats, users: NDArray[np.int64], seed: int) -> Floats:
    """Mean returns (1 + replicates, agents) of the sample and of resamples of users, from returns (B, agents)."""
    known, cluster = np.unique(users, return_inverse=True)
    columns = [np.bincount(cluster, values[:, k], len(known)) for k in range(values.shape[1])]
    drawn = resample.totals(np.stack([*columns, np.bincount(cluster).astype(np.float64)], axis=1), seed)
    means: Floats = drawn[:, :-1] / drawn[:, -1:]
    return means


def kendall_tau(first: Floats, other: Floats) -> Floats:
    """Kendall's tau-b of each row of two arrays (r, n), float64 (r,); NaN where all of a row is tied.

    The share of pairs that both order alike less that of pairs ordered otherwise, over the geometric mean of the
    pairs that either orders (Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945).
    """
    signs = []
    for values in (first, other):
        gaps = values[:, :, None] - values[:, None, :]
        scale = np.abs(values).max(axis=1, initial=0.0)[:, None, None]
        signs.append(np.where(np.abs(gaps) <= TIE * scale, 0.0, np.sign(gaps)))
    x, y = signs
    with np.errstate(invalid="ignore"):
        found: Floats = (x * y).sum((1, 2)) / np.sqrt((x**2).sum((1, 2)) * (y**2).sum((1, 2)))
    return found
