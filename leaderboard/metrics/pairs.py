"""Which sessions are compared with which. Balanced designs (Blom, "Some properties of incomplete U-statistics",
Biometrika 63(3), 1976): every session is in as many pairs, and nothing is drawn.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

PARTNERS: Final = 32
"""Other sessions that each session is compared with at most."""

Pairs = NDArray[np.int64]
"""(2, p): episodes 0..E-1."""


def between(users: NDArray[np.int64]) -> Pairs:
    """Sessions of different users: each with up to `PARTNERS` others, evenly spaced around the circle of sessions."""
    episodes = len(users)
    apart = np.unique(1 + np.arange(PARTNERS) * (episodes - 1) // PARTNERS)
    first = np.repeat(np.arange(episodes), len(apart))
    pairs = np.stack([first, (first + np.tile(apart, episodes)) % episodes])
    return pairs[:, users[pairs[0]] != users[pairs[1]]]


def within(users: NDArray[np.int64]) -> Pairs:
    """Sessions of the same user: each with up to `PARTNERS` that follow it."""
    order = np.argsort(users, kind="stable")
    most = min(PARTNERS, int(np.unique(users, return_counts=True)[1].max()) - 1)
    none = np.zeros((2, 0), np.int64)
    pairs = np.concatenate([none, *(np.stack([order[:-n], order[n:]]) for n in range(1, most + 1))], axis=1)
    return pairs[:, users[pairs[0]] == users[pairs[1]]]
