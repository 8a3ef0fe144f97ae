"""What is particular to the agents of sb3-contrib, and to devices, batch sizes and event files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.online.a2c import A2CAgent
from baselines.online.dqn import DQNAgent
from baselines.online.maskable_ppo import MaskablePPOAgent
from baselines.online.ppo import PPOAgent
from baselines.online.qr_dqn import QRDQNAgent
from baselines.online.recurrent_ppo import RecurrentPPOAgent
from baselines.online.sizes import batch_size_for, gradient_steps_for, lanes_for, rollout_steps_for, step_limit
from leaderboard.evaluate.training import MeteredEnvs
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Budget, Sessions
from tests.baselines.support import FakeDoor
from tests.worlds import tiny_world


def door(env_id: str, steps: int = 512, folder: Path | None = None) -> MeteredEnvs:
    task = make_simulator(env_id, 1, split="train").task
    return MeteredEnvs(env_id, {}, task, Budget(steps=steps), lambda e, r: 1000 * e + r, folder=folder)


@pytest.mark.parametrize("agent", [PPOAgent, A2CAgent, RecurrentPPOAgent])
@pytest.mark.parametrize("env_id", ["longrec/InterestEvolution-v0", "longrec/SlateRerankBored-v0"])
def test_slates_and_candidates_are_played_whatever_the_batch(agent, env_id: str):
    learner, envs = agent(num_envs=16), door(env_id)
    learner.train(envs, 0)
    simulator = make_simulator(env_id, 12)
    simulator.begin(np.arange(12), np.arange(12, dtype=np.uint64))
    at = Sessions(np.arange(12), np.arange(12, dtype=np.uint64), np.zeros(12, np.int64))
    learner.reset(envs.task, 12, 0)
    together = learner.act(simulator.observe(), simulator.infos(), at)
    assert together.shape == (12, envs.task.slate_size)
    assert all(len(set(slate)) == envs.task.slate_size for slate in together.tolist())
    for row in (0, 11):
        one = {key: value[row : row + 1] for key, value in simulator.observe().items()}
        alone = learner.act(one, {}, Sessions(at.lanes[row : row + 1], at.keys[row : row + 1], at.steps[row : row + 1]))
        assert alone.tolist() == [together[row].tolist()]


@pytest.mark.parametrize("agent", [DQNAgent, QRDQNAgent, MaskablePPOAgent])
def test_slates_are_refused_before_training_with_a_way_out(agent):
    with pytest.raises(AgentError, match=r"one item a step, and longrec/Retention-v0 shows slates of 5; use .*ppo"):
        agent().train(door("longrec/Retention-v0"), 0)


def test_the_score_of_the_mean_query_is_the_mean_of_the_quantiles():
    learner, envs = QRDQNAgent(num_envs=8), FakeDoor(tiny_world(), Budget(steps=256))
    learner.train(envs, 0)
    learner.reset(envs.task, 8, 0)
    observations, infos = envs.make(8).reset(seed=3)
    states = {key: torch.tensor(value) for key, value in learner._view.read(observations, infos).items()}
    quantiles = learner._policy.quantile_net(states)
    assert quantiles.shape == (8, 16, 30)
    assert quantiles.std(dim=1).min() > 0
    torch.testing.assert_close(learner.scores(learner._policy, states), quantiles.mean(dim=1))


def test_recurrent_ppo_remembers_within_a_session_and_forgets_at_its_start():
    learner, envs = RecurrentPPOAgent(num_envs=8), FakeDoor(tiny_world(), Budget(steps=256))
    learner.train(envs, 0)
    learner.reset(envs.task, 3, 0)
    observations, infos = envs.make(3).reset(seed=3)
    lanes, keys = np.arange(3), np.arange(3, dtype=np.uint64)
    learner.act(observations, infos, Sessions(lanes, keys, np.zeros(3, np.int64)))
    first = learner._hidden.clone()
    learner.act(observations, infos, Sessions(lanes, keys, np.array([1, 0, 1])))
    assert (learner._hidden[0, [0, 2]] - first[0, [0, 2]]).abs().max() > 1e-6
    torch.testing.assert_close(learner._hidden[0, 1], first[0, 1])


def test_maskable_ppo_never_shows_what_is_forbidden_and_asks_for_no_masks_where_nothing_is():
    learner, envs = MaskablePPOAgent(num_envs=8), FakeDoor(tiny_world(), Budget(steps=512), protocol="NX_0")
    made = envs.make

    def watched(num_envs: int):
        env = made(num_envs)
        step, shown = env.step, [env.reset(seed=0)[1]["action_mask"]]

        def checked(actions):
            out = step(actions)
            assert (shown[-1][np.arange(num_envs), actions] != 0).all()
            shown.append(out[-1]["action_mask"].copy())
            return out

        reset = env.reset

        def again(**kwargs):
            out = reset(**kwargs)
            shown.append(out[-1]["action_mask"].copy())
            return out

        env.step, env.reset = checked, again
        return env

    envs.make = watched  # type: ignore[method-assign]
    learner.train(envs, 0)
    assert envs.steps >= 500
    free = MaskablePPOAgent(num_envs=8)
    free.train(FakeDoor(tiny_world(), Budget(steps=128)), 0)  # no infos hold a mask there, and none is asked for
    assert free.describe()["train_steps"] == 128


def test_sizes_follow_from_the_budget():
    assert [lanes_for(steps) for steps in (1, 7_000, 100_000, 300_000, 1_000_000, 10**9)] == [8, 8, 32, 64, 256, 256]
    assert [(rollout_steps_for(n), batch_size_for(n)) for n in (8, 32, 256)] == [(8, 64), (8, 64), (16, 256)]
    assert [gradient_steps_for(n) for n in (8, 64, 256)] == [2, 2, 8]
    world = tiny_world(horizon=20)
    assert step_limit(FakeDoor(world, Budget(episodes=100))) == 2000
    assert step_limit(FakeDoor(world, Budget(episodes=100, steps=500))) == 500
    with pytest.raises(ConfigurationError, match="budget"):
        step_limit(FakeDoor(world, Budget()))


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_devices_that_are_not_there_are_refused_before_training(device: str):
    envs = FakeDoor(tiny_world(), Budget(steps=64))
    with pytest.raises(AgentError, match=f"no device '{device}'"):
        DQNAgent(device=device).train(envs, 0)
    assert envs.steps == 0


def test_event_files_tell_return_and_length(tmp_path: Path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr("baselines.online.watch.LOG_SECONDS", 0.0)
    PPOAgent(num_envs=16).train(door("longrec/SlateRerankBored-v0", 1024, tmp_path), 0)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"rollout/return", "rollout/length", "rollout/sessions", "train/loss"} <= set(events.Tags()["scalars"])
    lengths = [event.value for event in events.Scalars("rollout/length")]
    assert lengths[-1] == 10.0
    assert events.Scalars("rollout/sessions")[-1].step <= 1024
