from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from baselines.greedy import GreedyAgent, GreedyNoRepeatAgent
from baselines.selection import best_allowed, best_slates, ranking, replace_forbidden
from baselines.simple import BestRatedAgent, PopularAgent, RandomAgent, RoundRobinAgent
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Catalogue, Sessions, TaskSpec
from tests.baselines.support import evaluate, simulator
from tests.worlds import tiny_world


def sessions(batch: int, step: int = 0) -> Sessions:
    return Sessions(np.arange(batch), np.arange(batch, dtype=np.uint64) + 77, np.full(batch, step))


def random_actions(batch: int, infos: dict, world) -> np.ndarray:
    agent = RandomAgent()
    agent.reset(simulator(world, 1).task, batch, 0)
    return agent.act({}, infos, sessions(batch))


def test_random_is_uniform_over_all_items(small_world):
    counts = np.bincount(random_actions(30_000, {}, small_world), minlength=small_world.num_items)
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)


def test_random_is_uniform_over_allowed_items(small_world):
    mask = np.zeros((30_000, small_world.num_items), np.int8)
    mask[:, [3, 4, 29]] = 1
    counts = np.bincount(random_actions(30_000, {"action_mask": mask}, small_world), minlength=30)
    assert counts.sum() == counts[[3, 4, 29]].sum()
    assert abs(counts[[3, 4, 29]] - 10_000).max() < 5 * np.sqrt(10_000)


@pytest.mark.parametrize(("agent", "column"), [(PopularAgent, "popularity"), (BestRatedAgent, "mean_reward")])
def test_rankings_are_walked_from_the_top(agent, column, small_world):
    shown = evaluate(agent(), small_world, sessions=1, protocol="NX_7").actions[0]
    values = small_world.arrays[column][shown]
    assert np.all(np.diff(values) <= 0)
    assert values.min() >= np.sort(small_world.arrays[column])[-7]


def test_a_ranking_may_start_over():
    world = tiny_world(threshold=0.0, r_min=0.0, horizon=7)
    shown = evaluate(PopularAgent(cycle_length=3), world, sessions=1).actions[0]
    top = np.argsort(-world.arrays["popularity"], kind="stable")[:3].tolist()
    assert shown == top + top + top[:1]
    with pytest.raises(ConfigurationError, match="cycle_length"):
        PopularAgent(cycle_length=0)


def test_a_repeat_that_is_forbidden_becomes_the_best_allowed_item(small_world):
    again = evaluate(PopularAgent(cycle_length=1), small_world, sessions=1, protocol="NX_7").actions
    assert again == evaluate(PopularAgent(), small_world, sessions=1, protocol="NX_7").actions


def test_equal_scores_are_ranked_by_id():
    assert ranking(np.array([1, 2, 2, 0])).tolist() == [1, 2, 0, 3]
    scores = np.array([1.0, 2.0, 2.0])
    allowed = np.array([[True, True, True], [True, False, True], [True, False, False]])
    assert best_allowed(scores, allowed).tolist() == [1, 2, 0]
    assert best_allowed(np.stack([scores, -scores]), None).tolist() == [1, 0]
    assert replace_forbidden(np.array([1, 1, 1]), scores, allowed).tolist() == [1, 2, 0]


def slates(
    agent, size: int = 3, items: int = 9, lanes: int = 4000, infos: dict | None = None, **task: Any
) -> np.ndarray:
    agent.reset(slate_task(size, items, **task), lanes, 0)
    return agent.act({}, infos or {}, sessions(lanes))


def slate_task(size: int | None, items: int = 9, candidates: bool = False) -> TaskSpec:
    return TaskSpec(
        env_id="tests/Slates-v0",
        observation_space=spaces.Dict({}),
        action_space=spaces.Discrete(items) if size is None else spaces.MultiDiscrete([items] * size),
        catalogue=replace(
            Catalogue.of_slots(items),
            popularity=np.arange(items)[::-1].copy(),
            mean_reward=np.arange(items).astype(np.float32),
        ),
        horizon=10,
        protocol="FB",
        reward_range=(0.0, 1.0),
        domain="things",
        candidates=candidates,
    )


def test_random_slates_hold_different_items_in_uniform_order():
    drawn = slates(RandomAgent(), lanes=50_400)
    assert drawn.shape == (50_400, 3)
    assert drawn.dtype == np.int64
    counts = np.bincount(drawn @ [81, 9, 1], minlength=729).reshape(9, 9, 9)
    different = counts[np.unravel_index([i * 81 + j * 9 + k for i, j, k in permutations(range(9), 3)], (9, 9, 9))]
    assert different.sum() == len(drawn)
    assert abs(different - 100).max() < 5 * 10  # 504 ordered slates, each 100 times, 5 standard deviations


