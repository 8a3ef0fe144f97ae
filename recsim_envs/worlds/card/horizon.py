"""The horizon gap of a world that need not be registered: what planning is worth in it."""

from __future__ import annotations

from typing import Any

from recsim_envs.families import make_family
from recsim_envs.families.base import Simulator
from recsim_envs.gap import Progress, measured_gap
from recsim_envs.worlds.world import World


def horizon_figures(world: World, sessions: int, seed: int, progress: Progress | None = None) -> dict[str, Any]:
    """What `recsim_envs.gap` measures of an id, of the departure family on this world; cycle in titles.

    Under "no_repeat" the same of protocol NX_0, where no item may be shown twice, so that no fixed cycle can do well
    by a few items that everybody likes; None where the catalogue is too small for it.
    """
    found = _figures(world, sessions, seed, "FB", progress)
    enough = world.info.departure.horizon <= world.num_items
    return found | {"no_repeat": _figures(world, sessions, seed, "NX_0", progress) if enough else None}


def _figures(world: World, sessions: int, seed: int, protocol: str, progress: Progress | None) -> dict[str, Any]:
    def make(lanes: int, split: str) -> Simulator:
        return make_family("departure", lanes, world=world, split=split, protocol=protocol)

    gap = measured_gap(make, world.info.name, episodes=sessions, seed=seed, progress=progress)
    titles = world.catalogue.titles
    return {
        "sessions": sessions,
        "gap": list(gap.gap),
        "ranked": gap.ranked,
        "best_myopic": gap.best_myopic,
        "scores": {name: list(score) for name, score in gap.scores.items()},
        "lengths": gap.lengths,
        "cycle": [titles[item] for item in gap.cycle],
    }
