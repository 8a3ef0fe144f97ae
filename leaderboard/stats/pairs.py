"""All pairs of agents at once: differences, their intervals, and which are told apart jointly.

Every pair is a hypothesis that two agents do as well. They are tested together by the step-down method of maxima:
the probability of telling any two apart that do as well is 5 %, whatever the dependence between pairs
(Westfall & Young, "Resampling-Based Multiple Testing", 1993, algorithm 2.8; Romano & Wolf, "Exact and approximate
stepdown methods for multiple hypothesis testing", JASA 100, 2005; computed as in Romano & Wolf, Statistics &
Probability Letters 113, 2016). Users are drawn as everywhere in `leaderboard.stats`, the same for all agents; what
training seeds add is drawn from the normal distribution, agent by agent. Few seeds leave their variance uncertain, and
many agents find the ones whose seeds happen to lie close: that variance is taken at its upper 75 % confidence limit,
and the statistic of a pair is Student's with Satterthwaite's degrees of freedom, turned into its normal equivalent.

Draws belong to users and to agents, not to the set of agents that is compared, and a pair is held against those pairs
alone that are less clear than itself. So an agent that is told apart from all others changes nothing between them, and
whoever joins or leaves can change what is told apart only near its limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leaderboard.stats.influence import Influence
from leaderboard.stats.intervals import LEVEL
from leaderboard.stats.student import SeedLevel, normal_equivalent, t_quantiles
from leaderboard.stats.sums import REPLICATES, Floats, apart, counts, users_of
from recsim_envs import rng

_LANES: Final = 32  # replicates that the kernel carries at once
_MOST_SIGNS: Final = 1000  # users beyond which the tail of the sign test is no longer a number
_NOTES: Final = {
    1: "one training seed: its share of the variation is not in this",
    2: "two training seeds: who differs between them is told apart from nobody",
}


@dataclass(frozen=True, eq=False)
class Pairs:
    """Agent i less agent j, paired by user: float64 (n, n), NaN where undefined and, but for `value`, on the diagonal.

    low, high: the interval of this one difference; p: adjusted for all pairs together; separate: bool, whether the two
    are told apart in that sense; note: why nothing is, or what is not in it.
    """

    value: Floats
    low: Floats
    high: Floats
    p: Floats
    separate: NDArray[np.bool_]
    note: str = ""

    def of(self, chosen: Sequence[int]) -> Pairs:
        """Some of the agents alone, in this order."""
        at = np.ix_(chosen, chosen)
        parts = {name: getattr(self, name)[at] for name in ("value", "low", "high", "p", "separate")}
        return Pairs(**parts, note=self.note)


def compare(
    agents: Sequence[Influence],
    level: float = LEVEL,
    replicates: int = REPLICATES,
    jointly: Sequence[int] | None = None,
) -> Pairs:
    """Compare agents on the same users: a thousand of them on thousands of users in seconds.

    `jointly` are the places of those whose pairs are tested together, None for all: others have no p and are told
    apart from nobody. Raises `ValueError` where they did not meet the same numbers of users.
    """
    if len({agent.blocks for agent in agents}) > 1:
        raise ValueError("agents can be compared only on the same users")
    values = np.array([agent.value for agent in agents])
    difference = apart(values[:, None], values[None, :])
    if not agents or min(agents[0].blocks) < 2:
        unknown = np.full_like(difference, np.nan)
        return Pairs(difference, unknown, unknown, unknown, np.zeros(difference.shape, bool), "one user: no comparison")
    users = np.stack([agent.users for agent in agents])
    products = users @ users.T
    half = _half_width(*_errors(agents, products, [agent.seeds for agent in agents]), level)
    p, tested = np.full_like(difference, np.nan), list(range(len(agents)) if jointly is None else jointly)
    if tested:
        at = np.ix_(tested, tested)
        p[at] = _jointly([agents[n] for n in tested], users[tested], products[at], difference[at], replicates)
    return Pairs(
        value=difference,
        low=difference - half,
        high=difference + half,
        p=p,
        separate=p < 1 - level,
        note=_NOTES.get(min(agent.num_seeds for agent in agents), ""),
    )


def _errors(
    agents: Sequence[Influence], products: Floats, seeds: Sequence[Sequence[SeedLevel]]
) -> tuple[Floats, Floats]:
    """Standard error of each difference, and its degrees of freedom: (n, n) each. Agents' seeds are independent.

    products: of the influences of every two agents, summed over users, (n, n).
    """
    own = products.diagonal()
    of_users = own[:, None] + own[None, :] - 2 * products
    of_users[of_users <= 1e-12 * (own[:, None] + own[None, :])] = 0.0  # what rounding leaves of nothing
    adding = [[seed for seed in of_agent if seed.net] for of_agent in seeds]
    of_seeds = np.array([sum(seed.net for seed in of_agent) for of_agent in adding])
    total = of_users + of_seeds[:, None] + of_seeds[None, :]
    most = sum(agents[0].blocks) - len(agents[0].blocks)
    uncertain = np.array([sum(seed.raw**2 / seed.freedom for seed in of_agent) for of_agent in adding])
    fewest = np.array([min([most, *(seed.freedom for seed in of_agent)]) for of_agent in adding])
    with np.errstate(invalid="ignore"):
        freedom = total**2 / (of_users**2 / most + uncertain[:, None] + uncertain[None, :])
    least = np.minimum(fewest[:, None], fewest[None, :])
    return np.sqrt(total), np.where(total > 0, np.maximum(freedom, least), most)


def _half_width(error: Floats, freedom: Floats, level: float) -> Floats:
    """Of the interval of each difference by itself; NaN where there is none."""
    return np.where((error > 0) & ~np.eye(len(error), dtype=bool), t_quantiles(freedom, level) * error, np.nan)


def _jointly(
    agents: Sequence[Influence], users: Floats, products: Floats, difference: Floats, replicates: int
) -> Floats:
    """P values of all pairs, adjusted for one another: (n, n), NaN where undefined and on the diagonal."""
    seeds = [[seed.cautious() for seed in agent.seeds] for agent in agents]
    error, freedom = _errors(agents, products, seeds)
    by_signs = 2.0 ** (1 - min(users.shape[1], _MOST_SIGNS))
    difference = np.where(_alike(difference, error, products.diagonal()), 0.0, difference)
    clear = _clearness(difference, error, freedom, by_signs)
    p = _adjusted(clear, error, _replicates(agents, users, seeds, replicates))
    constant = (error == 0) & (np.abs(difference) > 0)
    p[constant] = np.fmax(p, min(1.0, by_signs * constant.sum() / 2))[constant]
    return p


def _alike(difference: Floats, error: Floats, own: Floats) -> NDArray[np.bool_]:
    """Pairs whose differences are so nearly the same for every user that their error is lost in rounding, and that
    differ by so little that such an error could explain it: nobody can say that one of them is better. own: the
    variance of each figure over users, (n,).
    """
    return (error == 0) & (np.abs(difference) <= 1e-4 * np.sqrt(own[:, None] + own[None, :]))


def _clearness(difference: Floats, error: Floats, freedom: Floats, by_signs: float) -> Floats:
    """How clear each difference is by itself, as a normal deviate (n, n); NaN where it is undefined.

    A difference that is the same for every user has no variance to be tested by: its tail is that of the sign test.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        clear = normal_equivalent(difference / error, freedom)
    constant = np.where(difference == 0, 0.0, -NormalDist().inv_cdf(by_signs / 2))
    return np.where(error > 0, clear, np.where(np.isnan(difference), np.nan, constant))


