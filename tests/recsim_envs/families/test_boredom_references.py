"""Reference policies of the boredom family: what they do, and what planning is worth."""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs import rng
from recsim_envs.families import make_family
from recsim_envs.families.boredom import presets


def build(lanes, **options):
    simulator = make_family("boredom", lanes, split="test", **options)
    simulator.begin(np.arange(lanes), rng.bits_array(5, np.arange(lanes), 1))
    return simulator


def returns(name, lanes, **options):
    simulator = build(lanes, **options)
    act, total = simulator.references()[name](), np.zeros(lanes)
    for _ in range(simulator.task.horizon):
        total += simulator.step(act()).rewards
    return total


def test_myopic_shows_the_most_relevant_items_best_first():
    simulator = build(20, layout="topk", variant="uncertain")
    relevances = simulator.relevances()
    shown = np.take_along_axis(relevances, simulator.references()["myopic"]()(), 1)
    assert np.array_equal(shown, -np.sort(-relevances, axis=1)[:, :10])


def test_myopic_repeats_the_best_item_where_copies_count():
    simulator = build(20, layout="rerank", copies="count")
    slates = simulator.references()["myopic"]()()
    assert np.array_equal(slates, np.repeat(simulator.relevances().argmax(axis=1)[:, None], 10, axis=1))


def test_no_repeat_shows_every_item_before_it_repeats_one_and_starts_anew_with_a_session():
    simulator = build(3, num_items=20, horizon=40)
    act = simulator.references()["myopic-no-repeat"]()
    for _ in range(3):
        shown = []
        for _ in range(40):
            shown.append(act())
            simulator.step(shown[-1])
        for lane in np.array(shown).T:
            assert sorted(lane[:20]) == sorted(lane[20:]) == list(range(20))
        simulator.begin(np.arange(3), np.arange(3, dtype=np.uint64))


def test_varied_shows_the_best_of_each_topic_once_and_of_single_items_never_the_last_ones_topic():
    simulator = build(20, layout="topk", variant="uncertain")
    slates, relevances = simulator.references()["rule-varied"]()(), simulator.relevances()
    for lane, slate in enumerate(slates):
        assert len(set(simulator.item_topics[slate])) == 10
        shown, best = relevances[lane, slate], [relevances[lane, simulator.item_topics == t].max() for t in range(10)]
        assert shown.tolist() == sorted(best, reverse=True)
    single = build(20, layout="single", variant="bored")
    act, last = single.references()["rule-varied"](), single.lanes.slate[:, 0]
    for _ in range(5):
        items = act()
        assert (single.item_topics[items] != single.item_topics[last]).all()
        single.step(items)
        last = items


@pytest.mark.parametrize("layout", presets.LAYOUTS)
def test_without_boredom_nothing_is_better_than_myopic(layout):
    planned, now = (returns(name, 30, layout=layout, variant="static", horizon=10) for name in ("planner", "myopic"))
    assert planned.mean() >= now.mean() - 0.5


@pytest.mark.parametrize(
    ("layout", "variant", "gap"),
    [
        ("topk", "bored", 0.1),
        ("topk", "influence", 0.1),
        ("rerank", "bored", 0.15),
        ("rerank", "influence", 0.15),
    ],
)
def test_planning_pays(layout, variant, gap):
    lanes, options = 24 if layout != "rerank" else 150, {"layout": layout, "variant": variant}
    planned = returns("planner", lanes, **options).mean()
    now = max(returns(name, lanes, **options).mean() for name in ("myopic", "myopic-no-repeat", "rule-varied"))
    assert (planned - now) / planned > gap


@pytest.mark.parametrize("variant", ["bored", "influence", "uncertain"])
def test_with_single_items_changing_the_topic_is_as_good_as_planning(variant):
    planned, varied = (returns(name, 30, variant=variant).mean() for name in ("planner", "rule-varied"))
    assert varied == pytest.approx(planned, rel=0.03)


def test_the_planner_never_bores_who_can_be_kept_with_single_items():
    assert returns("planner", 30, layout="single", variant="bored").mean() > 99


def test_the_planner_is_deterministic_whatever_the_lanes():
    few, many = build(3, layout="topk"), build(8, layout="topk")
    plans = few.references()["planner"](), many.references()["planner"]()
    for _ in range(4):
        slates = plans[0](), plans[1]()
        assert np.array_equal(slates[0], slates[1][:3])
        few.step(slates[0])
        many.step(slates[1])


def test_wasted_slots_are_copies_or_the_weakest_item():
    """Two clicks on a topic put these users off for the rest of the session: most slots are better wasted."""
    options = {"layout": "rerank", "boredom_threshold": 2, "boredom_timeout": 30, "horizon": 30}
    for copies in presets.COPIES:
        simulator = build(50, copies=copies, **options)
        slates = simulator.references()["planner"]()()
        assert slates.shape == (50, 10)
        distinct = np.array([len(set(row)) for row in slates.tolist()])
        assert distinct.mean() < 9


@pytest.mark.parametrize("boredom", presets.KINDS)
@pytest.mark.parametrize("copies", presets.COPIES)
def test_the_planner_beats_the_myopic_policy_in_every_mode(boredom, copies):
    options = {"layout": "topk", "boredom": boredom, "copies": copies, "horizon": 40}
    assert returns("planner", 16, **options).mean() > returns("myopic", 16, **options).mean()


def test_the_cycle_pool_holds_actions():
    for layout in presets.LAYOUTS:
        simulator = build(1, layout=layout)
        pool = simulator.cycle_pool()
        assert all(simulator.task.action_space.contains(action) for action in pool)
        assert 10 <= len(pool) <= 40
    assert build(1, num_topics=3, num_items=1, slate_size=1).cycle_pool().tolist() == [0]
