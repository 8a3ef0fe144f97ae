"""DORL (Gao et al., "Alleviating Matthew effect of offline RL in interactive recommendation", SIGIR 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.offline.mopo import MOPOAgent
from baselines.offline.replay import Replay
from recsim_envs.spec import Catalogue, TaskSpec


@dataclass(kw_only=True, eq=False)
class DORLAgent(MOPOAgent):
    """MOPO with a bonus where the log's next items were diverse, so that pessimism does not narrow what is shown.

    entropy_bonus: weight of the sum of the entropies (5 in the paper's code). They are entropies of the next item's
    main category, given the main categories of the last one and of the last two items, whatever their order;
    as shares of the largest possible, and 1 where the log has no such context.
    """

    entropy_bonus: float = 5.0

    def check(self, task: TaskSpec) -> None:
        """Keep the catalogue's main categories."""
        super().check(task)
        self._main = torch.from_numpy(main_categories(task.catalogue))
        self._count = len(task.catalogue.category_names)

    def prepare(self, log: Replay) -> None:
        """Count what followed what."""
        kinds = self._main.numpy()[log.actions[:, 0].cpu().numpy()]
        one, two = (context_entropy(kinds, log.sessions, k, self._count) for k in (1, 2))
        self._one = torch.from_numpy(one).float().to(log.device)
        self._two = torch.from_numpy(two).float().to(log.device)
        self._main = self._main.to(log.device)

    def shaped(self, reward: torch.Tensor, variance: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        """MOPO's reward plus entropy_bonus * (H_1 + H_2); H_2 of a session's first item is 1."""
        last, before = self._main[shown[:, -1]], self._main[shown[:, -2].clamp(min=0)]
        low, high = torch.minimum(last, before), torch.maximum(last, before)
        two = torch.where(shown[:, -2] >= 0, self._two[low * self._count + high], 1.0)
        return super().shaped(reward, variance, shown) + self.entropy_bonus * (self._one[last] + two)


def main_categories(catalogue: Catalogue) -> NDArray[np.int64]:
    """The first category of each item, int64 (n_items,)."""
    return catalogue.category_ids[catalogue.category_indptr[:-1]].astype(np.int64)


def context_entropy(kinds: NDArray[np.int64], sessions: NDArray[np.int64], k: int, count: int) -> NDArray[np.float64]:
    """Entropy of the next kind by the sorted last k kinds, as a share of log `count`; 1 of contexts never seen.

    kinds, sessions: int64 (rows,), of steps in order. The result is float64 (count ** k,), the context a <= b <= ... at
    place (a * count + b) * count + ...
    """
    rows = np.arange(k, len(kinds))
    rows = rows[sessions[rows] == sessions[rows - k]]
    context = np.sort(np.stack([kinds[rows - j] for j in range(k, 0, -1)], axis=1), axis=1)
    places = np.zeros(len(rows), np.int64)
    for column in context.T:
        places = places * count + column
    table = np.bincount(places * count + kinds[rows], minlength=count ** (k + 1)).reshape(-1, count)
    total = table.sum(axis=1)
    shares = table / np.maximum(total, 1)[:, None]
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1) / max(np.log(count), 1e-9)
    return np.where(total > 0, entropy, 1.0)
