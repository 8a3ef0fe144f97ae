"""Which rows of a log have times that something can be told by."""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.logs.visits import visits


def rows(times) -> Interactions:
    count = len(times)
    users, items = np.zeros(count, np.int32), np.arange(count, dtype=np.int32)
    return Interactions(users, items, np.ones(count, np.float32), np.array(times, np.float64))


@pytest.mark.parametrize("times", [[], [np.nan] * 5, [7.0] * 5, [np.nan, np.nan, 1.0, 2.0, 3.0]])
def test_times_that_tell_nothing(times):
    assert rows(times).timed() is None
    assert visits(rows(times)) is None


def test_a_few_unknown_times_are_left_out():
    found = rows([np.nan, *range(0, 1000, 100), *range(86_400, 87_000, 100)])
    assert found.timed().items.tolist() == list(range(1, 17))
    assert visits(found).lengths.tolist() == [10, 6]
    assert visits(found).return_gaps.tolist() == pytest.approx([(86_400 - 900) / 86_400])


def test_a_log_of_known_times_is_itself():
    found = rows([1.0, 2.0, 3.0])
    assert found.timed() is found