def _replicates(
    agents: Sequence[Influence], users: Floats, seeds: Sequence[Sequence[SeedLevel]], replicates: int
) -> NDArray[np.float32]:
    """How far each agent's figure moves in each replicate: (n, replicates)."""
    moved, start = np.zeros((len(agents), replicates)), 0
    for task, size in enumerate(agents[0].blocks):
        drawn = counts(size, replicates, users_of(task))
        moved += users[:, start : start + size] @ drawn.T
        start += size
    seen: Counter[str] = Counter()
    keys = []
    for agent in agents:
        keys.append(rng.derive_seed("bootstrap", "seeds", agent.stream, seen[agent.stream]))
        seen[agent.stream] += 1
    of_seeds = np.array([sum(seed.net for seed in of_agent) for of_agent in seeds]) ** 0.5
    varying = of_seeds > 0
    drawn_seeds = rng.normal_array(
        np.array(keys, np.uint64)[varying, None], np.arange(replicates)[None, :], rng.EPISODE
    )
    moved[varying] += of_seeds[varying, None] * drawn_seeds
    return moved.astype(np.float32)


def _adjusted(clear: Floats, error: Floats, moved: NDArray[np.float32]) -> Floats:
    """P values of all pairs, adjusted step by step from the clearest down: (n, n), NaN where undefined."""
    first, second = np.nonzero(np.tri(len(clear), k=-1, dtype=bool) & ~np.isnan(clear))
    order = np.argsort(clear[first, second], kind="stable")
    first, second = first[order], second[order]
    of_pair = error[first, second]
    scale = np.divide(1.0, of_pair, out=np.zeros_like(of_pair), where=of_pair > 0).astype(np.float32)
    limit, exceeding = clear[first, second].astype(np.float32), np.zeros(len(order), np.int64)
    for start in range(0, moved.shape[1], _LANES):
        _count_exceeding(first, second, scale, limit, np.ascontiguousarray(moved[:, start : start + _LANES]), exceeding)
    found = (1 + exceeding) / (1 + moved.shape[1])
    p = np.full(clear.shape, np.nan)
    p[first, second] = p[second, first] = np.maximum.accumulate(found[::-1])[::-1]
    return p


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count_exceeding(first: Any, second: Any, scale: Any, limit: Any, moved: Any, exceeding: Any) -> None:
    """Add, for each pair from the least clear on, in how many replicates any pair so far reaches its limit."""
    largest = np.zeros(moved.shape[1], np.float32)
    for k in range(len(first)):
        a, b = moved[first[k]], moved[second[k]]
        count = 0
        for r in range(len(largest)):
            largest[r] = max(largest[r], abs(a[r] - b[r]) * scale[k])
            count += largest[r] >= limit[k]
        exceeding[k] += count
