"""The user models of a build: the one that makes the world, and those it is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds.building.monotone import apply_map, fit_map
from recsim_envs.worlds.building.options import BuildOptions
from recsim_envs.worlds.building.prepare import Prepared
from recsim_envs.worlds.home import home
from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.storage import array_digest, content_hash

if TYPE_CHECKING:
    from recsim_envs.worlds.models import UserModel

Progress = Callable[[str, int, int], None]
REFERENCES: Final = ("biases", "mf")
"""User models that every other is held against."""
ALSO: Final = ("deepfm",)
"""What is compared beside them where nothing was said, in logs so small that it takes seconds."""
LITTLE: Final = 1_000_000


@dataclass(frozen=True, eq=False)
class Fitted:
    """A user model with its map to rewards: knots float32 (2, k), or None for the identity."""

    model: UserModel
    knots: NDArray[np.float32] | None
    span: tuple[float, float]

    def pay(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float64]:
        """Rewards (n,) of pairs, at the start of a session."""
        return apply_map(self.knots, self.model.predict(users, items), self.span)


def fit_all(ready: Prepared, how: BuildOptions, folder: Path, progress: Progress) -> dict[str, Fitted]:
    """The chosen model first, then those it is held against, by name. Each is stopped and calibrated on `valid`.

    `folder` keeps the state of the training; what an earlier call left in it is gone on with.
    """
    from recsim_envs.worlds.models import Training, fit_model

    train, valid = ready.rows[ready.train], ready.rows[ready.valid]
    plan = Training(rank=how.rank, epochs=how.epochs, device=how.device)
    span, found, shown = value_range(ready.rows), {}, _without_held_out(ready)
    others = how.compare if how.compare is not None else ALSO if len(ready.rows) <= LITTLE else ()
    for name in dict.fromkeys([how.model, *REFERENCES, *others]):
        model = fit_model(name, train, valid, ready.sizes, plan, how.seed, progress, folder / name)
        knots = fit_map(how.calibration, model.predict_rows(*shown), valid.values)
        found[name] = Fitted(model.after(ready.rows), knots, span)
    return found


def _without_held_out(ready: Prepared) -> tuple[Interactions, NDArray[np.int64]]:
    """Rows among which those that are held out cannot be read, and which of them validate."""
    if ready.by_time:  # what is held out comes after
        return ready.rows, ready.valid
    known = np.sort(np.concatenate([ready.train, ready.valid]))
    return ready.rows[known], np.searchsorted(known, ready.valid)


def predictions(
    fitted: Mapping[str, Fitted], chosen: str, rows: Interactions, which: NDArray[np.int64], mean: float
) -> dict[str, NDArray[np.float64]]:
    """What the card compares on some rows, float64 (k,) each; sequential models read what came before each row."""
    raw = {name: fitted[name].model.predict_rows(rows, which) for name in dict.fromkeys([chosen, *REFERENCES])}
    return _compared(fitted, chosen, raw) | {"global_mean": np.full(len(which), mean)}


def predictions_anywhere(
    fitted: Mapping[str, Fitted], chosen: str, ready: Prepared
) -> dict[str, NDArray[np.float64]] | None:
    """The same on the rows that were shown at random; None where the log has none."""
    rows = ready.log.random
    if rows is None or not len(rows):
        return None
    mean = float(ready.rows.values[ready.train].mean(dtype=np.float64))
    raw = {name: fitted[name].model.predict(rows.users, rows.items) for name in dict.fromkeys([chosen, *REFERENCES])}
    return _compared(fitted, chosen, raw) | {"global_mean": np.full(len(rows), mean)}


def _compared(
    fitted: Mapping[str, Fitted], chosen: str, raw: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    model = fitted[chosen]
    return {
        "model": np.clip(raw[chosen], *model.span),
        "rewards": apply_map(model.knots, raw[chosen], model.span),
        "bias_only": np.clip(raw["biases"], *model.span),
        "mf": np.clip(raw["mf"], *model.span),
    }


def value_range(rows: Interactions) -> tuple[float, float]:
    """Smallest and largest value of the log."""
    return float(rows.values.min()), float(rows.values.max())


def workshop(ready: Prepared, how: BuildOptions) -> Path:
    """Where the training of this log under these options keeps its state."""
    rows = ready.rows
    digests = [array_digest(array) for array in (rows.users, rows.items, rows.values, rows.times)]
    return home() / "builds" / content_hash(how.to_json(), digests)[:24]
