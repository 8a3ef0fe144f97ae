"""Policies that know every user of the departure family: two that look one step ahead, and one that plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.families.base import Reference
from recsim_envs.families.departure.planning import best_cycle, best_packing

if TYPE_CHECKING:
    from recsim_envs.families.departure.simulator import DepartureSimulator

POOL: Final = 96  # how many of a user's best items a cycle is sought in first; widened fourfold until one is found
MAX_POOL: Final = 1536
NODE_LIMIT: Final = 2000  # branch-and-bound nodes of one search
HASTY_LIMIT: Final = 100  # where every plan lasts one step; longer searches found no better sessions
CHUNK: Final = 512  # lanes whose opinions of the whole catalogue are held at once, fewer where that is more than
HELD: Final = 1 << 25  # opinions, 128 MiB


class Opinions:
    """What users would give every item now, kept while a user stays where nothing else moves it and there is room."""

    def __init__(self, simulator: DepartureSimulator) -> None:
        shape = simulator.num_lanes, simulator.world.num_items
        keeps = simulator.settled and shape[0] * shape[1] <= HELD
        self._simulator, self._kept = simulator, np.empty(shape if keeps else (0, 0), np.float32)
        self._users = np.full(simulator.num_lanes, -1)  # whose opinions are kept

    def of(self, lanes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Those in these lanes: float32 (len(lanes), n_items), the caller's own."""
        if not len(self._kept):
            return self._simulator.opinions(lanes)
        users = self._simulator.user_ids()[lanes]
        new = lanes[self._users[lanes] != users]
        if len(new):
            self._kept[new] = self._simulator.opinions(new)
            self._users[lanes] = users
        return self._kept[lanes]


class Myopic:
    """The item that pays most now; without `repeats`, among those that this session has not shown.

    Where the step of leaving earns nothing, an item that makes the user leave pays nothing, so it is avoided.
    """

    def __init__(self, simulator: DepartureSimulator, repeats: bool) -> None:
        shape = (simulator.num_lanes, simulator.world.num_items)
        self._simulator, self._seen = simulator, None if repeats else np.zeros(shape, np.bool_)
        self._opinions = Opinions(simulator)

    def __call__(self) -> NDArray[np.int64]:
        """One item a lane (B,)."""
        sim, rows = self._simulator, np.flatnonzero(~self._simulator.over)
        actions = np.zeros(sim.num_lanes, np.int64)
        forbidden = sim.forbidden()
        if self._seen is not None:
            self._seen[sim.steps == 0] = False
            forbidden = self._seen if forbidden is None else self._seen | forbidden
        actions[rows] = dearest(sim, self._opinions, rows, forbidden, staying=not sim.rules.leaving_pays)
        if self._seen is not None:
            self._seen[rows, actions[rows]] = True
        return actions


class Staying:
    """The item that pays most of those that do not make the user leave: a rule that looks one step ahead, no plan."""

    def __init__(self, simulator: DepartureSimulator) -> None:
        self._simulator, self._opinions = simulator, Opinions(simulator)

    def __call__(self) -> NDArray[np.int64]:
        """One item a lane (B,)."""
        sim = self._simulator
        rows, actions = np.flatnonzero(~sim.over), np.zeros(sim.num_lanes, np.int64)
        actions[rows] = dearest(sim, self._opinions, rows, sim.forbidden(), staying=True)
        return actions


