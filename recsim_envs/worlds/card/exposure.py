"""What the model says of items that nobody chose: figures on items shown at random beside those on chosen ones.

People rate what they chose, so errors on ratings held out of a log say little about the rest of the catalogue
(Marlin & Zemel, "Collaborative prediction and ranking with non-random missing data", RecSys 2009). Where a data set
has rows that were shown at random (Coat, Yahoo! R3, KuaiRand), they can be measured there too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds.card import resample
from recsim_envs.worlds.card.heldout import HIGHER_IS_BETTER, MODEL, Rows, held_out_figures, replicates

Predictions = Mapping[str, NDArray[Any]]


def exposure_figures(
    chosen: tuple[NDArray[Any], NDArray[Any], Predictions],
    random: tuple[NDArray[Any], NDArray[Any], Predictions],
    *,
    liked_from: float,
    lowest: float,
    seed: int,
) -> dict[str, Any]:
    """The same figures on rows that users chose and on rows shown at random; each is (users, observed, predictions).

    random: as `held_out_figures` gives them. drop: by predictor, how much worse each figure is at random, above 0
    where it is worse, as [estimate, low, high]; users of both are resampled together, so differences are paired.
    """
    known = np.unique(np.concatenate([chosen[0], random[0]]))
    both = []
    for users, observed, predictions in (chosen, random):
        places = np.searchsorted(known, users)
        rows = Rows.of(places, len(known), observed, predictions, liked_from=liked_from, lowest=lowest)
        both.append(replicates(rows, seed))
    here, there = both
    return {
        "known": True,
        "random": held_out_figures(*random, liked_from=liked_from, lowest=lowest, seed=seed),
        "drop": {name: _drop(here[name], there[name]) for name in here if name in there},
    }


def _drop(chosen: dict[str, NDArray[np.float64]], random: dict[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    return {
        name: resample.interval(chosen[name] - random[name] if higher else random[name] - chosen[name])
        for name, higher in HIGHER_IS_BETTER.items()
    }


def exposure_words(exposure: Mapping[str, Any]) -> str:
    """One sentence that says what the drop of the model means."""
    if not exposure.get("known"):
        return (
            "The log has no items that were shown at random, so how the model does on items that nobody chose "
            "cannot be told."
        )
    drop, low, high = exposure["drop"][MODEL]["rmse"]
    change = f"The error of the model changes by {drop:+.3f} [{low:+.3f}, {high:+.3f}] on items shown at random: "
    if low > 0:
        return change + "it is worse on items that people did not choose, so figures on chosen items flatter it."
    if high < 0:
        return change + "it is no worse on items that people did not choose."
    return change + "no difference can be told from chance."
