"""`Tally`: what a session has shown and earned so far by category, where observations tell of the last step alone.

Rules that keep count of a session (`baselines.told`) know which categories a user takes to; a network that sees the
last step alone has to learn counting first. So its state has the sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from baselines.items import category_shares
from baselines.states import ITEMS, SIGNALS, History, StateReader
from recsim_envs.spec import TaskSpec

DECAYS: Final = (1.0, 0.8)
"""What is left of the sums from step to step: all, which tells what a user likes, and less, which tells of what they
have had enough."""


class Tally:
    """Sums over a session by category, one for each of `DECAYS`: of what was shown, and of each signal that came of it.

    An item counts evenly to its categories. Sums are float32 (b, *shape) with shape (decays, 1 + signals, categories),
    zeros for a session that begins; `after` adds a step to them.
    """

    def __init__(self, task: TaskSpec, last_step: History) -> None:
        self._key = last_step.key
        nothing = np.zeros((1, len(task.catalogue.category_names)))
        shares = category_shares(task.catalogue)
        self._shares = np.concatenate([shares, nothing]).astype(np.float32)  # -1, no item, is the last row
        self.shape = (len(DECAYS), 1 + len(last_step.signals), nothing.shape[1])

    @property
    def space(self) -> spaces.Box:
        """Of the sums of one session."""
        return spaces.Box(-np.inf, np.inf, self.shape, np.float32)

    def after(self, before: NDArray[np.float32], states: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The sums once the last step of `states`, which a `StateReader` gave, is added to `before`."""
        items, signals = states[self._key + ITEMS], states[self._key + SIGNALS]
        came = np.concatenate([(items >= 0)[:, :, None], signals], axis=2, dtype=np.float32)
        decays = np.array(DECAYS, np.float32).reshape(-1, 1, 1)
        sums: NDArray[np.float32] = before * decays
        for slot in range(items.shape[1]):  # in order: the sums do not depend on the batch
            sums += (came[:, slot, :, None] * self._shares[items[:, slot], None, :])[:, None]
        return sums


def tally_of(task: TaskSpec, reader: StateReader) -> Tally | None:
    """A tally of the first list that holds the last step alone, with what came of it; None where there is no such."""
    last = (h for h in reader.histories if h.length == (task.slate_size or 1) and h.signals)
    return next((Tally(task, history) for history in last), None)
