"""Searching the best fixed cycle: what a policy that knows the population, but no user, can gain.

A beam search: cycles grow by one action of the family's pool at a time, every extension of the best ones is played on
the same sessions of train users, and the best go on. What is left is played on more sessions and then improved by
exchanging one action at a time. All candidates of a round are played at once, one lane a session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.base import Simulator
from recsim_envs.policies import fixed_cycles, play

SESSIONS: Final = 48  # in which a candidate is tried
FINAL_SESSIONS: Final = 400  # in which the best of all lengths are compared
BEAM: Final = 6
LONGEST: Final = 12
PATIENCE: Final = 3  # lengths without an improvement after which the search ends
LANES: Final = 16_384  # sessions played at once

MakeSimulator = Callable[[int], Simulator]
Cycles = NDArray[np.int64]
"""Cycles of one length: (c, n), or (c, n, k) of slates."""


def best_cycle(make: MakeSimulator, seed: int = 0) -> Cycles:
    """The best cycle found, (n,) or (n, k); empty for a family whose items do not persist.

    `make` builds a simulator of train users with so many lanes. Deterministic in `seed`.
    """
    pool = make(1).cycle_pool()
    if not len(pool):
        return np.zeros(0, np.int64)
    search = _Search(make, pool, seed)
    winners = search.grow()
    values = [search.play(cycle[None], FINAL_SESSIONS)[0] for cycle in winners]
    return search.exchange(winners[int(np.argmax(values))])


class _Search:
    def __init__(self, make: MakeSimulator, pool: Cycles, seed: int) -> None:
        self._make, self._pool = make, pool
        self._root = rng.derive_seed("best-cycle", seed)
        self._simulators: dict[int, Simulator] = {}

    def grow(self) -> list[Cycles]:
        """The best cycle of each length."""
        beam, best, found, idle = self._pool[:, None], -np.inf, [], 0
        while idle < PATIENCE and beam.shape[1] <= LONGEST:
            values = self.play(beam, SESSIONS)
            order = np.argsort(-values, kind="stable")[:BEAM]
            idle = 0 if values[order[0]] > best else idle + 1
            best = max(best, float(values[order[0]]))
            found.append(beam[order[0]])
            beam = self._extended(beam[order])
        return found

    def _extended(self, beam: Cycles) -> Cycles:
        stems = np.repeat(beam, len(self._pool), axis=0)
        return np.concatenate([stems, np.tile(self._pool, (len(beam), *[1] * (self._pool.ndim - 1)))[:, None]], axis=1)

    def exchange(self, cycle: Cycles) -> Cycles:
        """The cycle after one round of exchanges: each place in turn takes the action that earns most there."""
        for place in range(len(cycle)):
            trials = np.repeat(cycle[None], len(self._pool) + 1, axis=0)
            trials[1:, place] = self._pool
            cycle = trials[int(self.play(trials, 2 * SESSIONS).argmax())]
        return cycle

    def play(self, cycles: Cycles, sessions: int) -> NDArray[np.float64]:
        """Mean return of each cycle over the same `sessions`: (c,)."""
        seeds = rng.bits_array(self._root, np.arange(sessions), rng.EPISODE) >> np.uint64(1)
        chunk = max(1, LANES // sessions)
        parts = [self._play(cycles[i : i + chunk], seeds) for i in range(0, len(cycles), chunk)]
        return np.concatenate(parts)

    def _play(self, cycles: Cycles, seeds: NDArray[np.uint64]) -> NDArray[np.float64]:
        lanes = len(cycles) * len(seeds)
        if lanes not in self._simulators:
            self._simulators[lanes] = self._make(lanes)
        simulator = self._simulators[lanes]
        every = np.repeat(cycles, len(seeds), axis=0)
        returns, _ = play(simulator, lambda: fixed_cycles(simulator, every), np.tile(seeds, len(cycles)))
        return returns.reshape(len(cycles), len(seeds)).mean(axis=1)
