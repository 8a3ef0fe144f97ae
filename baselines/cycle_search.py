"""Finding a good fixed cycle with few training sessions: grow candidates, then halve them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.halving import SuccessiveHalving
from baselines.selection import allowed_items, ranking, replace_forbidden
from recsim_envs import rng
from recsim_envs.errors import BudgetExceededError
from recsim_envs.spec import Catalogue, TrainingEnvs


class CycleSearch:
    """The search of `FixedCycleAgent`, within `episodes` training sessions, played one after another.

    First chains are grown, until there are enough or half of the sessions are used; one chain gets a quarter at
    most. A session shows a chain's items and then untried ones: an item that the user stays after joins the
    chain, one that they leave after is dropped. The first chain tries the `pool` best items by popularity x mean
    reward, best first, the second those by mean reward, others both in random order. Then every prefix of a
    chain that has one of the `lengths` is a candidate, and successive halving by the return of whole sessions
    leaves one.
    """

    def __init__(self, envs: TrainingEnvs, lengths: Sequence[int], pool: int, episodes: int, seed: int) -> None:
        self._lengths, self._seed = sorted(set(lengths)), seed
        self._episodes = episodes
        self._chains = max(1, SuccessiveHalving.affordable_arms(episodes - episodes // 2) // 2)
        self._by_appeal = ranking(appeal(envs.task.catalogue))[:pool]
        self._by_reward = ranking(envs.task.catalogue.mean_reward)[:pool]
        self._visits = _Visits(envs, rng.derive_seed("fixed-cycle", seed))
        self.candidates: list[tuple[int, ...]] = []
        self._halving: SuccessiveHalving | None = None

    def run(self) -> None:
        """Search until one candidate is left or the budget is spent."""
        with suppress(BudgetExceededError):
            for chain in range(self._chains):
                self._grow(self._order(chain), max(1, self._episodes // 4))
                if self._visits.sessions >= self._episodes // 2:
                    break
            self._halving = SuccessiveHalving(len(self.candidates), self._episodes - self._visits.sessions)
            while not self._halving.done:
                arm = self._halving.next()
                self._halving.record(arm, self._visits.play(self.candidates[arm]))
        self._visits.close()

    def best(self) -> tuple[tuple[int, ...], float | None, int]:
        """The cycle, its mean return in training (None if it was not yet tried) and the sessions behind that."""
        if self._halving is None:  # the budget did not reach the second half: the longest chain so far
            longest = max(self.candidates, key=len, default=tuple(self._by_appeal[: self._lengths[0]].tolist()))
            return longest, None, 0
        arm = self._halving.best()
        count = self._halving.count(arm)
        return self.candidates[arm], self._halving.mean(arm) if count else None, count

    def _order(self, chain: int) -> list[int]:
        if chain < 2:
            return [int(i) for i in (self._by_appeal, self._by_reward)[chain]]
        union = np.union1d(self._by_appeal, self._by_reward)
        return [int(i) for i in union[np.argsort(rng.bits_array(self._seed, chain, rng.POLICY, union), kind="stable")]]

    def _grow(self, order: list[int], sessions: int) -> None:
        chain, untried = order[:1], deque(order[1:])
        try:
            for _ in range(sessions):
                self._visits.extend(chain, untried, self._lengths[-1])
                if len(chain) == self._lengths[-1] or not untried:
                    break
        finally:  # also when the budget ends here
            prefixes = [tuple(chain[:n]) for n in self._lengths if n <= len(chain)] or [tuple(chain)]
            self.candidates += [p for p in prefixes if p not in self.candidates]


class _Visits:
    """Training sessions one after another; raises `BudgetExceededError` when the budget is spent.

    sessions: how many have ended.
    """

    def __init__(self, envs: TrainingEnvs, seed: int) -> None:
        self._envs, self._vector = envs, envs.make(1)
        self.sessions = 0
        self._priority = envs.task.catalogue.mean_reward
        _, self._infos = self._vector.reset(seed=seed)

    def play(self, cycle: Sequence[int]) -> float:
        """One session of a cycle; its return."""
        total, step, over = 0.0, 0, False
        while not over:
            reward, _, over = self._show(cycle[step % len(cycle)])
            total, step = total + reward, step + 1
        return total

    def extend(self, chain: list[int], untried: deque[int], size: int) -> None:
        """One session that shows `chain`, appends what the user stays after up to `size`, then starts over."""
        step, over = 0, False
        while not over:
            trial = step == len(chain) < size and len(untried) > 0
            item = untried.popleft() if trial else chain[step % len(chain)]
            _, left, over = self._show(item)
            if trial and not left:
                chain.append(item)
            step += 1

    def _show(self, item: int) -> tuple[float, bool, bool]:
        """Reward, whether the user left, whether the session is over."""
        if self._envs.spent():
            raise BudgetExceededError("the training budget is spent")
        action = replace_forbidden(np.array([item]), self._priority, allowed_items(self._infos))
        _, rewards, terminated, truncated, self._infos = self._vector.step(action)
        over = bool(terminated[0] or truncated[0])
        self.sessions += over
        return float(rewards[0]), bool(terminated[0]), over

    def close(self) -> None:
        self._vector.close()


def appeal(catalogue: Catalogue) -> NDArray[Any]:
    """Popularity x mean logged reward of every item, float64 (n_items,)."""
    return catalogue.popularity.astype(np.float64) * catalogue.mean_reward
