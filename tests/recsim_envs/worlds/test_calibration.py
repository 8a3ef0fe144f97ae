"""The synthetic worlds against the recorded facts, and the measurement itself against hand-made sessions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recsim_envs.spec import Catalogue
from recsim_envs.worlds.calibration import PROTOCOLS, TARGETS, Recommender, facts, visit
from recsim_envs.worlds.card.render import card_markdown
from recsim_envs.worlds.facts import SessionLog, additive_r2, measure
from recsim_envs.worlds.recipes import RECIPES
from recsim_envs.worlds.synthetic import CARDS, generate
from tests.recsim_envs.worlds.recorded import catalogue, sessions_of_test_split


@pytest.fixture(scope="module", params=sorted(PROTOCOLS))
def measured(request):
    world = generate(RECIPES[request.param])
    return request.param, world, facts(world, PROTOCOLS[request.param])


def test_each_fact_is_within_its_tolerance(measured):
    name, _, found = measured
    assert set(TARGETS[name]) == set(found)
    outside = {k: (found[k], t) for k, t in TARGETS[name].items() if abs(found[k] - t[0]) > t[1]}
    assert not outside


def test_the_shipped_card_says_what_is_measured(measured):
    name, world, found = measured
    written = json.loads(CARDS.read_text("utf-8"))[name]["facts"]
    assert {k: row["world"] for k, row in written.items()} == pytest.approx(found, abs=1e-3)
    assert world.info.card["facts"] == written
    text = card_markdown(world)
    assert "| additive r2 |" in text
    assert "| no |" not in text


def test_no_fixed_cycle_pleases_nearly_everybody(measured):
    """A user leaves a cycle of five at its first item below r_min, so acceptance bounds what a cycle can earn."""
    _, world, _ = measured
    train, test = (world.arrays["rewards"][world.users(split)] >= 2 for split in ("train", "test"))
    best = np.argsort(-train.mean(0), kind="stable")[:5]
    assert test[:, best].mean(0).max() < 0.75
    rewards = np.sort(world.arrays["rewards"][world.users("test")], axis=1)[:, -5:]
    assert rewards.mean() > 4.6  # while five items for each user keep nearly everybody


TARGETS_MAIN = {"length": 15.03, "reward": 4.53, "hazard": 0.062}


def test_targets_are_the_recordings(shared_data):
    for name in PROTOCOLS:
        shelf = catalogue(shared_data / "billp", name)
        log = sessions_of_test_split(shared_data / "billp", name, list(shelf.titles))
        found = measure(log, shelf)
        if name == "games":  # Len, R_each and hazard of the three main runs, as the spec has them
            main = sessions_of_test_split(shared_data / "billp", name, list(shelf.titles), main_runs=True)
            found |= {k: v for k, v in measure(main, shelf).items() if k in TARGETS_MAIN}
        for fact, (recorded, _) in TARGETS[name].items():
            if fact in found:
                assert found[fact] == pytest.approx(recorded, abs=0.006, rel=0.003), (name, fact)


def test_low_rewards_explain_games_and_distance_books(shared_data):
    """Departures without repeat at a pair that another run shows: its reward tells whether it was too low."""
    for name, low, known in (("games", 24, 24), ("books", 1, 10)):
        shelf = catalogue(shared_data / "billp", name)
        log = sessions_of_test_split(shared_data / "billp", name, list(shelf.titles))
        rewards = {
            (u, i): r for u, i, r, left in zip(log.user, log.item, log.reward, log.left, strict=True) if not left
        }
        repeat = (log.in_window(4) == log.item[:, None]).any(1)
        exits = [rewards.get((log.user[k], log.item[k])) for k in np.flatnonzero(log.left & ~repeat)]
        exits = [r for r in exits if r is not None]
        assert (sum(r < 2 for r in exits), len(exits)) == (low, known)


SHELF = Catalogue(
    titles=["a", "b", "c"],
    category_names=["x", "y"],
    category_indptr=np.array([0, 1, 2, 4]),
    category_ids=np.array([0, 1, 0, 1], np.int32),
    popularity=np.ones(3, np.int64),
    mean_reward=np.ones(3, np.float32),
)


def test_facts_of_two_hand_made_sessions():
    log = SessionLog(
        run=np.zeros(7, np.int64),
        session=np.array([0, 0, 0, 1, 1, 1, 1]),
        user=np.array([5, 5, 5, 6, 6, 6, 6]),
        item=np.array([0, 1, 0, 1, 0, 2, 0]),
        reward=np.array([1, 5, 0, 4, 5, 5, 0.0]),
        left=np.array([0, 0, 1, 0, 0, 0, 1], bool),
        step=np.array([0, 1, 2, 0, 1, 2, 3]),
    )
    found = measure(log, SHELF, window=1)
    assert found["length"] == 2.5
    assert found["reward"] == 4.0
    assert found["hazard"] == pytest.approx(2 / 7)
    assert found["repeat_share"] == 0.0
    assert measure(log, SHELF, window=4)["repeat_share"] == 1.0
    assert (found["reward_1"], found["reward_4"], found["reward_5"]) == (0.2, 0.2, 0.6)
    assert found["first_reward_1"] == 0.5
    # Stays after the first step: b after a (no), a after b (no), c after a (x). Departures: a after b, a after c.
    assert found["same_category"] == pytest.approx(1 / 3)
    assert found["same_category_gap"] == pytest.approx(1 / 2 - 1 / 3)
    assert found["distinct_items"] == pytest.approx(49 / (16 + 4 + 1))


def test_additive_r2_is_that_of_least_squares():
    g = np.random.default_rng(0)
    users, items, y = g.integers(0, 12, 200), g.integers(0, 15, 200), g.normal(size=200)
    design = np.concatenate([np.eye(12)[users], np.eye(15)[items]], axis=1)
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert additive_r2(users, items, y) == pytest.approx(1 - residual.var() / y.var(), abs=1e-9)
    assert additive_r2(users, items, users * 2.0 + items) == pytest.approx(1.0)


def test_visits_are_reproducible_and_follow_the_rules(small_world):
    how = Recommender(known=20)
    log, causes = visit(small_world, how, runs=2, users=9, seed=1)
    again, _ = visit(small_world, how, runs=2, users=9, seed=1)
    np.testing.assert_array_equal(log.item, again.item)
    assert len(causes) == 18
    np.testing.assert_array_equal(
        log.user[log.run == 0][log.step[log.run == 0] == 0], log.user[(log.run == 1) & (log.step == 0)]
    )
    assert not log.left[log.step == 0].any()
    assert (log.reward[log.left] == 0).all()
    assert log.left.sum() == sum(cause != "horizon" for cause in causes)
    assert np.isin(log.user, small_world.users("test")).all()


def test_the_pages_show_the_cards(measured):
    name, world, _ = measured
    page = (Path(__file__).parents[3] / "docs" / "worlds" / f"{name}.md").read_text("utf-8")
    text = card_markdown(world)
    assert text[text.index("| fact |") :].strip() in page
