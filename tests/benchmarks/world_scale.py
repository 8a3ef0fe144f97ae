"""How long a large log takes from its file to a world with its card, and how much memory: a command, not a test.

    python -m tests.benchmarks.world_scale --rows 20000000 --users 200000 --items 50000

writes a synthetic log (planted tastes of rank 8, items by a power law, visits of about twenty rows) as CSV into a
scratch folder, builds the world in a process of its own, and prints wall time, peak memory and held-out errors. With
`--read-only` the log is read and nothing is built.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

RANK = 8
CHUNK = 2_000  # users written at once
_BUILD = """
import json, sys
from recsim_envs.worlds.from_log import build_world
ratings, items, out, options = sys.argv[1:]
world = build_world(ratings, items, out, name="scale", domain="things",
                    progress=lambda s, d, t: print(s, d, t, file=sys.stderr, flush=True), **json.loads(options))
print(json.dumps({"hash": world.hash, "reward_model": world.info.reward_model, "users": world.num_users,
                  "items": world.num_items, "held_out": world.info.card["held_out"]}))
"""
_READ = """
import json, sys
from recsim_envs.worlds.logs.reading import read_log
log = read_log(*sys.argv[1:3])
print(json.dumps({"users": len(log.users), "items": len(log.items), "pairs": len(log.interactions)}))
"""


def write_log(folder: Path, rows: int, users: int, items: int, seed: int = 0) -> tuple[Path, Path]:
    """`ratings.csv` and `items.csv`, a few users at a time."""
    g = np.random.default_rng(seed)
    tastes, traits = g.normal(size=(users, RANK)), g.normal(size=(items, RANK)) / np.sqrt(RANK)
    quality = g.normal(0, 0.4, items)
    fame = np.cumsum(1 / np.arange(1, items + 1) ** 0.8)
    names, each = g.permutation(items), rows // users
    with (folder / "ratings.csv").open("wb") as file:
        for first in range(0, users, CHUNK):
            who = np.repeat(np.arange(first, min(first + CHUNK, users)), each)
            what = names[np.searchsorted(fame, g.random(len(who)) * fame[-1])]
            liking = 3.6 + quality[what] + 0.7 * np.einsum("nk,nk->n", tastes[who], traits[what])
            pause = np.where(g.random(len(who)) < 0.05, 86_400, 60)
            pl.DataFrame(
                {
                    "user": who,
                    "item": what,
                    "rating": np.clip(np.rint(liking + g.normal(0, 0.7, len(who))), 1, 5).astype(np.int8),
                    "timestamp": 1_500_000_000 + np.cumsum(pause),
                }
            ).write_csv(file, include_header=first == 0)
    shelf = {"item": np.arange(items), "title": [f"Thing {n}" for n in range(items)]}
    kinds = g.integers(0, 40, (items, 2))
    pl.DataFrame(shelf | {"categories": [f"kind {a}|kind {b}" for a, b in kinds]}).write_csv(folder / "items.csv")
    return folder / "ratings.csv", folder / "items.csv"


def main(
    rows: Annotated[int, typer.Option()] = 20_000_000,
    users: Annotated[int, typer.Option()] = 200_000,
    items: Annotated[int, typer.Option()] = 50_000,
    options: Annotated[str, typer.Option(help="Options of build_world as JSON.")] = "{}",
    read_only: Annotated[bool, typer.Option("--read-only", help="Read the log, build nothing.")] = False,
) -> None:
    """Write the log, build the world, print what it took as JSON."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paths = write_log(folder, rows, users, items)
        size, start = paths[0].stat().st_size, time.perf_counter()
        command = [
            sys.executable,
            "-c",
            _READ if read_only else _BUILD,
            *map(str, paths),
            str(folder / "world"),
            options,
        ]
        built = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    told = {"rows": rows, "file_gb": size / 1e9, "wall_s": round(wall, 1), "peak_gb": round(peak / 1e9, 2)}
    typer.echo(json.dumps(told | json.loads(built.stdout), indent=1))


if __name__ == "__main__":
    typer.run(main)
