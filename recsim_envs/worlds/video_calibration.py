"""The world of short videos against what is published of KuaiRec as an environment.

KuaiRec itself is not needed: `TARGETS` are figures from the training logs that EasyRL4Rec and the DORL repository
publish for it (single seeds, mean of the last quarter of the epochs). Of the policies there, CRR shows a quarter of
the catalogue, so that it stands close to choosing at random, which is what is measured here.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recsim_envs.rng import AGENT, below_array, derive_seed
from recsim_envs.worlds.world import World

SESSIONS: Final = 4000

# Recorded value and tolerance; the latter is wide, for the recorded policies are only near to random.
TARGETS: Final = {
    "reward_a_step": (0.90, 0.05),  # CRR 8.6 / 9.8 = 0.88, UCB 2.4 / 2.6 = 0.92
    "length_window_9_limit_1": (9.8, 2.0),  # CRR, legacy window
}


def video_facts(world: World) -> dict[str, float]:
    """Rewards over all pairs, categories an item, and how long random recommendations keep test users."""
    table, counts = np.asarray(world.arrays["rewards"]), np.diff(world.arrays["category_indptr"])
    by_user, by_item = table.mean(1, keepdims=True, dtype=float), table.mean(0, keepdims=True, dtype=float)
    residual = table - by_user - by_item + table.mean(dtype=float)
    quartiles = np.quantile(table, [0.25, 0.5, 0.75])
    long, rewards = _random_visits(world, window=9, category_limit=1)
    facts = {
        "reward_a_step": rewards,
        "length_window_9_limit_1": long,
        "length_window_4_limit_0": _random_visits(world, window=4, category_limit=0)[0],
        **{f"reward_quartile_{k}": float(q) for k, q in enumerate(quartiles, 1)},
        "reward_5_share": float((table == table.max()).mean()),
        "categories_an_item": float(counts.mean()),
        "additive_r2": float(1 - (residual**2).mean() / table.var(dtype=float)),
    }
    return {name: round(value, 4) for name, value in facts.items()}


def _random_visits(world: World, **rule: Any) -> tuple[float, float]:
    """Mean length of sessions of random items by the category rule with the legacy window, and mean reward a step."""
    from recsim_envs.families.departure.simulator import DepartureSimulator

    simulator = DepartureSimulator(SESSIONS, world=world, split="test", legacy_window=True, **rule)
    lanes = np.arange(SESSIONS)
    simulator.begin(lanes, np.array([derive_seed("video calibration", i) for i in range(SESSIONS)], np.uint64))
    steps, earned = 0, 0.0
    while not simulator.over.all():
        steps += int((~simulator.over).sum())
        actions = below_array(world.num_items, lanes, int(simulator.steps.max()), AGENT)
        earned += float(simulator.step(actions).rewards.sum())
    return steps / SESSIONS, earned / steps


def video_card(world: World) -> dict[str, Any]:
    """The simulator card: each fact as found, and as recorded where something is published."""
    rows = {
        name: {"world": value} | dict(zip(("recorded", "tolerance"), TARGETS.get(name, ()), strict=False))
        for name, value in video_facts(world).items()
    }
    return {"kind": "synthetic", "protocol": {"recommender": "random", "sessions": SESSIONS}, "facts": rows}
