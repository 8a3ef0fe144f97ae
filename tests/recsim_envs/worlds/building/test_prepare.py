"""Who stays in, what did not happen, what is held out, who is tested on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsim_envs.errors import LogError
from recsim_envs.worlds.building.options import BuildOptions
from recsim_envs.worlds.building.prepare import category_arrays, prepare, with_absent
from recsim_envs.worlds.logs.log import Interactions
from tests.recsim_envs.worlds.building.logs import make_log, shelf


def options(**chosen) -> BuildOptions:
    return BuildOptions.of(chosen)


@pytest.mark.parametrize("holdout", ["time", "random"])
def test_the_three_parts_are_disjoint_and_whole(holdout):
    ready = prepare(make_log(), options(holdout=holdout))
    everything = np.concatenate([ready.train, ready.valid, ready.held_out])
    np.testing.assert_array_equal(np.sort(everything), np.arange(len(ready.rows)))
    assert ready.by_time == (holdout == "time")
    assert len(ready.held_out) == pytest.approx(len(ready.rows) / 10, rel=0.2)


def test_by_time_the_last_tenth_of_each_user_is_held_out_and_the_one_before_validates():
    ready = prepare(make_log(), options())
    for user in range(ready.num_users):
        rows = np.flatnonzero(ready.rows.users == user)
        tenth = max(1, round(len(rows) / 10))
        assert ready.held_out[np.isin(ready.held_out, rows)].tolist() == rows[-tenth:].tolist()
        assert ready.valid[np.isin(ready.valid, rows)].tolist() == rows[-2 * tenth : -tenth].tolist()


def test_users_of_few_rows_and_items_of_none_are_left_out():
    log = make_log()
    lonely = np.flatnonzero((log.interactions.users != 3) & (log.interactions.items != 7))
    one = np.flatnonzero(log.interactions.users == 3)[:2]
    kept = np.sort(np.concatenate([lonely, one[log.interactions.items[one] != 7]]))
    ready = prepare(replace(log, interactions=log.interactions[kept]), options())
    assert ready.log.users.to_list() == [name for name in log.users.to_list() if name != "u3"]
    assert ready.log.items["item"].to_list() == [name for name in log.items["item"].to_list() if name != "i7"]
    names = (
        log.users.to_numpy()[log.interactions.users[lonely]],
        log.items["item"].to_numpy()[log.interactions.items[lonely]],
    )
    found = ready.log.users.to_numpy()[ready.rows.users], ready.log.items["item"].to_numpy()[ready.rows.items]
    for mine, theirs in zip(found, names, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_rows_shown_at_random_are_renumbered_too_and_unknown_ones_dropped():
    log = make_log()
    random = Interactions(
        np.array([0, 3], np.int32), np.array([8, 8], np.int32), np.ones(2, np.float32), np.full(2, np.nan)
    )
    few = np.flatnonzero((log.interactions.users != 3) & (log.interactions.items != 7))
    ready = prepare(replace(log, interactions=log.interactions[few], random=random), options())
    assert ready.log.random.users.tolist() == [0]
    assert ready.log.items["item"][int(ready.log.random.items[0])] == "i8"


def test_what_did_not_happen_was_never_met_and_is_drawn_once():
    found = make_log(implicit=True).interactions
    both = with_absent(found, 30, seed=1)
    happened = both.values == 1
    np.testing.assert_array_equal(both[happened].items, found.items)
    assert len(set(zip(both.users.tolist(), both.items.tolist(), strict=True))) == len(both)
    assert np.all(np.diff(both.users) >= 0)
    same_user = np.diff(both.users) == 0
    assert np.all(np.diff(both.times)[same_user] >= 0)
    met = np.bincount(found.users)
    assert np.all(np.bincount(both.users) <= 2 * met)
    assert np.sum(~happened) > 0.9 * np.minimum(met, 30 - met).sum()
    again = with_absent(found, 30, seed=1)
    np.testing.assert_array_equal(again.items, both.items)


def test_neither_the_value_before_a_row_nor_its_place_tells_whether_it_happened():
    found = make_log(users=300, items=400, share=0.1, implicit=True).interactions
    both = with_absent(found, 400, seed=1)
    assert len(both) == 2 * len(found)
    same_user = both.users[1:] == both.users[:-1]
    before, values = both.values[:-1][same_user], both.values[1:][same_user]
    assert abs(np.corrcoef(before, values)[0, 1]) < 0.05
    ends = both.indptr(300)
    for place in (ends[:-1], ends[1:] - 1):
        assert both.values[place].mean() == pytest.approx(0.5, abs=0.15)
    assert both.values[::2].mean() == pytest.approx(0.5, abs=0.03)


def test_an_implicit_log_keeps_only_what_happened_as_the_users_past():
    ready = prepare(make_log(implicit=True), options())
    assert set(np.unique(ready.rows.values)) == {0.0, 1.0}
    assert set(np.unique(ready.log.interactions.values)) == {1.0}


def test_test_users_can_be_those_who_came_last():
    log = make_log()
    ready = prepare(log, options(test_users="latest", test_share=0.25))
    assert ready.test_users.tolist() == list(range(30, 40))
    drawn = prepare(log, options(test_share=0.25))
    assert len(drawn.test_users) == 10
    assert drawn.test_users.tolist() != ready.test_users.tolist()
    assert not np.intersect1d(drawn.test_users, drawn.train_users).size


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"holdout": "time"}, "needs times, different ones"),
        ({"test_users": "latest"}, "needs times"),
        ({"min_ratings": 500}, "Lower min_ratings"),
    ],
)
def test_what_a_log_cannot_give_is_named(chosen, message):
    with pytest.raises(LogError, match=message):
        prepare(make_log(timed=False), options(**chosen))


def test_equal_ratings_teach_nothing():
    log = make_log()
    flat = replace(log.interactions, values=np.full(len(log.interactions), 4, np.float32))
    with pytest.raises(LogError, match="are equal, so nothing can be learned"):
        prepare(replace(log, interactions=flat), options())


def test_categories_are_numbered_by_name_in_the_items_order():
    names, indptr, ids = category_arrays(shelf(3))
    assert names == ("all", "even", "odd")
    assert indptr.tolist() == [0, 2, 4, 6]
    assert ids.tolist() == [1, 0, 2, 0, 1, 0]
    assert category_arrays(shelf(2).with_columns(pl.Series("categories", [["b"], ["a", "b"]])))[2].tolist() == [1, 0, 1]
