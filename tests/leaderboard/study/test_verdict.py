"""The rules that verdicts follow, and the figures that they are taken from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from leaderboard.schema import Estimate
from leaderboard.study.popularity import long_tail
from leaderboard.study.spread import f_quantile, ratio_of_deviations
from leaderboard.study.verdict import Verdict, together, verdict


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.3, "yes"),
        (-0.3, -0.1, "no"),
        (-0.1, 0.1, "not told apart"),
        (0.0, 0.2, "not told apart"),
        (-0.2, 0.0, "not told apart"),
    ],
)
def test_an_interval_decides(low: float, high: float, expected: Verdict) -> None:
    assert verdict(Estimate(value=(low + high) / 2, low=low, high=high)) == expected


def test_without_an_interval_nothing_is_told_and_without_records_nothing_was_run() -> None:
    assert (
        verdict(Estimate(value=3.0, note="no variation over users or training seeds: no interval")) == "not told apart"
    )
    assert verdict(None) == "not run"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "not run"),
        (["not run", "not run"], "not run"),
        (["no"], "no"),
        (["yes", "yes", "not run"], "yes, in all 2 comparisons"),
        (["no", "yes", "not told apart", "yes"], "yes in 2 of 4 comparisons, no in 1, not told apart in 1"),
        (["not told apart", "no"], "no in 1 of 2 comparisons, not told apart in 1"),
    ],
)
def test_verdicts_together_are_counted(found: Sequence[Verdict], expected: str) -> None:
    assert together(found) == expected


@pytest.mark.parametrize("freedom", [1, 2, 4, 9])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_quantiles_of_f_are_those_of_scipy(freedom: int, level: float) -> None:
    expected = stats.f.ppf((1 + level) / 2, freedom, freedom)
    assert f_quantile(freedom, level) == pytest.approx(expected, rel=0.02)


def test_a_ratio_of_deviations_has_fishers_interval() -> None:
    first, second = [1.0, 3.0, 5.0, 2.0], [1.0, 1.1, 0.9, 1.2]
    found = ratio_of_deviations(first, second, 0.95)
    assert found is not None
    assert found.low is not None
    ratio = float(np.std(first, ddof=1) / np.std(second, ddof=1))
    assert found.value == pytest.approx(ratio)
    assert found.low == pytest.approx(ratio / stats.f.ppf(0.975, 3, 3) ** 0.5, rel=1e-3)
    assert ratio_of_deviations(first, [1.0, 1.0, 1.0, 1.0], 0.95) is None


def test_the_long_tail_is_all_but_the_most_popular_fifth() -> None:
    popularity = np.array([5, 9, 0, 9, 1, 1, 1, 1, 1, 1])
    assert np.flatnonzero(~long_tail(popularity)).tolist() == [1, 3]
