"""Facts about recommendation sessions, measured the same way on recorded and on simulated ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.spec import Catalogue


@dataclass(frozen=True, eq=False)
class SessionLog:
    """Recommendations of many sessions as flat arrays (n,), session by session in the order they were shown.

    run, session, user, item: int64 ids (a session belongs to one run). reward: float64, not read where `left`.
    left: bool, whether the user left at this item. step: int64, 0 at a session's start.
    """

    run: NDArray[np.int64]
    session: NDArray[np.int64]
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    reward: NDArray[np.float64]
    left: NDArray[np.bool_]
    step: NDArray[np.int64]

    def in_window(self, window: int) -> NDArray[np.int64]:
        """The `window` items before each, (n, window), most recent first, -1 before the session's start."""
        out = np.full((len(self.item), window), -1, np.int64)
        for back in range(1, window + 1):
            known = self.step >= back
            out[known, back - 1] = self.item[np.flatnonzero(known) - back]
        return out


def measure(log: SessionLog, catalogue: Catalogue, *, window: int = 4, levels: int = 5) -> dict[str, float]:
    """Facts of sessions: how long and how well, what rewards look like, why users leave. A share of nothing is NaN.

    `reward_k` are shares of the steps at which the user stayed; `hazard` is departures a recommendation;
    `repeat_share` the share of departures at an item of the window; `same_category` the share of items that share
    a category with the window, among steps after the first that were stayed at, and `same_category_gap` how much
    larger it is among departures without repeat; `distinct_items` the effective number of items of a run.
    """
    stayed, recent = ~log.left, log.in_window(window)
    repeat = (recent == log.item[:, None]).any(1)
    rewards = log.reward[stayed]
    sessions = len(np.unique(log.session))

    def share(flags: NDArray[np.bool_]) -> float:
        return float(flags.mean()) if len(flags) else float("nan")

    alike = _share_category(log.item, recent, catalogue)
    later = log.step > 0
    facts = {f"reward_{k}": share(rewards == k) for k in range(1, levels + 1)}
    return facts | {
        "first_reward_1": share(log.reward[(log.step == 0) & stayed] == 1),
        "length": len(rewards) / sessions,
        "reward": float(rewards.mean()),
        "hazard": share(log.left),
        "repeat_share": share(repeat[log.left]),
        "same_category": share(alike[stayed & later]),
        "same_category_gap": share(alike[log.left & ~repeat]) - share(alike[stayed & later]),
        "distinct_items": float(np.mean([_effective_number(log.item[log.run == r]) for r in np.unique(log.run)])),
        "additive_r2": additive_r2(log.user[stayed], log.item[stayed], rewards),
    }


def _effective_number(items: NDArray[np.int64]) -> float:
    """Participation ratio: how many equally frequent items would be as concentrated."""
    _, counts = np.unique(items, return_counts=True)
    return float(counts.sum() ** 2 / (counts.astype(float) ** 2).sum())


def _share_category(item: NDArray[np.int64], recent: NDArray[np.int64], catalogue: Catalogue) -> NDArray[np.bool_]:
    member = catalogue.category_matrix()
    window = np.where(recent[:, :, None] >= 0, member[recent], 0).max(1)
    shared: NDArray[np.bool_] = (member[item] * window).any(1)
    return shared


def additive_r2(users: NDArray[Any], items: NDArray[Any], rewards: NDArray[np.float64], sweeps: int = 500) -> float:
    """Share of the variance that one effect a user plus one an item explain (least squares, in sample).

    Fitted by alternating means, which converge to the least-squares fit.
    """
    u, i = np.unique(users, return_inverse=True)[1], np.unique(items, return_inverse=True)[1]
    centred = rewards - rewards.mean()
    by_user, by_item = np.zeros(u.max() + 1), np.zeros(i.max() + 1)
    for _ in range(sweeps):
        by_user = np.bincount(u, centred - by_item[i]) / np.bincount(u)
        by_item = np.bincount(i, centred - by_user[u]) / np.bincount(i)
    residual = centred - by_user[u] - by_item[i]
    return float(1 - (residual**2).sum() / (centred**2).sum())
