"""One agent against the best of several: the low end of each alone, the high end of all together."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.stats import LEVEL, Sums, difference
from leaderboard.study.best import less_best

USERS = 40


def _agents(count: int, seed: int = 0) -> list[Sums]:
    """Agents that are all equally good."""
    drawn = np.random.default_rng(seed).normal(size=(count, 1, USERS))
    return [Sums.of(row, np.ones((1, USERS)), np.arange(USERS), str(n)) for n, row in enumerate(drawn)]


def test_the_ends_are_the_lowest_of_all_and_the_high_ones_are_widened() -> None:
    one, *others = _agents(5)
    held = less_best(one, others, LEVEL)
    assert held is not None
    best, less = held
    assert others[best].value == max(o.value for o in others)
    assert less.value == pytest.approx(one.value - others[best].value)
    single = [difference(one, o) for o in others]
    wide = [difference(one, o, level=1 - (1 - LEVEL) / 4) for o in others]
    assert less.low == min(e.low for e in single if e and e.low is not None)
    assert less.high == min(e.high for e in wide if e and e.high is not None)


def test_of_one_other_it_is_the_paired_difference() -> None:
    one, other = _agents(2)
    assert less_best(one, [other], LEVEL) == (0, difference(one, other))


def test_without_variation_there_is_no_interval_and_without_others_nothing() -> None:
    one, other = _agents(2)
    held = less_best(one, [one, other], LEVEL)
    assert held is not None
    assert held[1].low is None
    assert "no variation" in held[1].note
    assert less_best(one, [], LEVEL) is None


def test_whoever_looks_best_of_equals_is_not_above_more_often_than_promised() -> None:
    naive, held = 0, 0
    for seed in range(200):
        one, *others = _agents(9, seed)
        found = less_best(one, others, LEVEL)
        assert found is not None
        assert found[1].high is not None
        single = difference(one, others[found[0]])
        assert single is not None
        assert single.high is not None
        naive += single.high < 0
        held += found[1].high < 0
    assert naive > 0.06 * 200
    assert held <= 0.03 * 200