def test_random_slates_of_allowed_items():
    mask = np.zeros((4000, 9), np.int8)
    mask[:, [1, 4, 5, 8]] = 1
    drawn = slates(RandomAgent(), infos={"action_mask": mask})
    assert set(drawn.ravel().tolist()) == {1, 4, 5, 8}
    assert (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all()


def test_random_slates_with_more_places_than_items():
    drawn = slates(RandomAgent(), size=5, items=3, lanes=50)
    assert all(set(row) == {0, 1, 2} for row in drawn.tolist())


def test_random_slates_of_slots_and_of_one_item():
    assert slates(RandomAgent(), candidates=True).shape == (4000, 3)
    one, none = slates(RandomAgent(), size=1), slates(RandomAgent(), size=None)
    assert one[:, 0].tolist() == none.tolist()


@pytest.mark.parametrize(("agent", "order"), [(PopularAgent, range(9)), (BestRatedAgent, range(8, -1, -1))])
def test_rankings_are_walked_a_slate_at_a_time(agent, order):
    walker = agent()
    walker.reset(slate_task(2), 4, 0)
    at = Sessions(np.arange(5), np.zeros(5, np.uint64), np.arange(5))
    ranked = list(order)
    assert walker.act({}, {}, at).tolist() == [
        ranked[0:2],
        ranked[2:4],
        ranked[4:6],
        ranked[6:8],
        [ranked[8], ranked[0]],
    ]


def test_forbidden_places_of_a_slate_are_filled_with_the_best_that_is_left():
    wanted = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 2]])
    scores = np.array([9.0, 8.0, 7.0, 6.0, 5.0])
    allowed = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 1], [0, 0, 1, 1, 0]], bool)
    filled = replace_forbidden(wanted, scores, allowed)
    assert filled[:2].tolist() == [[0, 1, 2], [3, 1, 4]]
    assert set(filled[2].tolist()) == {2, 3}  # two items for three places


def test_rankings_need_items_and_full_slates():
    with pytest.raises(AgentError, match=r"tests/Slates-v0 draws its items anew for each step; use random"):
        slates(PopularAgent(), candidates=True)
    with pytest.raises(AgentError, match="2 items do not fill a slate of 3; raise cycle_length"):
        slates(BestRatedAgent(cycle_length=2))


@pytest.mark.parametrize("agent", [GreedyAgent, GreedyNoRepeatAgent])
def test_greedy_needs_to_be_told_what_items_earned(agent):
    with pytest.raises(AgentError, match=r"what items earned, and tests/Slates-v0 observes nothing"):
        agent().reset(slate_task(3), 1, 0)
    with pytest.raises(AgentError, match="draws its items anew"):
        agent().reset(slate_task(3, candidates=True), 1, 0)


def test_slates_of_the_best_scores():
    scores = np.array([[1.0, 3.0, 3.0, 2.0], [4.0, 1.0, 2.0, 3.0]])
    allowed = np.array([[True, False, True, True], [False, True, False, False]])
    assert best_slates(scores, 3, None).tolist() == [[1, 2, 3], [0, 3, 2]]
    assert best_slates(scores, 2, allowed).tolist() == [[2, 3], [1, 1]]  # too few: the best once more
    assert best_slates(scores, 6, None)[:, 3:].tolist() == [[0, 1, 1], [1, 0, 0]]
    assert best_slates(scores, None, allowed).tolist() == [2, 1]


def test_categories_take_turns():
    catalogue = replace(
        Catalogue.of_slots(6),
        category_names=("a", "b", "c"),
        category_ids=np.array([0, 0, 0, 1, 1, 2], np.int32),
        mean_reward=np.array([1, 2, 3, 5, 4, 0], np.float32),
        popularity=np.array([9, 2, 3, 5, 4, 0]),
    )

    def shown(size: int | None, **parameters: Any) -> list[Any]:
        agent = RoundRobinAgent(**parameters)
        agent.reset(replace(slate_task(size, 6), catalogue=catalogue), 1, 0)
        return [agent.act({}, {}, sessions(1, step))[0].tolist() for step in range(7 if size is None else 2)]

    assert shown(None) == [3, 2, 5, 4, 1, 0, 3]  # b has the best rated item; c is through first, then b
    assert shown(None, by="popular") == [0, 3, 5, 2, 4, 1, 0]
    assert shown(None, depth=1) == [3, 2, 5, 3, 2, 5, 3]
    assert shown(None, categories=2) == [3, 2, 4, 1, 0, 3, 2]
    assert shown(3) == [[3, 2, 5], [4, 1, 0]]
    with pytest.raises(AgentError, match="2 items do not fill a slate of 3"):
        shown(3, categories=2, depth=1)
    for bad in ({"by": "rank"}, {"depth": 0}, {"categories": 0}):
        with pytest.raises(ConfigurationError, match=next(iter(bad))):
            RoundRobinAgent(**bad)
