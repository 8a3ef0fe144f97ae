from __future__ import annotations

import numpy as np
import pytest

from baselines.selection import best_allowed, ranking, replace_forbidden
from baselines.simple import BestRatedAgent, PopularAgent, RandomAgent
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Sessions
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
