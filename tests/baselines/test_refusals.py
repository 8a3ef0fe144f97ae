"""Agents that learn to show single items say what they need where an id has slates or other observations."""

from __future__ import annotations

import pytest

from baselines.online.dqn import DQNAgent
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError
from recsim_envs.spec import Budget


class ClosedDoor:
    """A door that nobody should get through."""

    def __init__(self, env_id: str) -> None:
        self.task, self.budget = make_simulator(env_id, 1).task, Budget(episodes=10)

    def remaining(self) -> Budget:
        return self.budget

    def make(self, num_envs: int) -> None:
        raise AssertionError("the agent must refuse before it interacts")


@pytest.mark.parametrize("agent", [DQNAgent])
@pytest.mark.parametrize(
    "env_id", ["longrec/SlateTopKBored-v0", "longrec/Retention-v0", "longrec/InterestEvolution-v0"]
)
def test_slates_and_candidates_are_refused_before_training(agent, env_id):
    with pytest.raises(AgentError, match=f"{env_id} (draws its items anew|shows slates of|has no)"):
        agent().train(ClosedDoor(env_id), seed=0)
