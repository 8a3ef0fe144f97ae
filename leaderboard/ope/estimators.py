"""Estimators of a policy's value from sessions that another policy played. Undiscounted, over at most T steps.

All work on `Sessions`: matrices of n sessions by T steps. rho[i, t] is the product of target / behaviour probabilities
of the actions up to and including step t; after a session's end it stays what it was and rewards are 0, as in a state
that is never left. `before` is rho shifted by one step, 1 at the first. q[i, t] is the model's value of the action
taken and v[i, t] that of the target policy's own actions, both of what remains; they are 0 after the end.

Each estimator is a sum over columns of a ratio of sums over sessions, so one bootstrap over sessions serves all.

    ips      sum_i rho_iT G_i / n                        Precup, Sutton & Singh, ICML 2000
    snips    sum_i rho_iT G_i / sum_i rho_iT             the same, weighted; Swaminathan & Joachims, NeurIPS 2015
    pdis     sum_i sum_t rho_it r_it / n                 Precup et al. 2000, per decision
    wpdis    sum_t [sum_i rho_it r_it / sum_i rho_it]    the same, weighted (Thomas, PhD thesis, 2015, section 3.7)
    dm       sum_i v_i0 / n                              the model alone: fitted Q evaluation (Le et al., ICML 2019)
    dr       sum_i [v_i0 + sum_t rho_it (r_it + v_i,t+1 - q_it)] / n         Jiang & Li, ICML 2016, unrolled
    wdr      dr with rho_it / sum_j rho_jt in place of rho_it / n, step by step   Thomas & Brunskill, ICML 2016
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leaderboard.schema import Estimate
from leaderboard.stats import CLUSTERS, LEVEL, constant, counts, interval

REPLICATES: Final = 1000
FEW: Final = 10
"""An effective number of sessions below which weights carry no estimate worth its interval."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sessions:
    """What estimators need of n sessions over T steps: float64 (n, T) each; see the module for their meaning."""

    rewards: Floats
    rho: Floats
    q: Floats | None = None
    v: Floats | None = None
    before: Floats = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", np.concatenate([np.ones((len(self.rho), 1)), self.rho[:, :-1]], axis=1))

    def model(self) -> tuple[Floats, Floats]:
        """The matrices q and v; raises `ValueError` where there are none."""
        if self.q is None or self.v is None:
            raise ValueError("this estimator needs a model: q and v")
        return self.q, self.v


class Sums(NamedTuple):
    """An estimate as sums: the estimate is the sum over columns of numerator / denominator, each (n, columns)."""

    numerator: Floats
    denominator: Floats


@dataclass(frozen=True)
class OffPolicyEstimate:
    """An estimate, its effective sample size (Kish, "Survey Sampling", 1965) and what is wrong with it.

    `estimate` is None where nothing can be said; `note` then says why. `ess` is NaN for the model alone.
    """

    name: str
    estimate: Estimate | None
    ess: float
    note: str = ""


def ips(s: Sessions) -> Sums:
    """Importance sampling of whole sessions."""
    weighted = s.rho[:, -1:] * s.rewards.sum(axis=1, keepdims=True)
    return Sums(weighted, np.ones_like(weighted))


def snips(s: Sessions) -> Sums:
    """The same, normalised by the weights themselves."""
    return Sums(ips(s).numerator, s.rho[:, -1:])


def pdis(s: Sessions) -> Sums:
    """Importance sampling step by step: a reward is weighted by what led to it only."""
    weighted = (s.rho * s.rewards).sum(axis=1, keepdims=True)
    return Sums(weighted, np.ones_like(weighted))


def wpdis(s: Sessions) -> Sums:
    """The same, each step normalised by its weights."""
    return Sums(s.rho * s.rewards, s.rho)


def dm(s: Sessions) -> Sums:
    """The model's value of the starts."""
    _, v = s.model()
    return Sums(v[:, :1], np.ones_like(v[:, :1]))


def dr(s: Sessions) -> Sums:
    """The model, corrected step by step where it errs on what was seen."""
    q, v = s.model()
    following = np.concatenate([v[:, 1:], np.zeros((len(v), 1))], axis=1)
    corrected = v[:, :1] + (s.rho * (s.rewards + following - q)).sum(axis=1, keepdims=True)
    return Sums(corrected, np.ones_like(corrected))


def wdr(s: Sessions) -> Sums:
    """The same with normalised weights."""
    q, v = s.model()
    return Sums(
        np.concatenate([s.rho * (s.rewards - q), s.before * v], axis=1), np.concatenate([s.rho, s.before], axis=1)
    )


ESTIMATORS: Final[dict[str, Callable[[Sessions], Sums]]] = {
    "ips": ips, "snips": snips, "pdis": pdis, "wpdis": wpdis, "dm": dm, "dr": dr, "wdr": wdr,
}  # fmt: skip
"""Name -> estimator."""


def value(sums: Sums) -> float:
    """The estimate itself; NaN where a denominator is 0."""
    return float(_ratio(sums.numerator.sum(axis=0), sums.denominator.sum(axis=0)))


def effective_size(rho: Floats) -> float:
    """How many equally weighted sessions the last weights are worth: (sum w)^2 / sum w^2, 0 where all are 0."""
    last = rho[:, -1]
    top = float(last.max(initial=0.0))
    if not 0 < top < np.inf:
        return 0.0
    scaled = last / top  # so that squares of large weights stay finite
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def evaluate(name: str, sessions: Sessions, *, replicates: int = REPLICATES, level: float = LEVEL) -> OffPolicyEstimate:
    """One estimator's value with its bootstrap interval over sessions; a model in it is held fixed.

    Where the weights of all sessions are zero there is no support, where they overflow no estimate; where they rest on
    one session there is no interval.
    """
    ess = float("nan") if name == "dm" else effective_size(sessions.rho)
    if name != "dm":
        if not np.isfinite(sessions.rho).all():
            return OffPolicyEstimate(name, None, 0.0, "weights overflow: no estimate")
        if ess == 0:
            return OffPolicyEstimate(name, None, 0.0, "no support: the target would have shown none of these sessions")
    sums = ESTIMATORS[name](sessions)
    found = value(sums)
    if not np.isfinite(found):
        return OffPolicyEstimate(name, None, ess, "undefined: no estimate")
    note = f"rests on {ess:.1f} sessions" if ess < FEW else ""
    drawn = _resampled(sums, replicates)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < 0.9 * replicates:
        return OffPolicyEstimate(
            name, Estimate(value=found, note="undefined in many resamples: no interval"), ess, note
        )
    if constant(drawn, found):
        return OffPolicyEstimate(name, Estimate(value=found, note="no variation over sessions: no interval"), ess, note)
    low, high = interval(drawn, found, level)
    return OffPolicyEstimate(name, Estimate(value=found, low=low, high=high), ess, note)


def _resampled(sums: Sums, replicates: int) -> Floats:
    """The estimate in each bootstrap replicate. Many sessions are dealt out to groups, which vary as they do."""
    size = min(len(sums.numerator), CLUSTERS)
    drawn = counts(size, replicates, "off-policy")
    return _ratio(*(drawn @ _grouped(part, size) for part in sums))


def _grouped(part: Floats, size: int) -> Floats:
    """Sums over `size` groups of sessions, every size-th together."""
    rest = np.zeros((-len(part) % size, part.shape[1]))
    return np.concatenate([part, rest]).reshape(-1, size, part.shape[1]).sum(axis=0)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The sum over the last axis of ratios."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sum(np.true_divide(numerator, denominator), axis=-1)
