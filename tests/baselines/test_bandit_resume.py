"""A bandit's training killed at any moment and given again ends in the bits of one that was not interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baselines.bandits import training
from baselines.bandits.cluster import ClusterBanditAgent
from baselines.bandits.linear import LinearBandit
from baselines.bandits.linucb import LinUCBAgent
from baselines.bandits.thompson import LinearThompsonAgent
from leaderboard.evaluate.training import MeteredEnvs
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError
from recsim_envs.spec import Budget
from tests.baselines.online.test_resume import KillError, door, killed_after

BORED = "longrec/SlateTopKBored-v0"
CASES = [
    (LinUCBAgent, "longrec/SingleItemBored-v0"),
    (ClusterBanditAgent, BORED),
    (LinearThompsonAgent, "longrec/InterestEvolution-v0"),
]


@pytest.mark.parametrize(("kind", "env_id"), CASES)
def test_stopped_again_and_again_it_ends_in_the_same_bits(kind: type[LinearBandit], env_id: str, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SECONDS", 0.0)
    whole, whole_door = kind(), door(env_id, None, 400)
    whole.train(whole_door, 0)
    for steps in (21, 13):
        with pytest.raises(KillError):
            kind().train(killed_after(door(env_id, tmp_path, 400), steps), 0)
    last, envs = kind(), door(env_id, tmp_path, 400)
    last.train(envs, 0)
    assert (envs.used_steps, envs.used_episodes) == (whole_door.used_steps, whole_door.used_episodes)
    assert last.describe() == whole.describe()
    np.testing.assert_array_equal(last._thetas, whole._thetas)


def test_a_finished_training_given_again_costs_nothing(tmp_path: Path):
    task = make_simulator(BORED, 1, split="train").task

    def sessions() -> MeteredEnvs:
        return MeteredEnvs(BORED, {}, task, Budget(episodes=9), lambda e, r: 1000 * e + r, folder=tmp_path)

    first, again, envs = LinUCBAgent(), LinUCBAgent(), sessions()
    first.train(sessions(), 0)
    again.train(envs, 0)
    assert envs.used_episodes == 9
    assert again.describe() == first.describe()


def test_checkpoints_of_other_trainings_or_damaged_ones_are_refused(tmp_path: Path):
    LinUCBAgent().train(door(BORED, tmp_path, 40), 0)
    for agent, seed, fault in (
        (ClusterBanditAgent(), 0, "agent LinUCBAgent, not ClusterBanditAgent"),
        (LinUCBAgent(alpha=2.0), 0, "alpha 0.5, not 2.0"),
        (LinUCBAgent(), 1, "seed 0, not 1"),
    ):
        with pytest.raises(AgentError, match=f"checkpoint.json is of a training with {fault}"):
            agent.train(door(BORED, tmp_path, 40), seed)
    file = tmp_path / training.CHECKPOINT
    file.write_text(file.read_text()[:50])
    with pytest.raises(AgentError, match=r"checkpoint\.json is damaged"):
        LinUCBAgent().train(door(BORED, tmp_path, 40), 0)
