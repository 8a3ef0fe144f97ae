"""`python -m recsim_envs.rendering ID FILE.png`: the life-line of one user under policies that know the true model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import recsim_envs
from recsim_envs.errors import ConfigurationError, LongrecError
from recsim_envs.faces.seeding import checked_seed, episode_seeds
from recsim_envs.files import atomic_file
from recsim_envs.rendering.film import Film


def picture(env_id: str, policy: str, seed: int, **options: Any) -> NDArray[np.uint8]:
    """Play one session to its end and draw it; the session of a scalar environment reset with `seed`."""
    simulator = recsim_envs.make_simulator(env_id, 1, **options)
    film = Film(simulator)
    seeds = episode_seeds(np.array([checked_seed(seed)], np.uint64), np.zeros(1, np.int64))
    film.begin(np.zeros(1, np.int64), seeds)
    policies = simulator.references()
    if policy not in policies:
        raise ConfigurationError(f"{env_id} has no policy {policy!r}; it has {', '.join(policies)}")
    act = policies[policy]()
    while not simulator.over[0]:
        film.step(act())
    return film.picture(0, f"{env_id}, {policy}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m recsim_envs.rendering", description=__doc__)
    parser.add_argument("env_id", help="for example longrec/Games-v0")
    parser.add_argument("file", type=Path, help="a .png file to write")
    parser.add_argument(
        "--policy", nargs="+", default=["myopic"], help="reference policies of the environment, drawn one below another"
    )
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    try:
        pictures = [picture(chosen.env_id, policy, chosen.seed) for policy in chosen.policy]
    except LongrecError as error:
        parser.error(str(error))
    _save(np.concatenate(pictures), chosen.file)


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write a PNG whole or not at all."""
    from PIL import Image

    with atomic_file(path) as scratch:
        Image.fromarray(pixels).save(scratch, "PNG", optimize=True)


if __name__ == "__main__":
    main()
