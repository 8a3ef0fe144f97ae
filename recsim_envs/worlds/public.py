"""What the training users' log tells everybody about the items: `Catalogue.popularity` and `.mean_reward`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds.storage import Arrays

PSEUDO_OBSERVATIONS = 10


def popularity_and_means(items: NDArray[Any], rewards: NDArray[Any], num_items: int) -> Arrays:
    """Counts (int64) and means (float32) of logged rewards, the means shrunk by ten pseudo-observations.

    `items` and `rewards` are the log of the training users only. Sums run in float64 in the log's order.
    """
    counts = np.bincount(items, minlength=num_items).astype(np.int64)
    sums = np.bincount(items, weights=rewards, minlength=num_items)
    overall = sums.sum() / max(1, len(items))
    means = (sums + PSEUDO_OBSERVATIONS * overall) / (counts + PSEUDO_OBSERVATIONS)
    return {"popularity": counts, "mean_reward": means.astype(np.float32)}
