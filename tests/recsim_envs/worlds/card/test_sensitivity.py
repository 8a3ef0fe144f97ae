"""Horizon gap and sensitivity of a world that has no id: known cases, Kendall's tau by scipy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recsim_envs.gap import PLANNER, horizon_gap
from recsim_envs.worlds import resolve
from recsim_envs.worlds.card import sensitivity as s
from recsim_envs.worlds.card.horizon import horizon_figures
from tests.recsim_envs.worlds.card.made import made_world
from tests.worlds import every_kind, tiny_world


def test_the_gap_of_a_world_is_that_of_its_id():
    named = horizon_gap("longrec/Games-v0", episodes=40, seed=3)
    world = resolve("games")
    found = horizon_figures(world, 40, 3)
    assert found["gap"] == list(named.gap)
    assert found["scores"] == {name: list(score) for name, score in named.scores.items()}
    assert found["cycle"] == [world.catalogue.titles[item] for item in named.cycle]
    assert found["best_myopic"] == named.best_myopic
    without = horizon_gap("longrec/Games-v0", episodes=40, seed=3, protocol="NX_0")
    assert found["no_repeat"]["gap"] == list(without.gap)
    assert found["no_repeat"]["cycle"] == []


def test_a_small_catalogue_has_no_gap_without_repeats():
    assert horizon_figures(tiny_world(items=30, horizon=31), 10, 0)["no_repeat"] is None
    assert horizon_figures(tiny_world(items=30, horizon=30), 10, 0)["no_repeat"] is not None


ROW = st.lists(st.integers(0, 4), min_size=2, max_size=9)


@given(ROW, st.randoms(use_true_random=False))
def test_tau_is_that_of_scipy(first, random):
    other = [random.randint(0, 4) for _ in first]
    found = s.kendall_tau(np.array([first], float), np.array([other], float))[0]
    expected = stats.kendalltau(first, other).statistic
    assert found == pytest.approx(expected, nan_ok=True)


def test_returns_that_differ_by_rounding_are_tied():
    first = np.array([[1.0, 1.0 + 1e-13, 2.0]])
    assert s.kendall_tau(first, np.array([[1.0, 1.0, 2.0]]))[0] == 1.0


def test_settings_lie_around_the_world_and_one_is_an_other_model():
    world, other = made_world(window=3), made_world(seed=5)
    plan = s.settings(world, {"gru": other}, 0)
    assert [x.kind for x in plan] == ["default", "W", "W", "theta", "theta", "r_min", "r_min", "user model"]
    assert [x.options["window"] for x in plan if x.kind == "W"] == [1, 6]
    low, high = (x.options["threshold"] for x in plan if x.kind == "theta")
    assert low < 1.2 < high
    distances = s._distances(world, 0)
    share = np.mean(distances < 1.2)
    assert [np.mean(distances < x) for x in (low, high)] == pytest.approx([share / 2, 2 * share], abs=0.01)
    least, most = (x.options["r_min"] for x in plan if x.kind == "r_min")
    assert least < 1.5 < most
    assert not [x for x in s.settings(made_world(r_min=0.5), {}, 0) if x.kind == "r_min"]  # nobody leaves for it
    assert plan[-1].world is other


def test_the_category_rule_varies_its_limit_and_an_idle_rule_is_left_alone():
    shelves = tiny_world()
    rule = shelves.info.departure.model_copy(update={"leave_by": "category", "category_limit": 0, "threshold": 0.0})
    world = replace(shelves, info=shelves.info.model_copy(update={"departure": rule}))
    assert [x.options for x in s.settings(world, {}, 0) if x.kind == "category limit"] == [{"category_limit": 1}]
    assert not [x for x in s.settings(made_world(threshold=0.0), {}, 0) if x.kind == "theta"]


def test_random_rewards_are_those_of_the_world():
    world = made_world()
    whole = world.user_rewards(np.arange(world.num_users))
    found = s.random_rewards(world, 0)
    assert np.isin(found, whole).all()
    assert found.mean() == pytest.approx(whole.mean(), abs=0.1)


def test_the_same_world_ranks_the_same_and_another_may_not():
    world = made_world()
    told = []
    found = s.sensitivity_figures(world, {"same": world, "other": made_world(seed=5)}, 25, 0, lambda *a: told.append(a))
    rows = {row["name"]: row for row in found["settings"]}
    assert rows[s.DEFAULT]["tau"] == [1, 1, 1]
    assert rows["model = same"]["tau"] == [1, 1, 1]
    assert rows["model = same"]["returns"] == rows[s.DEFAULT]["returns"]
    assert rows["model = other"]["returns"] != rows[s.DEFAULT]["returns"]
    assert found["agents"][-1] == s.BEST_RATED
    assert {"random", "popular", "best-cycle", "myopic", "rule-staying", PLANNER} <= set(found["agents"])
    taus = [row["tau"][0] for row in found["settings"][1:]]
    assert found["lowest"]["tau"][0] == min(taus)
    assert told == [(k, len(rows)) for k in range(len(rows))]


def test_wide_windows_are_played_without_the_planner(monkeypatch):
    monkeypatch.setattr(s, "WIDEST_PLAN", 4)
    found = s.sensitivity_figures(made_world(window=4), {}, 10, 0)
    place = found["agents"].index(PLANNER)
    assert {row["name"] for row in found["settings"] if row["returns"][place] is None} == {"W = 8"}


@pytest.mark.parametrize("world", [every_kind()[k] for k in ("table", "deepfm", "gru")], ids=["table", "deepfm", "gru"])
def test_every_reward_model_can_be_played(world):
    found = s.sensitivity_figures(world, {}, 6, 0)
    assert all(np.isfinite(row["returns"]).all() for row in found["settings"])
