"""What no policy of the departure family can exceed, from the true rewards of a session's user.

A session in which nobody leaves consists of windows of W + 1 steps, each a block that the rule allows. Of that the
bounds keep, by distance, that a block holds no item twice, and by category, that none occurs in it more than
`category_limit` + 1 times. They ignore everything else, and that rewards below `r_min` end a session.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsim_envs.families.departure.rules import Rules

ROUNDS = 200  # subgradient steps for the prices of the categories; any number gives a bound


def session_bounds(rewards: NDArray[np.float32], member: NDArray[np.int64], rules: Rules) -> NDArray[np.float64]:
    """The bound of each user, float64 (b,), from rewards (b, n) and how often an item has each category (n, c).

    Where leaving pays, the last step may be the dearest item, whatever the rule says.
    """
    gains = np.maximum(rewards.astype(np.float64), 0.0)
    last = gains.max(axis=1) if rules.leaving_pays and rules.leaves else np.zeros(len(gains))
    steps = rules.horizon - bool(rules.leaving_pays and rules.leaves)
    if rules.leave_by == "category" and rules.leaves:
        return last + np.array([_by_category(row, member, steps, rules) for row in gains])
    period = rules.window + 1 if rules.threshold > 0 and rules.leave_by == "distance" else 1
    best = -np.sort(-gains, axis=1)
    places = np.arange(steps) if rules.no_repeat else np.arange(steps) % period
    return last + best[:, places].sum(axis=1)


def _by_category(gains: NDArray[np.float64], member: NDArray[np.int64], steps: int, rules: Rules) -> float:
    block, room = rules.window + 1, rules.category_limit + 1
    whole, rest = divmod(steps, block)
    if rules.no_repeat:  # all different, and no category more often than all blocks together allow
        return packing_bound(gains, member, steps, room * (whole + (rest > 0)), copies=1)
    total = whole * packing_bound(gains, member, block, room, copies=room) if whole else 0.0
    return total + (packing_bound(gains, member, rest, room, copies=room) if rest else 0.0)


def packing_bound(
    gains: NDArray[np.float64], member: NDArray[np.int64], size: int, capacity: int, copies: int
) -> float:
    """No `size` items, each at most `copies` times and no category more than `capacity` times, gain more.

    Weak duality: at any prices of the categories, what the best items gain beyond their prices, plus the price of all
    room. Subgradient steps look for prices that make that small.
    """
    prices, best, number = np.zeros(member.shape[1]), np.inf, min(-(-size // copies), len(gains))
    for k in range(ROUNDS):
        worth = np.maximum(gains - member @ prices, 0.0)
        order = np.argpartition(-worth, number - 1)[:number]
        chosen = np.repeat(order[np.argsort(-worth[order], kind="stable")], copies)[:size]
        best = min(best, float(prices.sum() * capacity + worth[chosen].sum()))
        excess = member[chosen].sum(axis=0) - capacity
        prices = np.maximum(prices + excess * gains.max() * 0.3 / (k + 3), 0.0)
    return best
