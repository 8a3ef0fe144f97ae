from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.cycle import FixedCycleAgent
from baselines.cycle_search import CycleSearch
from baselines.halving import SuccessiveHalving
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Budget
from tests.baselines.support import FakeDoor, evaluate
from tests.worlds import tiny_world


def planted(groups: int, window: int):
    """Items in `groups` far-apart heaps; everybody loves two items of each heap and hates the other two."""
    items = 4 * groups
    world = tiny_world(users=40, items=items, dim=8, threshold=1.0, window=window, horizon=30)
    role = np.random.default_rng(5).permutation(items)  # neither id nor catalogue says which item is which
    nudge = 1e-3 * np.arange(items)[:, None]
    world.arrays["vectors"] = (10.0 * np.eye(8)[role % groups] + nudge).astype(np.float32)
    world.arrays["rewards"] = np.broadcast_to(np.where(role < 2 * groups, 5, 1), (40, items)).astype(np.int8)
    world.arrays["popularity"] = np.full(items, 10, np.int64)
    world.arrays["mean_reward"] = np.full(items, 3.0, np.float32)
    return world


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("groups", "window", "length"), [(3, 1, 2), (3, 2, 3), (5, 4, 5)])
def test_finds_a_cycle_that_nobody_leaves(groups: int, window: int, length: int, seed: int):
    world = planted(groups, window)
    agent = FixedCycleAgent(pool=4 * groups)
    door = FakeDoor(world, Budget(episodes=200))
    agent.train(door, seed)
    assert door.episodes <= 200
    run = evaluate(agent, world)
    assert set(run.causes) == {"horizon"}
    assert run.returns.tolist() == [150.0] * 8
    assert len(agent.describe()["cycle"]) >= length


def test_a_first_item_that_users_dislike_is_found_out():
    """Nobody leaves after a first item; only sessions that start elsewhere in the chain can tell."""
    world = tiny_world(users=40, items=8, threshold=0.0, horizon=30)
    world.arrays["rewards"] = np.broadcast_to(np.where(np.arange(8) == 6, 1, 5), (40, 8)).astype(np.int8)
    world.arrays["popularity"] = np.array([10, 9, 8, 7, 6, 5, 90, 4], np.int64)  # the disliked one leads the list
    world.arrays["mean_reward"] = np.full(8, 3.0, np.float32)
    search = CycleSearch(FakeDoor(world, Budget(episodes=8)), (4,), 8, episodes=8, seed=0)
    search.run()
    assert search.candidates
    assert all(6 not in cycle for cycle in search.candidates)


def test_the_search_is_deterministic_and_depends_on_its_seed():
    found = []
    for seed in (0, 0, 1, 2, 3):
        agent = FixedCycleAgent(pool=30)
        agent.train(FakeDoor(tiny_world(users=40), Budget(episodes=100)), seed)
        found.append(agent.describe())
    assert found[0] == found[1]
    assert any(facts != found[0] for facts in found[2:])


@pytest.mark.parametrize("budget", [Budget(episodes=1), Budget(steps=3), Budget(episodes=7, steps=9), Budget()])
def test_any_budget_yields_a_cycle(budget: Budget):
    world = tiny_world(users=40)
    agent = FixedCycleAgent(pool=10, default_episodes=40)
    door = FakeDoor(world, budget)
    agent.train(door, 0)
    assert door.steps <= (budget.steps or 10_000)
    assert 1 <= len(agent.describe()["cycle"]) <= 5
    assert all(evaluate(agent, world).causes)


def test_parameters_and_files_are_checked(tmp_path):
    with pytest.raises(ConfigurationError, match="lengths"):
        FixedCycleAgent(lengths=())
    with pytest.raises(ConfigurationError, match="pool"):
        FixedCycleAgent(pool=3)
    (tmp_path / "cycle.json").write_text('{"cycle": ["a"]}')
    with pytest.raises(AgentError, match=r"cycle\.json: field cycle"):
        FixedCycleAgent().load(tmp_path)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 300))
def test_halving_without_noise_finds_the_best_arm_and_spends_what_it_may(means: list[float], episodes: int):
    search, spent = SuccessiveHalving(len(means), episodes), 0
    while not search.done:
        arm = search.next()
        search.record(arm, means[arm])
        spent += 1
    assert means[search.best()] == max(means)
    assert spent <= max(episodes, 4 * len(means))


@given(st.integers(0, 5000))
def test_affordable_arms_can_be_halved_down_to_one(episodes: int):
    arms = SuccessiveHalving.affordable_arms(episodes)
    assert arms == 2 or arms * np.log2(arms) <= episodes


def test_late_results_of_eliminated_arms_do_no_harm():
    search = SuccessiveHalving(4, 8)
    for arm, value in ((0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0)):
        search.record(arm, value)
    search.record(0, 100.0)
    assert search.best() == 3
