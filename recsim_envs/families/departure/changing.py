"""`ChangingDepartureSimulator`: the departure family where users or the catalogue do not stay what they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.families.actions import integers
from recsim_envs.families.base import Step
from recsim_envs.families.departure import kernel
from recsim_envs.families.departure.simulator import DepartureSimulator
from recsim_envs.families.options import integer, number
from recsim_envs.worlds.world import MAX_HORIZON, World

COHORTS: Final = 10  # equal parts of the catalogue that come and go together
ON_OFFER: Final = 6  # of them at any time

_FRIEND: Final = rng.FAMILY  # whom a user comes to resemble
_TURN: Final = rng.FAMILY + 1  # when, category by category
_SEASON: Final = rng.FAMILY + 2  # at which point of the catalogue's year a session begins
_COHORT: Final = rng.FAMILY + 3  # to which cohort an item belongs: the same for all sessions


class ChangingDepartureSimulator(DepartureSimulator):
    """Train and test users who differ, users whose interests drift, items that come and go.

    Arguments beside those of `DepartureSimulator`, each 0 by default, which switches it off:
        shift: how far train and test users differ, 0 to 1;
        drift: after how many steps some interests turn into somebody else's;
        churn: after how many steps a tenth of the catalogue goes and another one comes.
    Raises `ConfigurationError` also for a catalogue that is too small for churn.
    """

    def __init__(
        self,
        num_lanes: int,
        *,
        split: str = "train",
        shift: float = 0.0,
        drift: int = 0,
        churn: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(num_lanes, split=split, **options)
        self.shift = number("shift", shift, 0.0, 1.0)
        self.drift = integer("drift", drift, 0, MAX_HORIZON)
        self.churn = integer("churn", churn, 0, MAX_HORIZON)
        self._pool = self._users  # whom users may come to resemble
        self._users = np.ascontiguousarray(shifted(self.world, self._users, split, self.shift))
        mains = np.asarray(self.world.arrays["category_indptr"])[:-1]
        self._main = np.asarray(self.world.arrays["category_ids"])[mains].astype(np.int64)
        self._own, self._friend = np.zeros((2, self.num_lanes), np.int32)
        self._turns = np.zeros((self.num_lanes, len(self.world.info.category_names)), np.int64)
        self._season = np.zeros(self.num_lanes, np.int64)
        self._open = self._calendar()

    def _calendar(self) -> NDArray[np.bool_]:
        """Which items are on offer in each season, bool (COHORTS, n_items); everything without churn."""
        items = self.world.num_items
        if not self.churn:
            return np.ones((COHORTS, items), np.bool_)
        cohort = rng.below_array(COHORTS, rng.derive_seed("churn"), 0, _COHORT, np.arange(items))
        on_offer: NDArray[np.bool_] = (cohort - np.arange(COHORTS)[:, None]) % COHORTS < ON_OFFER
        fewest, needed = int(on_offer.sum(axis=1).min()), self.horizon if self.rules.no_repeat else 1
        if fewest < needed:
            raise ConfigurationError(
                f"churn leaves {fewest} of {items} items on offer in some season, protocol {self.rules.protocol} needs "
                f"{needed}; pass a smaller horizon or churn=0"
            )
        return on_offer

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start sessions, and draw what will change in them."""
        super().begin(lanes, seeds)
        self._own[lanes] = self._state[kernel.USER, lanes]
        self._season[lanes] = rng.below_array(COHORTS, seeds, 0, _SEASON)
        if self.drift:
            phases = -(-self.horizon // self.drift)
            categories = np.arange(self._turns.shape[1])
            self._friend[lanes] = self._pool[rng.below_array(len(self._pool), seeds, 0, _FRIEND)]
            turns = 1 + rng.below_array(phases, seeds[:, None], 0, _TURN, categories)
            self._turns[lanes] = self.drift * turns

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by one item a lane. An item that is not on offer is not shown: the step passes and earns nothing."""
        actions = integers(actions, (self.num_lanes,), f"item ids 0..{self.world.num_items - 1}")
        if not self.churn:
            with self._speaking(actions):
                return super().step(actions)
        known = (actions >= 0) & (actions < self.world.num_items) & ~self.over
        missed = known & ~self._open[self._seasons(), np.where(known, actions, 0)]
        self._state[kernel.CAUSE, missed] = kernel.IDLE  # looks away while the others' step is taken
        try:
            with self._speaking(actions):
                rewards, *flags = super().step(actions)
        finally:
            self._state[kernel.CAUSE, missed] = kernel.RUNNING
        both = np.stack(flags)
        kernel.pass_by(missed, self.horizon, self._state, self._items, self._earned, both)
        return Step(rewards, both[0], both[1])

    def _seasons(self) -> NDArray[np.int64]:
        return (self._season + self.steps // max(self.churn, 1)) % COHORTS

    @contextmanager
    def _speaking(self, actions: NDArray[np.int64]) -> Iterator[None]:
        """For a while the user of each lane is the one whose opinion of the action counts: it may be the friend's."""
        if not self.drift:
            yield
            return
        category = self._main[np.clip(actions, 0, self.world.num_items - 1)]
        turned = self.steps >= self._turns[np.arange(self.num_lanes), category]
        self._state[kernel.USER] = np.where(turned, self._friend, self._own)
        try:
            yield
        finally:
            self._state[kernel.USER] = self._own

    def _rewards_of(self, actions: NDArray[np.int64]) -> NDArray[np.float32]:
        with self._speaking(actions):
            return super()._rewards_of(actions)

    @property
    def settled(self) -> bool:
        """Whether what users would give hangs on nothing but who they are."""
        return super().settled and not self.drift

    def opinions(self, lanes: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the users in these lanes would give every item now: float32 (len(lanes), n_items)."""
        own = super().opinions(lanes)
        if not self.drift:
            return own
        turned = (self.steps[lanes, None] >= self._turns[lanes])[:, self._main]
        return np.where(turned, self._opinions_of(self._friend[lanes], lanes), own)

    def changed(self) -> NDArray[np.bool_]:
        """Running lanes that have begun, whose interests have turned or whose catalogue has changed."""
        now = super().changed()
        for period in (self.drift, self.churn):
            now |= self.steps % period == 0 if period else False
        return now & ~self.over

    def forbidden(self) -> NDArray[np.bool_] | None:
        """Items not on offer or, where repeats are forbidden, shown already (B, n_items); None where all may be."""
        shown = super().forbidden()
        if not self.churn:
            return shown
        closed = ~self._open[self._seasons()]
        return closed if shown is None else closed | shown

    def infos(self) -> dict[str, NDArray[Any]]:
        """`action_mask` int8 (B, n_items), 1 where an item may be shown, with churn or where repeats are forbidden."""
        forbidden = self.forbidden()
        return {} if forbidden is None else {"action_mask": (~forbidden).view(np.int8)}

    def hidden(self) -> dict[str, Any]:
        """The hidden state; with drift also whom each user will resemble, and from which step on (B, categories)."""
        changes = {"friend": self._friend.astype(np.int64), "turns": self._turns.copy()} if self.drift else {}
        return super().hidden() | changes

    def constants(self) -> dict[str, int | float | str | bool]:
        """The constants of the rules and of the changes."""
        return super().constants() | {"shift": self.shift, "drift": self.drift, "churn": self.churn}


def shifted(world: World, users: NDArray[np.int32], split: str, shift: float) -> NDArray[np.int32]:
    """The users of a split after a population shift: the train split loses those who lean most, the test split least.

    A user leans by the share of their log whose main category has an odd id. A `shift` of 1 keeps one half of each
    split, 0 everybody; the split "all" stays whole, parts of the train split are like it.
    """
    if split == "all" or not shift:
        return users
    a = {name: np.asarray(array) for name, array in world.arrays.items()}
    odd = a["category_ids"][a["category_indptr"][:-1]][a["log_items"]] % 2
    running = np.concatenate([[0], np.cumsum(odd)])
    count, length = np.diff(running[a["log_indptr"]]), np.diff(a["log_indptr"])
    lean = np.where(length > 0, (count << 20) // np.maximum(length, 1), 1 << 19)[users]  # integers: the same anywhere
    kept = max(1, round(len(users) * (1 - shift / 2)))
    order = np.argsort(lean, kind="stable")
    return np.sort(users[order[-kept:] if split == "test" else order[:kept]])
