"""How small a difference a suite can see, and how many sessions it takes to see a given one.

The smallest detectable difference of a two-sided paired test is (t_(1 - alpha / 2) + t_power) standard errors of the
difference (Bloom, "Minimum detectable effects", Evaluation Review 19(5), 1995). More users shrink what users put into
that error; what training seeds put into it shrinks with seeds alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from leaderboard.stats.influence import Influence, influence
from leaderboard.stats.intervals import LEVEL
from leaderboard.stats.student import SeedLevel, t_quantile
from leaderboard.stats.sums import Sums

_MOST: Final = 2**30  # users


@dataclass(frozen=True)
class Detectable:
    """What a paired comparison of two agents can find.

    smallest: the difference that would be found with these sessions and seeds, None where nothing is known of their
    variation; needed: the sessions under each seed that would find `wanted`, None where no number would; note: why not.
    """

    sessions: int
    users: int
    seeds: int
    wanted: float
    smallest: float | None
    needed: int | None
    note: str = ""


def detectable(
    first: Sums, second: Sums, *, scale: float = 1.0, wanted: float = 0.05, power: float = 0.8, level: float = LEVEL
) -> Detectable:
    """What a comparison like that of `first` and `second` would find with probability `power`, above one half.

    The variation of these two is taken for that of what is to come; sums must be those of a metric whose denominator
    counts sessions. `scale` turns the metric into the unit of `wanted`: 1 / (oracle - random) makes R_traj a normalised
    score. `level` is that of one comparison; for k of them jointly 1 - (1 - level) / k is on the safe side.
    """
    sessions = round(float(first.denominator.sum()) / len(first.denominator))
    return detectable_of(
        influence(first, scale), influence(second, scale), sessions, wanted=wanted, power=power, level=level
    )


def detectable_of(
    one: Influence,
    other: Influence,
    sessions: int,
    *,
    wanted: float = 0.05,
    power: float = 0.8,
    level: float = LEVEL,
) -> Detectable:
    """`detectable` of figures that are linearised already, such as means over a suite (`average`).

    `sessions` are those of each agent under each training seed, over all tasks; where more are needed, it is more of
    every task alike.
    """
    users, tasks = len(one.users), len(one.blocks)
    known = sessions, users, min(one.num_seeds, other.num_seeds), wanted
    if users < 2 * tasks:
        return Detectable(*known, None, None, "one user: nothing is known of the variation")
    of_users = users * float(((one.users - other.users) ** 2).sum())
    seeds = tuple(seed for seed in (*one.seeds, *other.seeds) if seed.net)
    if of_users <= 0 and not seeds:
        return Detectable(*known, None, None, "no variation over users or training seeds")

    def smallest(count: int) -> float:
        return _smallest(of_users / count, count - tasks, seeds, power, level)

    needed = _fewest(lambda count: smallest(count) <= wanted, least=2 * tasks)
    note = "" if needed else "training seeds vary too much: more of them are needed, not more sessions"
    return Detectable(*known, smallest(users), math.ceil(needed * sessions / users) if needed else None, note)


def _smallest(of_users: float, freedom: int, seeds: tuple[SeedLevel, ...], power: float, level: float) -> float:
    """The difference found with probability `power`, given the variance that users put into its estimate."""
    total = of_users + sum(seed.net for seed in seeds)
    uncertain = of_users**2 / freedom + sum(seed.raw**2 / seed.freedom for seed in seeds)
    fewest = min([freedom, *(seed.freedom for seed in seeds)])
    of_total = max(fewest, total**2 / uncertain)  # Satterthwaite
    return (t_quantile(of_total, level) + t_quantile(of_total, 2 * power - 1)) * total**0.5


def _fewest(enough: Callable[[int], bool], least: int) -> int | None:
    """The smallest number of users from `least` on that is enough, by doubling and halving; None where none is."""
    high = least
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = max(least - 1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
