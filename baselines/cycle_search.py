"""Finding a good fixed cycle with few training sessions: grow candidates, then halve them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from baselines.halving import SuccessiveHalving
from baselines.selection import allowed_items, categories_in_turn, ranking, replace_forbidden
from recsim_envs import rng
from recsim_envs.errors import BudgetExceededError
from recsim_envs.spec import Catalogue, TrainingEnvs

Slate = tuple[int, ...]
Cycle = tuple[int, ...] | tuple[Slate, ...]


class CycleSearch:
    """The search of `FixedCycleAgent`, within `episodes` training sessions, played one after another.

    First chains are grown, until there are enough or half of the sessions are used; one chain gets a quarter at
    most. A session shows a chain's items and then untried ones: an item that the user stays after joins the
    chain, one that they leave after is dropped, and so is an item of the chain once more users have left than
    stayed after it. Sessions start at each item of a chain in turn, since after a first item nobody leaves. The
    first chain tries the `pool` best items by popularity x mean reward, best first, the second those by mean
    reward, others both in random order. Then every prefix of a chain that has one of the `lengths` is a
    candidate, and successive halving by the return of whole sessions leaves one.

    Cycles of slates are not grown: users answer a slate whole, so there is no verdict on an item of it. Candidates are
    the first slates of each of `slate_lists`, as many as the `lengths` say and one alone; then they are halved.
    """

    def __init__(self, envs: TrainingEnvs, lengths: Sequence[int], pool: int, episodes: int, seed: int) -> None:
        self._lengths, self._seed = sorted(set(lengths)), seed
        self._episodes = episodes
        self._slate = envs.task.slate_size
        self._chains = max(1, SuccessiveHalving.affordable_arms(episodes - episodes // 2) // 2)
        catalogue = envs.task.catalogue
        self._scores = [catalogue.popularity * catalogue.mean_reward, catalogue.mean_reward]
        self._pools = [ranking(scores)[:pool] for scores in self._scores]
        self._lists = [] if self._slate is None else slate_lists(catalogue, self._slate, pool)
        self._visits = _Visits(envs, rng.derive_seed("fixed-cycle", seed))
        self.candidates: list[Cycle] = []
        self._halving: SuccessiveHalving | None = None

    def run(self) -> None:
        """Search until one candidate is left or the budget is spent."""
        with suppress(BudgetExceededError):
            if self._slate is None:
                self._grow_chains()
            else:
                self._cut_lists()
            self._halving = SuccessiveHalving(len(self.candidates), self._episodes - self._visits.sessions)
            while not self._halving.done:
                arm = self._halving.next()
                self._halving.record(arm, self._visits.play(self.candidates[arm]))
        self._visits.close()

    def best(self) -> tuple[Cycle, float | None, int]:
        """The cycle, its mean return in training (None if it was not yet tried) and the sessions behind that."""
        if self._halving is None:  # the budget did not reach the second half: the longest chain so far
            longest = max(self.candidates, key=len, default=(int(self._pools[0][0]),))
            return longest, None, 0
        arm = self._halving.best()
        count = self._halving.count(arm)
        return self.candidates[arm], self._halving.mean(arm) if count else None, count

    def _grow_chains(self) -> None:
        for chain in range(self._chains):
            self._grow(self._order(chain), max(1, self._episodes // 4))
            if self._visits.sessions >= self._episodes // 2:
                break

    def _cut_lists(self) -> None:
        for slates in self._lists:
            cuts = [tuple(slates[:n]) for n in (1, *self._lengths) if n <= len(slates)]
            self.candidates += [cut for cut in cuts if cut not in self.candidates]

    def _order(self, chain: int) -> list[int]:
        """The items that a chain tries, in order; ties, and from the third chain on everything, at random."""
        if chain < len(self._scores):
            items, scores = self._pools[chain], self._scores[chain][self._pools[chain]]
        else:
            items = np.unique(self._pools)
            scores = np.zeros(len(items))
        lots = rng.bits_array(self._seed, chain, rng.POLICY, items)
        return [int(i) for i in items[np.lexsort((lots, -scores))]]

    def _grow(self, order: list[int], sessions: int) -> None:
        chain, size = _Chain(order), self._lengths[-1]
        try:
            for _ in range(sessions):
                self._visits.extend(chain, size)
                if chain.trusted and (len(chain.items) == size or not chain.untried):
                    break
                chain.rotate()
        finally:  # also when the budget ends here
            items = chain.items
            prefixes = [tuple(items[:n]) for n in self._lengths if n <= len(items)] or [tuple(items)]
            self.candidates += [p for p in prefixes if p not in self.candidates]


def slate_lists(catalogue: Catalogue, size: int, pool: int) -> list[list[Slate]]:
    """The items of three lists in slates of `size`, at most `pool` slates of each, whole ones only
    (one that starts over where the catalogue does not fill it).

    By popularity x mean reward, by mean reward, and the categories in turn, each with its best rated item first.
    """
    rated = catalogue.mean_reward.astype(np.float64)
    orders = [ranking(catalogue.popularity * rated), ranking(rated), categories_in_turn(catalogue, rated)]
    orders = [np.resize(order, max(len(order), size)) for order in orders]
    pages = [order[: len(order) // size * size].reshape(-1, size)[:pool] for order in orders]
    return [[tuple(int(i) for i in slate) for slate in page] for page in pages]


class _Chain:
    """Items that users stay after one another, and how sure we are of each."""

    def __init__(self, order: list[int]) -> None:
        self.untried = deque(order[1:])
        self.items = order[:1]
        self._votes = {order[0]: 0}  # users who stayed minus users who left; nobody leaves after a first item

    @property
    def trusted(self) -> bool:
        """Whether of each item more users stayed than left, and some did."""
        return all(self._votes[item] > 0 for item in self.items)

    def rotate(self) -> None:
        """Let the next session start one item later."""
        self.items.append(self.items.pop(0))

    def judge(self, item: int, left: bool) -> None:
        """Count one user's verdict on an item that was not the first of their session."""
        self._votes[item] = self._votes.get(item, 0) + (-1 if left else 1)
        if not left and item not in self.items:
            self.items.append(item)
        elif self._votes[item] < 0 and item in self.items and len(self.items) > 1:
            self.items.remove(item)


class _Visits:
    """Training sessions one after another; raises `BudgetExceededError` when the budget is spent.

    sessions: how many have ended.
    """

    def __init__(self, envs: TrainingEnvs, seed: int) -> None:
        self._envs, self._vector = envs, envs.make(1)
        self.sessions = 0
        self._priority = envs.task.catalogue.mean_reward
        _, self._infos = self._vector.reset(seed=seed)

    def play(self, cycle: Cycle) -> float:
        """One session of a cycle; its return."""
        total, step, over = 0.0, 0, False
        while not over:
            reward, _, over = self._show(cycle[step % len(cycle)])
            total, step = total + reward, step + 1
        return total

    def extend(self, chain: _Chain, size: int) -> None:
        """One session that shows the chain and then untried items until it has `size`, and then starts over."""
        step, over = 0, False
        while not over:
            items = chain.items
            trial = step == len(items) < size and len(chain.untried) > 0
            item = chain.untried.popleft() if trial else items[step % len(items)]
            _, left, over = self._show(item)
            if 0 < step < size:  # later ones may be repeats that come too early, whatever the item
                chain.judge(item, left)
            step += 1

    def _show(self, item: int | Slate) -> tuple[float, bool, bool]:
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
