"""What the roles are told about the catalogue and the session: true facts, computed, never generated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bilp_agent.session import CategoryStats, Session, Shown
from recsim_envs.spec import Catalogue
from recsim_envs.text.grounding import Allowed

PRIOR_COUNT = 2.0  # pseudo-observations that shrink a category's mean towards the user's


@dataclass(frozen=True)
class CategoryFact:
    """Mean reward a user gave to the items of a category, and how many there were."""

    category: int
    mean: float
    count: int


@dataclass(frozen=True)
class RepeatFacts:
    """How showing items again went in a session. Gaps are in steps; None where there was none.

    last: gap of the final recommendation to its earlier showing. survived: smallest gap that the user stayed through.
    """

    last: int | None
    survived: int | None


@dataclass(frozen=True)
class LikenessFacts:
    """Recommendations that shared their main category with the one before.

    stayed: how many of them the user stayed through. apart: how many that did not share it.
    last: steps from the final recommendation back to the latest earlier one with its main category; None if none.
    """

    stayed: int
    apart: int
    last: int | None


class Tools:
    """Facts about one catalogue. Rankings by public rating are made once, so that a search costs what it returns.

    bounds: smallest and largest reward of an item; what is expected lies between them. chance: whether the same item
    earns now more, now less, so that all that it earned counts and not the latest alone.
    """

    def __init__(
        self, catalogue: Catalogue, bounds: tuple[float, float] = (-math.inf, math.inf), *, chance: bool = False
    ) -> None:
        self.catalogue, self._bounds, self._chance = catalogue, bounds, chance
        self._of_item: dict[int, tuple[int, ...]] = {}
        self._of_main: dict[int, frozenset[int]] = {}
        self._best = catalogue.best_rated()
        position = np.empty(catalogue.num_items, np.int64)
        position[self._best] = np.arange(catalogue.num_items)
        owner = np.repeat(np.arange(catalogue.num_items), np.diff(catalogue.category_indptr))
        order = np.lexsort((position[owner], catalogue.category_ids))
        self._ranked = owner[order]
        self._starts = np.searchsorted(catalogue.category_ids[order], np.arange(len(catalogue.category_names) + 1))

    def of_main(self, category: int) -> frozenset[int]:
        """The items whose first category it is."""
        found = self._of_main.get(category)
        if found is None:
            first = self.catalogue.category_ids[self.catalogue.category_indptr[:-1]]
            found = self._of_main[category] = frozenset(np.flatnonzero(first == category).tolist())
        return found

    def main_category(self, item: int) -> int:
        """The first category of an item."""
        return self.categories(item)[0]

    def ranking(self, category: int | None) -> NDArray[np.int64]:
        """Items of a category (None: all), int64 (n,), from the best to the worst public rating.

        Ties by popularity, then id.
        """
        if category is None:
            return self._best
        return self._ranked[self._starts[category] : self._starts[category + 1]]

    def search(self, categories: Sequence[int], allowed: Allowed, count: int, without: Iterable[int] = ()) -> list[int]:
        """Up to `count` allowed items, best public rating first, a category at a time in turn.

        categories: where to look, in order of preference; empty is everywhere. without: no item of these
        categories. An item is returned once. Without a result in `categories` the whole catalogue is searched.
        """
        shunned = frozenset(without)
        streams = [self._stream(c, allowed, shunned) for c in categories] or [self._stream(None, allowed, shunned)]
        found = _in_turn(streams, count)
        return found if found or not categories else _in_turn([self._stream(None, allowed, shunned)], count)

    def _stream(self, category: int | None, allowed: Allowed, shunned: frozenset[int]) -> Iterator[int]:
        ranking = self.ranking(category)
        for start in range(0, len(ranking), 64):  # converted piecewise: a search rarely looks far
            for item in ranking[start : start + 64].tolist():
                if allowed(item) and not (shunned and shunned.intersection(self.categories(item))):
                    yield item

    def categories(self, item: int) -> tuple[int, ...]:
        """Ids of an item's categories, the main one first."""
        found = self._of_item.get(item)
        if found is None:
            found = self._of_item[item] = tuple(self.catalogue.categories(item).tolist())
        return found

    @staticmethod
    def category_means(stats: CategoryStats) -> list[CategoryFact]:
        """Each category of some items with the user's mean reward: the best liked first, then the most frequent."""
        facts = (CategoryFact(c, stats.sums[c] / n, n) for c, n in stats.counts.items())
        return sorted(facts, key=lambda fact: (-fact.mean, -fact.count, fact.category))

    def neighbours(self, item: int, allowed: Allowed, count: int) -> list[int]:
        """Up to `count` other allowed items that share most of an item's categories; ties by public rating."""
        shared: Counter[int] = Counter()
        for category in self.categories(item):
            shared.update(self.ranking(category).tolist())
        near = [other for other in shared if other != item and allowed(other)]
        rating = self.catalogue.mean_reward
        return sorted(near, key=lambda i: (-shared[i], -float(rating[i]), i))[:count]

    def unseen_categories(self, session: Session, count: int) -> list[int]:
        """Up to `count` categories that the user has met neither before nor now, largest category first."""
        sizes = np.diff(self._starts)
        met = session.before.counts.keys() | session.during.counts.keys()
        return [c for c in np.argsort(-sizes, kind="stable").tolist() if c not in met and sizes[c]][:count]

    def liked(
        self,
        session: Session,
        allowed: Allowed,
        count: int,
        without: Iterable[int] = (),
        at_least: float | None = None,
        shown_first: bool = False,
        rest: int | None = None,
    ) -> list[int]:
        """Up to `count` allowed items whose reward from this user is known and at least so large, best first.

        at_least: None is the user's own mean reward. Ties go in the order in which the user met them first, so that
        who takes the first one goes round as few items as may be: whatever else is shown has to get along with those
        before it. With `shown_first` those of this session come before the others, in the order they were shown in.

        rest: steps that an item is held to need before it may come back, 0 where that is not known. Of ties those that
        have not rested so long come last, shown longest ago first; where it is not known, all that were shown.
        """
        if not session.known:
            return []
        shunned = frozenset(without)
        known = self._mean_scores(session) if self._chance else session.known
        least = sum(known.values()) / len(known) if at_least is None else at_least
        fit = [
            item
            for item, reward in known.items()
            if reward >= least and allowed(item) and not (shunned and shunned.intersection(self.categories(item)))
        ]
        last = session.last_step
        if shown_first:
            return sorted(fit, key=lambda i: (0, last[i]) if i in last else (1, -known[i]))[:count]
        tired = {i: n for i, n in last.items() if not rest or session.step - n < rest} if rest is not None else {}
        return sorted(fit, key=lambda i: (-known[i], tired.get(i, 0)))[:count]

    def rating_gap(self, session: Session) -> tuple[float, float]:
        """Mean and standard deviation of this user's rewards less the ratings of the same items.

        How far a guess that is made from the rating may be off. The deviation is 0 with fewer than two rewards.
        """
        gaps = [e.reward - float(self.catalogue.mean_reward[e.item]) for e in (*session.history, *session.shown)]
        if not gaps:
            return 0.0, 0.0
        mean = math.fsum(gaps) / len(gaps)
        squares = math.fsum((gap - mean) ** 2 for gap in gaps)
        return mean, math.sqrt(squares / (len(gaps) - 1)) if len(gaps) > 1 else 0.0

    def expected_reward(self, session: Session, item: int) -> float:
        """The user's own latest reward for an item, or what can be expected of a new one.

        That is the public rating, moved by how this user rates in general and in the item's categories, as if
        `PRIOR_COUNT` average rewards had been seen in each besides. Where rewards are chance, that counts as one more
        beside the user's own.
        """
        known = session.known.get(item)
        if known is not None and self._chance:
            total, count = session.scores[item]
            return (total + self._expected_anew(session, item)) / (count + 1)
        return self._expected_anew(session, item) if known is None else known

    def worst_reward(self, session: Session, item: int) -> float:
        """What a new item is expected to earn at worst: two standard deviations of past guesses lower."""
        return self.expected_reward(session, item) - 2.0 * self.rating_gap(session)[1]

    def tastes(self, session: Session) -> dict[int, tuple[float, int]]:
        """Of each category met, the user's mean reward, drawn towards the overall mean, and how many items it is of."""
        counts = dict(session.before.counts)
        for category, count in session.during.counts.items():
            counts[category] = counts.get(category, 0) + count
        return {c: (session.mean_reward + self._taste(session, c), n) for c, n in counts.items()}

    def _expected_anew(self, session: Session, item: int, tastes: dict[int, float] | None = None) -> float:
        """What can be expected of an item that the user has not met. tastes: those known already, added to."""
        known = {} if tastes is None else tastes
        for category in self.categories(item):
            if category not in known:
                known[category] = self._taste(session, category)
        taste = [known[category] for category in self.categories(item)]
        low, high = self._bounds
        expected = float(self.catalogue.mean_reward[item]) + session.mean_gap_to_rating + sum(taste) / len(taste)
        return min(max(expected, low), high)

    def _mean_scores(self, session: Session) -> dict[int, float]:
        """What can be expected of all items that the user has met."""
        tastes, found = dict[int, float](), dict[int, float]()
        for item in session.known:
            total, count = session.scores[item]
            found[item] = (total + self._expected_anew(session, item, tastes)) / (count + 1)
        return found

    @staticmethod
    def _taste(session: Session, category: int) -> float:
        before, during = session.before, session.during
        total = before.sums.get(category, 0.0) + during.sums.get(category, 0.0)
        count = before.counts.get(category, 0) + during.counts.get(category, 0)
        return (total - count * session.mean_reward) / (count + PRIOR_COUNT)

    def resting(self, session: Session, steps: int) -> set[int]:
        """Main categories of the last `steps` recommendations."""
        return {self.main_category(entry.item) for entry in session.since(session.step - steps)} if steps > 0 else set()

    @staticmethod
    def repeats(shown: Sequence[Shown]) -> RepeatFacts:
        """How showing items again went; the last recommendation is the one that the session ended with."""
        gaps: list[tuple[int, int]] = []
        latest: dict[int, int] = {}
        for entry in shown:
            if entry.item in latest:
                gaps.append((entry.step, entry.step - latest[entry.item]))
            latest[entry.item] = entry.step
        final = shown[-1].step if shown else 0
        survived = [gap for step, gap in gaps if step != final]
        return RepeatFacts(next((gap for step, gap in gaps if step == final), None), min(survived, default=None))

    def likeness(self, shown: Sequence[Shown]) -> LikenessFacts:
        """How recommendations that shared their main category with the one before went."""
        mains = [self.main_category(entry.item) for entry in shown]
        shared = [a == b for a, b in pairwise(mains[:-1])]
        last = next((back for back in range(1, len(mains)) if mains[-1 - back] == mains[-1]), None)
        return LikenessFacts(sum(shared), len(shared) - sum(shared), last)


def run_length(categories: Sequence[int]) -> int:
    """How many of the last are the same."""
    return next((n for n, c in enumerate(reversed(categories)) if c != categories[-1]), len(categories))


def _in_turn(streams: list[Iterator[int]], count: int) -> list[int]:
    """Round robin over streams, without duplicates, until `count` items are found or all streams have ended."""
    found: dict[int, None] = {}
    while streams and len(found) < count:
        for stream in list(streams):
            item = next((i for i in stream if i not in found), None)
            if item is None:
                streams.remove(stream)
            elif len(found) < count:
                found[item] = None
    return list(found)
