"""`python -m recsim_envs.worlds.models --ratings FILE --items FILE`: every user model on rows held out, as a table.

The options of training were chosen by the validation column, never by the held-out ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import LongrecError
from recsim_envs.worlds.building.options import BuildOptions
from recsim_envs.worlds.building.prepare import Prepared, prepare
from recsim_envs.worlds.logs.log import Log
from recsim_envs.worlds.logs.reading import read_log
from recsim_envs.worlds.models import MODELS, Training, fit_model

_HEAD: Final = (
    "| holdout | model | RMSE | RMSE, reading what came before | validation RMSE | epochs | seconds |\n"
    "|---|---|---|---|---|---|---|"
)


def rows_of(log: Log, holdout: str, seeds: Sequence[int]) -> list[str]:
    """The table's rows for one holdout: means over seeds, of splits too where those are random."""
    ready = [prepare(log, BuildOptions.of({"holdout": holdout, "seed": seed})) for seed in seeds]
    lines = []
    for name in MODELS:
        found = np.mean([_figures(name, part, seed) for part, seed in zip(ready, seeds, strict=True)], axis=0)
        static, reading, valid, epochs, seconds = found
        lines.append(
            f"| {holdout} | {name} | {static:.4f} | {reading:.4f} | {valid:.4f} | {epochs:.0f} | {seconds:.1f} |"
        )
    return lines


def _figures(name: str, ready: Prepared, seed: int) -> list[float]:
    """Held-out errors without and with reading, validation error, epochs and processor seconds of a fit."""
    sizes, started = ready.sizes, time.process_time()
    model = fit_model(name, ready.rows[ready.train], ready.rows[ready.valid], sizes, Training(), seed)
    seconds = time.process_time() - started
    static = _rmse(model.predict(ready.rows.users[ready.held_out], ready.rows.items[ready.held_out]), ready)
    reading = _rmse(model.predict_rows(ready.rows, ready.held_out), ready)
    return [static, reading, model.validation_rmse, model.epochs, seconds]


def _rmse(predicted: NDArray[np.float64], ready: Prepared) -> float:
    return float(np.sqrt(np.mean((predicted - ready.rows.values[ready.held_out]) ** 2)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, fit, print; 1 and a message where that cannot be done."""
    parser = argparse.ArgumentParser("python -m recsim_envs.worlds.models", description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", required=True, help="file of ratings: u.data, CSV, TSV or Parquet")
    parser.add_argument("--items", help="file of items; without it no model knows categories")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds to take the mean over (3)")
    told = parser.parse_args(arguments)
    try:
        log = read_log(told.ratings, told.items)
        timed = np.isfinite(log.interactions.times).all()
        print(_HEAD)
        for holdout in ("time", "random") if timed else ("random",):
            print("\n".join(rows_of(log, holdout, range(told.seeds))), flush=True)
    except LongrecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
