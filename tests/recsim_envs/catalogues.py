"""Small catalogues made in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsim_envs.spec import Catalogue


def catalogue(titles: Sequence[str]) -> Catalogue:
    """Items with these titles in the categories red, green and blue by turns, the later the more popular."""
    size = len(titles)
    return Catalogue(
        titles=titles,
        category_names=("red", "green", "blue"),
        category_indptr=np.arange(size + 1),
        category_ids=(np.arange(size) % 3).astype(np.int32),
        popularity=np.arange(size, dtype=np.int64),
        mean_reward=np.linspace(1, 5, size).astype(np.float32),
    )
