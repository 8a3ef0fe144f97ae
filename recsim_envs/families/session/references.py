"""Policies that know the response model and the user's state: what the horizon gap is measured between.

"myopic" builds, video by video, the slate of the highest expected reward now, similarity, satiety and repeats counted
in; "myopic-no-repeat" does so without a video twice in a session. "rule-unlike" charges sameness more than it costs
now, by the same price for everybody at all times, as practice does (maximal marginal relevance, Carbonell & Goldstein,
SIGIR 1998): a habit, and no plan. "planner" maximises reward per temper spent, which is the return of a session in the
long run, counts in the satiety that its slate would bring if shown again and again, and takes what it can in the last
request.
Where temper falls by the clock it is the myopic policy: with so few requests to come, no foresight of 0.03 to 1 earned
more. All of them are deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Reference
from recsim_envs.families.session import kernel, planning

if TYPE_CHECKING:
    from recsim_envs.families.session.simulator import SessionSimulator

FORESIGHT: Final = 0.5
"""Share of a slate's lasting satiety that the planner counts in; by trial 0.3 and 1 return the same within 2 %."""
ROUNDS: Final = 3
"""Iterations of the planner's price of temper in each step; the price is carried from step to step."""
FIRST_PRICE: Final = 1.0

AVERSION: Final = 1.5
"""Price of sameness to "rule-unlike", in place of `rho` and `satiety`; of 0.5, 1, 1.5, 2 and 3 it returns most."""

POOL: Final = 20
_AUDIENCE: Final = 64


def policies(simulator: SessionSimulator) -> dict[str, Callable[[], Reference]]:
    """The makers of the reference policies of `simulator`, by name."""
    foresight, rounds = (0.0, 0) if simulator.rules.by_request else (FORESIGHT, ROUNDS)
    return {
        "myopic": lambda: SlateChooser(simulator),
        "myopic-no-repeat": lambda: SlateChooser(simulator, no_repeat=True),
        "rule-unlike": lambda: SlateChooser(simulator, aversion=AVERSION),
        "planner": lambda: SlateChooser(simulator, foresight=foresight, rounds=rounds),
    }


class SlateChooser:
    """Called before a step, the best slate of each lane: int64 (B, 6), zeros where a lane is over."""

    def __init__(
        self,
        simulator: SessionSimulator,
        *,
        foresight: float = 0.0,
        rounds: int = 0,
        no_repeat: bool = False,
        aversion: float | None = None,
    ) -> None:
        self._simulator, self._foresight, self._rounds = simulator, foresight, rounds
        rows, net, rules = simulator.world
        self._world = rows, net, rules if aversion is None else rules._replace(rho=aversion, satiety=aversion)
        lanes, width = simulator.num_lanes, simulator.model.num_items if no_repeat else 0
        self._barred = np.zeros((lanes, width), np.bool_)
        self._prices = np.full(lanes, FIRST_PRICE)

    def __call__(self) -> NDArray[np.int64]:
        """The slates for the sessions as they stand."""
        state, world = self._simulator.state, self._world
        slates = np.zeros((self._simulator.num_lanes, kernel.SLATE), np.int64)
        fresh = state.counts[kernel.STEPS] == 0
        self._prices[fresh], self._barred[fresh] = FIRST_PRICE, False
        planning.choose(*world, state, self._barred, self._foresight, self._rounds, self._prices, slates)
        if self._barred.size:
            np.put_along_axis(self._barred, slates, True, axis=1)
        return slates


def fixed_slates(simulator: SessionSimulator) -> NDArray[np.int64]:
    """Slates (POOL, 6) for a cycle shown to everybody: the best for the average of some users, no video twice.

    Half of them count the reward alone, half also what temper is worth.
    """
    audience = simulator.like(_AUDIENCE)
    audience.begin(np.arange(_AUDIENCE), rng.bits_array(0, np.arange(_AUDIENCE), rng.POLICY))
    rows, net, rules = simulator.world
    appraisal = np.zeros((planning.ROWS, simulator.model.num_items))
    planning.appraise_all(rows, net, rules, audience.state, appraisal)
    slates = np.zeros((POOL, kernel.SLATE), np.int64)
    worth, strain = np.empty((2, simulator.model.num_items))
    for start, price in ((0, 0.0), (POOL // 2, 0.0 if rules.by_request else FIRST_PRICE)):
        barred = np.zeros(simulator.model.num_items, np.bool_)
        for slate in slates[start : start + POOL // 2]:
            planning.build(net, rules, appraisal, price, FORESIGHT, barred, slate, worth, strain)
            barred[slate] = True
    return slates
