from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.greedy import GreedyAgent, GreedyNoRepeatAgent, TasteEstimate
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Catalogue
from tests.baselines.support import evaluate
from tests.worlds import tiny_world


def catalogue(categories: list[list[int]], means: list[float]) -> Catalogue:
    counts = [len(c) for c in categories]
    return Catalogue(
        titles=[str(i) for i in range(len(means))],
        category_names=[str(c) for c in range(1 + max(max(c) for c in categories))],
        category_indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        category_ids=np.concatenate(categories).astype(np.int32),
        popularity=np.ones(len(means), np.int64),
        mean_reward=np.array(means, np.float32),
    )


def reference(c: Catalogue, items: list[int], rewards: list[float], user_prior: float, category_prior: float):
    """The formulas of `TasteEstimate`, one item at a time."""
    seen = [(i, r - float(c.mean_reward[i])) for i, r in zip(items, rewards, strict=True) if i >= 0]
    offset = sum(e for _, e in seen) / (len(seen) + user_prior)
    affinity = []
    for k in range(len(c.category_names)):
        inside = [e - offset for i, e in seen if k in c.categories(i)]
        affinity.append(sum(inside) / (len(inside) + category_prior))
    return [
        float(c.mean_reward[i]) + offset + sum(affinity[k] for k in c.categories(i)) / len(c.categories(i))
        for i in range(c.num_items)
    ]


seen_lists = st.lists(st.tuples(st.integers(-1, 3), st.integers(1, 5)), min_size=4, max_size=4)


@given(st.lists(seen_lists, min_size=1, max_size=4))
def test_the_estimate_follows_its_formula(batch):
    c = catalogue([[0], [0, 1], [1, 2, 3], [3]], [3.0, 2.5, 4.0, 3.5])
    items = np.array([[i for i, _ in row] for row in batch], np.int32)
    rewards = np.array([[r for _, r in row] for row in batch], np.float32)
    predicted = TasteEstimate(c, 5.0, 3.0).predict(items, rewards)
    expected = [reference(c, i, r, 5.0, 3.0) for i, r in zip(items.tolist(), rewards.tolist(), strict=True)]
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)


def test_greedy_learns_which_category_a_user_likes():
    c = catalogue([[0], [0], [1], [1]], [3.0, 3.0, 3.1, 3.1])
    items, rewards = np.array([[0, 2], [2, 0]], np.int32), np.array([[5, 1], [5, 1]], np.float32)
    assert TasteEstimate(c, 5.0, 3.0).predict(items, rewards).argmax(axis=1).tolist() == [0, 2]


def test_no_repeat_never_repeats_and_starts_over_with_each_session():
    world = tiny_world(items=30, threshold=0.0, r_min=0.0, horizon=30)
    agent = GreedyNoRepeatAgent()
    first = evaluate(agent, world)
    assert all(sorted(shown) == list(range(30)) for shown in first.actions)
    assert evaluate(agent, world).actions == first.actions


def test_no_repeat_remembers_more_than_the_observation_shows_until_nothing_is_left():
    world = tiny_world(items=15, threshold=0.0, r_min=0.0, horizon=18)
    for shown in evaluate(GreedyNoRepeatAgent(), world).actions:
        assert len(set(shown[:15])) == 15  # the observation shows ten


def test_a_lane_that_is_reused_forgets():
    from recsim_envs.spec import Sessions

    world = tiny_world(threshold=0.0)
    run = evaluate(GreedyNoRepeatAgent(), world, sessions=2)
    agent = GreedyNoRepeatAgent()
    agent.reset(run.simulator.task, 2, 0)
    seen = {k: np.full((1, 10), -1 if k.endswith("items") else 0, np.float32) for k in (
        "history_items", "history_rewards", "session_items", "session_rewards")}  # fmt: skip
    seen = {k: v.astype(np.int32) if k.endswith("items") else v for k, v in seen.items()}

    def act(lane: int, step: int) -> int:
        return int(agent.act(seen, {}, Sessions(np.array([lane]), np.zeros(1, np.uint64), np.array([step])))[0])

    best, second = act(1, 0), act(1, 1)
    assert best != second
    assert act(0, 0) == best
    assert act(1, 0) == best


def test_priors_must_shrink():
    with pytest.raises(ConfigurationError, match="priors"):
        GreedyAgent(user_prior=0.0)


def test_a_hundred_lanes_on_fourteen_thousand_items_take_under_a_fifth_of_a_second():
    generator = np.random.default_rng(0)
    c = catalogue([[int(k), 290 + int(k) % 5] for k in generator.integers(0, 290, 14_000)], [3.0] * 14_000)
    estimate = TasteEstimate(c, 5.0, 3.0)
    items = generator.integers(-1, 14_000, (100, 20)).astype(np.int32)
    rewards = generator.uniform(1, 5, (100, 20)).astype(np.float32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        estimate.predict(items, rewards)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.2
