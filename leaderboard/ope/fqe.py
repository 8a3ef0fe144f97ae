"""Fitted Q evaluation with a linear model: the value of what remains, one step to go after another.

Le, Voloshin & Yue, "Batch Policy Learning under Constraints", ICML 2019, algorithm 3, with a finite horizon: with j
steps to go, Q_j(s, a) = r + E[Q_{j-1}(s', target's action)], regressed by ridge on features that multiply those of the
state by those of the action. Features are linear in the action, so the expectation over the target's actions needs its
mean action only. A linear model may diverge where it extrapolates; values are held between what j of the smallest and
j of the largest rewards of the log would sum to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RIDGE: Final = 1e-6
"""Penalty, as a share of the mean diagonal of the normal equations: it decides only what the log leaves open."""


@dataclass(frozen=True, eq=False)
class Model:
    """Coefficients for 0 to T steps to go, float64 (T + 1, d), and the smallest and largest reward of a step."""

    coefficients: Floats
    low: float
    high: float

    def values(self, features: Floats, left: NDArray[np.int64]) -> Floats:
        """Values of rows (rows, d) with so many steps to go (rows,); 0 where none are."""
        steps = np.maximum(left, 0)
        raw = np.einsum("ij,ij->i", features, self.coefficients[steps])
        return np.clip(raw, steps * self.low, steps * self.high)


def products(states: Floats, actions: Floats) -> Floats:
    """Features of pairs: (rows, s) and (rows, a) -> (rows, s * (1 + a)): those of the state alone and times
    the action's.
    """
    wide = np.concatenate([np.ones((len(actions), 1)), actions], axis=1)
    return (states[:, :, None] * wide[:, None, :]).reshape(len(states), -1)


def fit(
    taken: Floats, own: Floats, rewards: Floats, last: NDArray[np.bool_], capped: NDArray[np.bool_], horizon: int
) -> Model:
    """A model of up to `horizon` steps to go, from rows in the order of their sessions.

    taken: features of the actions taken (rows, d). own: of the target's actions in the same states, in expectation.
    last: whether a row ends its session. capped: whether it does so at the step cap, where what would have followed
    is not known: such a row teaches the last step to go only.
    """
    model = Model(np.zeros((horizon + 1, taken.shape[1])), min(0.0, rewards.min()), max(0.0, rewards.max()))
    known = ~capped
    onward, following = ~last[known], np.flatnonzero(~last) + 1
    features, earned, after = taken[known], rewards[known], own[following]
    solve = _regression(features)
    for left in range(1, horizon + 1):
        if left == 1:
            model.coefficients[1] = _regression(taken)(rewards)
            continue
        targets = earned.copy()
        targets[onward] += np.clip(
            after @ model.coefficients[left - 1], (left - 1) * model.low, (left - 1) * model.high
        )
        model.coefficients[left] = solve(targets)
    return model


def _regression(features: Floats) -> Callable[[Floats], Floats]:
    """Ridge regression on these features, factorised once."""
    gram = features.T @ features
    gram += RIDGE * max(float(np.trace(gram)) / len(gram), 1e-12) * np.eye(len(gram))
    inverse = np.linalg.inv(gram)
    return lambda targets: inverse @ (features.T @ targets)