class Planner:
    """The best cycle of window + 1 items that the rule allows, round and round; without repeats, a careful walk.

    Where the plan's next item would make the user leave, or may not be shown, and where there is no plan, the
    dearest item that keeps the user takes its place. The last step needs no care if leaving pays. Plans are made
    when a session begins and made anew when tastes or the catalogue have changed: changes to come are not foreseen.
    Where every item moves tastes (sequential reward models) that is at every step: what an item will do to the rewards
    of those after it is not part of the plan, which is no bound there.
    """

    def __init__(self, simulator: DepartureSimulator) -> None:
        self._simulator, self._opinions, rules = simulator, Opinions(simulator), simulator.rules
        off = rules.leave_by == "distance" and rules.threshold == 0
        size = 1 if off else min(rules.window + 1, rules.horizon)
        self._plans = np.full((simulator.num_lanes, size), -1, np.int64)
        catalogue = simulator.world.catalogue
        self._nodes = HASTY_LIMIT if simulator.world.rewards.sequential else NODE_LIMIT
        self._member = catalogue.category_matrix().astype(np.int64) if rules.leave_by == "category" else None

    def __call__(self) -> NDArray[np.int64]:
        """One item a lane (B,)."""
        sim, rules = self._simulator, self._simulator.rules
        forbidden, steps = sim.forbidden(), sim.steps
        if not rules.no_repeat:
            for lane in np.flatnonzero(sim.changed()).tolist():
                self._plans[lane] = self._plan(lane, None if forbidden is None else forbidden[lane])
        actions = self._plans[np.arange(len(steps)), steps % self._plans.shape[1]]
        follow = (actions >= 0) & sim.stays(np.maximum(actions, 0))
        if forbidden is not None:
            follow &= ~forbidden[np.arange(len(steps)), actions]
        last = (steps == rules.horizon - 1) & rules.leaving_pays
        for rows, staying in ((~follow & ~last, True), (last, False)):
            lanes = np.flatnonzero(rows & ~sim.over)
            actions[lanes] = dearest(sim, self._opinions, lanes, forbidden, staying=staying)
        return np.maximum(actions, 0)

    def _plan(self, lane: int, forbidden: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Items of one cycle in order, -1 where it is shorter than a block."""
        rules, values = self._simulator.rules, self._opinions.of(np.array([lane]))[0]
        usable = values >= rules.r_min
        if forbidden is not None:
            usable &= ~forbidden
        order = np.flatnonzero(usable)
        order = order[np.argsort(-values[order], kind="stable")]
        size, found = self._plans.shape[1], np.zeros(0, np.int64)
        pool = max(POOL, 2 * size)
        while len(found) < size:
            found = self._block(order[:pool], values)
            if pool >= min(len(order), MAX_POOL):
                break
            pool *= 4
        return np.concatenate([found, np.full(size - len(found), -1)])

    def _block(self, items: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.int64]:
        rules, size = self._simulator.rules, self._plans.shape[1]
        if self._member is not None:
            room = rules.category_limit + 1
            return items[best_packing(values[items], self._member[items], size, room, self._nodes)]
        vectors = np.asarray(self._simulator.world.arrays["vectors"])[items]
        return items[best_cycle(values[items], vectors, size, rules.threshold, self._nodes)]


def dearest(
    simulator: DepartureSimulator,
    opinions: Opinions,
    rows: NDArray[np.int64],
    forbidden: NDArray[np.bool_] | None,
    *,
    staying: bool,
) -> NDArray[np.int64]:
    """The item of the highest reward in these lanes (len(rows),); if `staying`, of those that do not end the session.

    Where no such item is left, the dearest that is not `forbidden` (B, n_items).
    """
    out, actions = np.zeros(len(rows), np.int64), np.zeros(simulator.num_lanes, np.int64)
    chunk = max(1, min(CHUNK, HELD // simulator.world.num_items))
    for start in range(0, len(rows), chunk):
        lanes = rows[start : start + chunk]
        values = opinions.of(lanes)
        if forbidden is not None:
            values[forbidden[lanes]] = -np.inf
        found = out[start : start + chunk]
        found[:] = values.argmax(axis=1)
        if staying:
            actions[lanes] = found
            leave = np.flatnonzero(~simulator.stays(actions)[lanes])
            better = simulator.dearest_staying(lanes[leave], values[leave])
            found[leave] = np.where(better >= 0, better, found[leave])
    return out


def makers(simulator: DepartureSimulator) -> dict[str, Callable[[], Reference]]:
    """The reference policies of the family by name, as `Simulator.references` returns them."""
    return {
        "myopic": lambda: Myopic(simulator, repeats=True),
        "myopic-no-repeat": lambda: Myopic(simulator, repeats=False),
        "rule-staying": lambda: Staying(simulator),
        "planner": lambda: Planner(simulator),
    }
