"""The control against its definition, one item at a time."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.llm.exact_no_repeat import ExactNoRepeatAgent
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError
from recsim_envs.spec import Catalogue, Sessions
from tests.baselines.support import simulator
from tests.worlds import tiny_world


def reference(c: Catalogue, seen: list[tuple[int, float]], shown: set[int]) -> int:
    """The docstring of the agent, in plain Python."""
    mean = sum(r for _, r in seen) / len(seen) if seen else 0.0
    liked = set()
    for category in range(len(c.category_names)):
        rewards = [r for i, r in seen if category in c.categories(i)]
        if rewards and sum(rewards) / len(rewards) >= mean - 1e-9:
            liked.add(category)
    items = [i for i in range(c.num_items) if i not in shown]
    inside = [i for i in items if liked & set(c.categories(i).tolist())]
    return min(
        inside or items or range(c.num_items), key=lambda i: (-float(c.mean_reward[i]), -int(c.popularity[i]), i)
    )


@pytest.mark.parametrize("items", [12, 40])
def test_every_step_follows_the_definition(items):
    world = tiny_world(users=20, items=items, threshold=0.0, r_min=0.0, horizon=15)  # nobody leaves
    sim, agent = simulator(world, 10), ExactNoRepeatAgent()
    agent.reset(sim.task, 10, 0)
    sim.begin(np.arange(10), np.arange(10, dtype=np.uint64))
    shown: list[list[int]] = [[] for _ in range(10)]
    for step in range(15):
        seen = sim.observe()
        sessions = Sessions(np.arange(10), np.zeros(10, np.uint64), np.full(10, step))
        actions = agent.act(seen, {}, sessions)
        for row, item in enumerate(actions.tolist()):
            pairs = [
                (int(i), float(r))
                for kind in ("history", "session")
                for i, r in zip(seen[f"{kind}_items"][row], seen[f"{kind}_rewards"][row], strict=True)
                if i >= 0
            ]
            assert item == reference(sim.task.catalogue, pairs, set(shown[row]))
            shown[row].append(item)
        sim.step(actions)
    fresh = min(items, 15)
    assert all(len(set(row[:fresh])) == fresh for row in shown)


def test_drawn_candidates_are_refused():
    with pytest.raises(AgentError, match="longrec/InterestEvolution-v0 draws its items anew"):
        ExactNoRepeatAgent().reset(make_simulator("longrec/InterestEvolution-v0", 1).task, 1, 0)
