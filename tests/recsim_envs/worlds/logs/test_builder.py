"""The builder against a dictionary of pairs, and visits against a loop over rows."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.builder import SHELF, LogBuilder
from recsim_envs.worlds.logs.log import NO_CATEGORY, Interactions
from recsim_envs.worlds.logs.visits import visits

ROW = {"user": pl.String, "item": pl.String, "value": pl.Float64, "time": pl.Float64}
SHELVED = pl.DataFrame(
    [("b", "B", ["x"], None), ("a", "A", ["x", "y"], "words"), ("c", "C", [NO_CATEGORY], None)],
    schema=SHELF,
    orient="row",
)
names = st.sampled_from(["7", "10", "9", "007", "ann", "0b", "-1", "éve", "0", "00"])
times = st.one_of(st.none(), st.sampled_from([0.0, 1.0, -5.0, 1e9, math.nan]))
rows = st.tuples(names, st.sampled_from("abc"), st.floats(-9, 9, width=32), times)


def batch(*given_rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(given_rows, schema=ROW, orient="row")


def by_name(key: str) -> tuple[int, int, str]:
    return (0, int(key), key) if key.isdigit() else (1, 0, key)


def reference(given_rows: list[tuple], items: list[str]) -> list[tuple[str, str, float, float]]:
    """One row a pair by user, time (unknown first) and the order of the rows, in plain Python."""
    known = [(u, i, v, -math.inf if t is None or math.isnan(t) else t, k) for k, (u, i, v, t) in enumerate(given_rows)]
    latest = {}
    for row in sorted(known, key=lambda row: (row[3], row[4])):
        latest[row[:2]] = row
    kept = sorted(latest.values(), key=lambda row: (by_name(row[0]), row[3], row[4]))
    return [row[:4] for row in kept]


def named(log, interactions: Interactions) -> list[tuple[str, str, float, float]]:
    return [
        (log.users[int(u)], log.items["item"][int(i)], float(v), -math.inf if math.isnan(t) else float(t))
        for u, i, v, t in zip(
            interactions.users, interactions.items, interactions.values, interactions.times, strict=True
        )
    ]


@given(st.lists(rows, min_size=1, max_size=40), st.integers(1, 7), st.booleans())
def test_a_log_is_what_a_dictionary_of_pairs_makes_of_it(given_rows, size, shelved):
    builder = LogBuilder(SHELVED if shelved else None)
    for k in range(0, len(given_rows), size):
        builder.add(batch(*given_rows[k : k + size]))
    log = builder.build()
    expected = reference(given_rows, log.items["item"].to_list())
    assert named(log, log.interactions) == expected
    assert log.replaced == len(given_rows) - len(expected)
    assert log.users.to_list() == sorted({row[0] for row in given_rows}, key=by_name)
    if not shelved:
        assert log.items["item"].to_list() == sorted({row[1] for row in given_rows})


def test_types_and_shelf():
    builder = LogBuilder(SHELVED)
    builder.add(batch(("ann", "a", 1.5, 10.0)))
    log = builder.build(implicit=True)
    found = log.interactions
    assert [a.dtype for a in (found.users, found.items, found.values, found.times)] == ["i4", "i4", "f4", "f8"]
    assert log.items.equals(SHELVED)
    assert found.items.tolist() == [1]
    assert (log.implicit, log.random, log.problems) == (True, None, ())


def test_a_shelf_made_of_what_occurs():
    builder = LogBuilder(None)
    builder.add(batch(("1", "10", 1.0, None), ("1", "9", 1.0, None), ("1", "x", 1.0, None)))
    items = builder.build().items
    assert items.schema == SHELF
    assert items.rows() == [(name, name, [NO_CATEGORY], None) for name in ("9", "10", "x")]


def test_what_was_shown_at_random_shares_the_numbers():
    builder = LogBuilder(None)
    builder.add(batch(("2", "b", 1.0, None)))
    log = builder.build(random=[batch(("2", "a", 3.0, 1.0)), batch(("1", "b", 4.0, 1.0), ("2", "a", 5.0, 2.0))])
    assert log.users.to_list() == ["1", "2"]
    assert named(log, log.random) == [("1", "b", 4.0, 1.0), ("2", "a", 5.0, 2.0)]
    assert named(log, log.interactions) == [("2", "b", 1.0, -math.inf)]
    assert (log.replaced, log.interactions.indptr(2).tolist()) == (0, [0, 0, 1])


def test_builders_do_not_share_names():
    for name in ("ann", "bob"):
        builder = LogBuilder(None)
        builder.add(batch((name, "a", 1.0, None)))
        assert builder.build().users.to_list() == [name]


@pytest.mark.parametrize(
    ("row", "message"),
    [(("ann", "z", 1.0, 0.0), "item 'z' is not on the shelf"), ((None, "a", 1.0, 0.0), "a row has no user")],
)
def test_rows_that_are_not_good_are_refused(row, message):
    with pytest.raises(LogError, match=message):
        LogBuilder(SHELVED).add(batch(row))


def test_a_log_without_rows_is_none():
    with pytest.raises(LogError, match="no row"):
        LogBuilder(SHELVED).build()


def interactions_at(users: list[int], seconds: list[float]) -> Interactions:
    count = len(users)
    return Interactions(
        np.array(users, np.int32), np.zeros(count, np.int32), np.ones(count, np.float32), np.array(seconds, float)
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 5.0, 10.0, 10.5, 99.0])), min_size=1))
def test_visits_are_what_a_loop_finds(pairs):
    pairs.sort()
    found = visits(interactions_at(*map(list, zip(*pairs, strict=True))), pause=5.0)
    if len({t for _, t in pairs}) == 1:
        assert found is None
        return
    expected, gaps = [], []
    for k, (user, time) in enumerate(pairs):
        before = pairs[k - 1] if k else (-1, 0.0)
        if before[0] == user and time - before[1] <= 5:
            expected[-1][2] += 1
            continue
        if before[0] == user:
            gaps.append((time - before[1]) / 86_400)
        expected.append([user, k, 1])
    assert found.users.tolist() == [user for user, _, _ in expected]
    assert found.starts.tolist() == [*(start for _, start, _ in expected), len(pairs)]
    assert found.lengths.tolist() == [length for _, _, length in expected]
    assert found.return_gaps.tolist() == gaps


def test_there_are_no_visits_without_times():
    assert visits(interactions_at([0, 0], [1.0, math.nan])) is None
    assert visits(interactions_at([0, 1], [3.0, 3.0])) is None
