"""From a log and a target policy to what estimators need."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from leaderboard.ope.estimators import Sessions
from leaderboard.ope.fqe import fit, products
from leaderboard.ope.judged import Judged, judge, state_features
from recsim_envs.offline.log import OfflineLog
from recsim_envs.offline.spec import EPSILON

FOLDS: Final = 2

Floats = NDArray[np.float64]


def sessions_of(log: OfflineLog, target: str, *, epsilon: float = EPSILON, steps: int | None = None) -> Sessions:
    """The log's sessions under the named target policy, over their first `steps`, else to their ends.

    The model that judges a session was fitted to the other half of the sessions (cross-fitting; Chernozhukov et al.,
    "Double/debiased machine learning", The Econometrics Journal 21(1), 2018): it owes nothing to what it corrects.
    """
    horizon = min(steps or log.facts["horizon"], log.facts["horizon"])
    judged = judge(log, target, epsilon)
    q, v = _model(log, judged, horizon)
    width = min(horizon, int(log.lengths.max()))
    with np.errstate(divide="ignore", over="ignore"):
        rho = np.exp(np.cumsum(_dense(log, np.log(judged.ratios), width), axis=1))
    return Sessions(
        rewards=_dense(log, log.rewards.astype(np.float64), width),
        rho=rho,
        q=_dense(log, q, width),
        v=_dense(log, v, width),
    )


def _model(log: OfflineLog, judged: Judged, horizon: int) -> tuple[Floats, Floats]:
    """The model's values of the actions taken and of the target's own: float64 (rows,) each."""
    states, steps = state_features(log), log.steps()
    taken, own = products(states, judged.shown), products(states, judged.expected)
    last, rewards = log.last_rows(), log.rewards.astype(np.float64)
    capped = last & ~log.terminated[log.sessions()] & (steps + 1 == log.facts["horizon"])
    fold = log.sessions() % FOLDS
    q, v = np.zeros(len(steps)), np.zeros(len(steps))
    for number in range(FOLDS):
        # Of one session alone there is no other half.
        learn = (fold != number) if len(log) >= FOLDS else np.ones(len(fold), np.bool_)
        model = fit(taken[learn], own[learn], rewards[learn], last[learn], capped[learn], horizon)
        rows = fold == number
        q[rows] = model.values(taken[rows], horizon - steps[rows])
        v[rows] = model.values(own[rows], horizon - steps[rows])
    return q, v


def _dense(log: OfflineLog, values: Floats, width: int) -> Floats:
    """Rows as a matrix (n, width), 0 after each session's end."""
    steps = log.steps()
    inside = steps < width
    matrix = np.zeros((len(log), width))
    matrix[log.sessions()[inside], steps[inside]] = values[inside]
    return matrix
