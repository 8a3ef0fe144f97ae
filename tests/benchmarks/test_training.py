"""Training on the native vector face, beside the same SB3 agent on one `gymnasium.Env` a slot.

Processor time, since machines are shared; the same world, batches, updates and number of sessions at a time:

native: our agent, as `longrec train` runs it.
usual: SB3's `make_vec_env`, an environment and a `Monitor` a slot, and SB3's "MultiInputPolicy" with as many hidden
    units.
same_policy: an environment a slot, but under our policy: what the vector face alone is worth. The states are read for
    all slots at once, which flatters it: most wrappers do that slot by slot.

    pytest tests/benchmarks/test_training.py --benchmark-enable --benchmark-only
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from baselines.networks import own_torch
from baselines.online.dqn import DQNAgent
from baselines.online.ppo import PPOAgent
from baselines.online.sb3_agent import SB3Agent
from baselines.online.sb3_vec import GymVecEnv, PolicyView
from baselines.tuned import filled
from recsim_envs.spec import Budget, TaskSpec

LANES, STEPS = 256, 4096
SMALL = 8, 64  # where nothing is timed
ENVS = ["longrec/LongTermSatisfaction-v0", "longrec/SingleItemBored-v0", "longrec/Games-v0"]
CASES = [("ppo", env_id) for env_id in ENVS] + [("dqn", env_id) for env_id in ENVS[1:]]


class Door:
    """A budget of steps that is never spent: how long training takes is said to SB3."""

    folder = None
    budget = Budget(steps=10**9)

    def __init__(self, task: TaskSpec) -> None:
        self.task = task

    def remaining(self) -> Budget:
        return self.budget

    def spent(self) -> bool:
        return False


class ReadStates(VecEnvWrapper):
    """The states of `PolicyView` and rewards as `GymVecEnv` scales them, over SB3's own vector environment."""

    def __init__(self, venv: VecEnv, task: TaskSpec) -> None:
        self.view, self.task, self._scale = PolicyView(task), task, max(map(abs, task.reward_range))
        super().__init__(venv, observation_space=self.view.space)

    def reset(self) -> Any:
        return self.view.read(self.venv.reset(), {})

    def step_wait(self) -> Any:
        observations, rewards, dones, infos = self.venv.step_wait()
        for info in infos:
            if "terminal_observation" in info:
                last = {key: value[None] for key, value in info["terminal_observation"].items()}
                info["terminal_observation"] = {key: value[0] for key, value in self.view.read(last, {}).items()}
        return self.view.read(observations, {}), rewards / np.float32(self._scale), dones, infos


def native_env(env_id: str, agent: SB3Agent) -> GymVecEnv:
    envs: VectorEnv = gym.make_vec(env_id, num_envs=agent.num_envs, split="train", autoreset_mode="SameStep")
    return GymVecEnv(envs, envs.unwrapped.task)


def native(env_id: str, agent: SB3Agent) -> BaseAlgorithm:
    env = native_env(env_id, agent)
    agent = filled(agent, env.task, agent.general)
    return agent.algorithm(env, Door(env.task), 0)


def same_policy(env_id: str, agent: SB3Agent) -> BaseAlgorithm:
    def make() -> gym.Env:
        return gym.make(env_id, split="train")

    task = make().unwrapped.task
    env: Any = ReadStates(DummyVecEnv([make] * agent.num_envs), task)
    agent = filled(agent, task, agent.general)
    model = agent.algorithm(env, Door(task), 0)
    env.value_of_cut = None  # SB3 asks for the values of what was cut off itself
    return model


def usual(env_id: str, agent: SB3Agent) -> BaseAlgorithm:
    env = make_vec_env(env_id, n_envs=agent.num_envs, env_kwargs={"split": "train"})
    ours, like = {"net_arch": [agent.hidden]}, native_env(env_id, agent)
    agent = filled(agent, like.task, agent.general)
    if isinstance(agent, PPOAgent):
        kwargs = agent.ppo_kwargs(like, Door(like.task), 0)
        return PPO("MultiInputPolicy", env, **kwargs | {"policy_kwargs": ours})
    return DQN("MultiInputPolicy", env, **agent.dqn_kwargs(like, 0) | {"policy_kwargs": ours})


@pytest.mark.parametrize("way", [native, same_policy, usual])
@pytest.mark.parametrize(("name", "env_id"), CASES)
@pytest.mark.benchmark(timer=time.process_time)
def test_training(benchmark: Any, name: str, env_id: str, way: Callable[[str, SB3Agent], BaseAlgorithm]) -> None:
    lanes, steps = (LANES, STEPS) if benchmark.enabled else SMALL
    agent = (PPOAgent if name == "ppo" else DQNAgent)(num_envs=lanes)
    with own_torch():
        model = way(env_id, agent)
        model.learn(lanes * 16, log_interval=None)
        benchmark.extra_info["steps"] = steps
        benchmark.pedantic(lambda: model.learn(steps, log_interval=None, reset_num_timesteps=False), rounds=3)
    assert model.num_timesteps >= lanes * 16 + steps
    assert all(torch.isfinite(p).all() for p in model.policy.parameters())
