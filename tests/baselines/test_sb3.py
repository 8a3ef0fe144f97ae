from __future__ import annotations

import random

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from baselines.items import item_features
from baselines.online.a2c import A2CAgent
from baselines.online.dqn import DQNAgent
from baselines.online.ppo import PPOAgent
from baselines.online.sb3_vec import FORBIDDEN, GymVecEnv, PolicyView, allowed_in
from baselines.online.sizes import share_spent
from baselines.states import StateReader
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.faces.seeding import lane_seeds
from recsim_envs.spec import Budget, Sessions, TaskSpec
from tests.baselines.support import FakeDoor, evaluate
from tests.worlds import tiny_world

AGENTS = [DQNAgent, A2CAgent, PPOAgent]


def adapter(world, lanes: int, seed: int = 5, **options) -> GymVecEnv:
    door = FakeDoor(world, Budget(), **options)
    env = GymVecEnv(door.make(lanes), door.task)
    env.seed(seed)
    return env


@pytest.mark.parametrize("protocol", ["FB", "NX_0"])
def test_adapter_equals_single_environments(protocol: str):
    """Observations, rewards, terminal observations and time limits are those of one `gymnasium.Env` a lane."""
    world, lanes = tiny_world(users=40, horizon=6), 5
    env = adapter(world, lanes, protocol=protocol)
    singles = [SimulatorEnv(family="departure", world=world, split="train", protocol=protocol) for _ in range(lanes)]
    expected = [s.reset(seed=int(k)) for s, k in zip(singles, lane_seeds(5, lanes), strict=True)]
    reader = StateReader(env.task)

    def read(observation):
        return {key: value[0] for key, value in reader.read({k: v[None] for k, v in observation.items()}).items()}

    observations = env.reset()
    generator, ends, limits = np.random.default_rng(0), 0, 0
    for _ in range(60):
        allowed = allowed_in(observations, 30)
        for lane, (observation, info) in enumerate(expected):
            for key, value in read(observation).items():
                np.testing.assert_array_equal(observations[key][lane], value)
            assert observations.keys() - read(observation).keys() == (set() if protocol == "FB" else {FORBIDDEN})
            if allowed is not None:
                np.testing.assert_array_equal(allowed[lane], info["action_mask"])
        lottery = generator.random((lanes, 30))
        actions = np.where(allowed, lottery, -1).argmax(1) if allowed is not None else lottery.argmax(1)
        observations, rewards, dones, infos = env.step(actions)
        for lane, single in enumerate(singles):
            observation, reward, terminated, truncated, info = single.step(int(actions[lane]))
            assert rewards[lane] == np.float32(reward / 5.0)
            assert dones[lane] == (terminated or truncated)
            assert dones[lane] == ("terminal_observation" in infos[lane])
            if dones[lane]:
                ends, limits = ends + 1, limits + truncated
                assert infos[lane]["TimeLimit.truncated"] == (truncated and not terminated)
                for key, value in read(observation).items():
                    np.testing.assert_array_equal(infos[lane]["terminal_observation"][key], value)
                observation, info = single.reset()
            expected[lane] = observation, info
    assert ends > 10
    assert limits > 0
    assert len(env.returns) == len(env.lengths) == ends


def test_adapter_counts_whole_sessions_in_undivided_rewards():
    world = tiny_world(threshold=0.0, r_min=0.0, horizon=4)
    env = adapter(world, 3)
    env.reset()
    for _ in range(8):
        env.step(np.zeros(3, np.int64))
    assert env.lengths == [4] * 6
    assert all(total in 4.0 * np.arange(1, 6) for total in env.returns)


def test_adapter_spaces_hold_what_it_returns_and_lanes_are_no_objects():
    env = adapter(tiny_world(), 2, protocol="NX_0")
    env.reset()
    observations, *_ = env.step(np.array([1, 2]))
    single = {key: value[0] for key, value in observations.items()}
    assert env.observation_space.contains(single)
    assert env.get_attr("num_envs") == [2, 2]
    assert env.env_is_wrapped(gym.Wrapper, indices=0) == [False]
    with pytest.raises(ConfigurationError, match="one object"):
        env.set_attr("x", 1)
    with pytest.raises(ConfigurationError, match="one object"):
        env.env_method("reset")


def test_item_features_start_alike_for_items_of_one_category():
    features = item_features(tiny_world().catalogue, 16)[:, 2:]  # without mean reward and popularity
    assert np.array_equal(features[0], features[3])
    assert not np.allclose(features[0], features[1])


def test_shares_of_a_budget():
    door = FakeDoor(tiny_world(), Budget(episodes=10, steps=100))
    assert share_spent(door) == 0.0
    door.episodes, door.steps = 5, 80
    assert share_spent(door) == pytest.approx(0.8)
    assert share_spent(FakeDoor(tiny_world(), Budget())) == 0.0


@pytest.mark.parametrize("agent", AGENTS)
def test_training_without_a_limit_is_refused(agent):
    with pytest.raises(ConfigurationError, match="budget"):
        agent().train(FakeDoor(tiny_world(), Budget()), 0)


@pytest.mark.parametrize("agent", AGENTS)
def test_training_depends_on_its_seed_and_leaves_global_randomness_alone(agent):
    world = tiny_world(users=40)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random(), float(torch.rand(1))  # noqa: NPY002
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    weights = []
    for seed in (0, 1):
        learner = agent()
        learner.train(FakeDoor(world, Budget(steps=80)), seed)
        weights.append(learner._weights)
        facts = learner.describe()
        assert facts["train_steps"] == 80
        assert facts["train_episodes"] == facts["learning_curve"][-1]["episode"]
    assert (random.random(), np.random.random(), float(torch.rand(1))) == expected  # noqa: NPY002
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("agent", AGENTS)
def test_parameters_that_do_not_fit_the_weights_are_refused(agent):
    door = FakeDoor(tiny_world(), Budget(steps=16))
    learner = agent()
    learner.train(door, 0)
    learner.reset(door.task, 1, 0)
    assert {p.dtype for p in learner._policy.parameters()} == {torch.float64}  # see `SB3Agent.reset` for why
    learner.hidden = 8
    with pytest.raises(AgentError, match="do not fit"):
        learner.reset(door.task, 1, 0)
    with pytest.raises(ConfigurationError, match="embedding_dim"):
        agent(embedding_dim=2)


class Mirror(VectorEnv):
    """Ten sessions of a bandit that wants the last item of the history plus one, modulo 10, five times."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs: int, task: TaskSpec) -> None:
        self.num_envs, self.task = num_envs, task
        self.single_observation_space, self.single_action_space = task.observation_space, task.action_space
        self.observation_space = batch_space(task.observation_space, num_envs)
        self.action_space = batch_space(task.action_space, num_envs)

    def _fresh(self, rows):
        self._wanted[rows] = self._generator.integers(0, 3, len(rows))
        self._steps[rows] = 0

    def _observe(self):
        items = np.full((self.num_envs, 10), -1, np.int32)
        empty, nothing = items.copy(), np.zeros((self.num_envs, 10), np.float32)
        items[:, -1] = self._wanted
        return {
            "history_items": items, "history_rewards": nothing + 5, "session_items": empty,
            "session_rewards": nothing, "length": self._steps[:, None].astype(np.int32),
        }  # fmt: skip

    def reset(self, *, seed=None, options=None):
        self._generator = np.random.default_rng(0)
        self._wanted, self._steps = np.zeros(self.num_envs, np.int64), np.zeros(self.num_envs, np.int64)
        self._fresh(np.arange(self.num_envs))
        return self._observe(), {}

    def step(self, actions):
        rewards = np.where(actions == self._wanted, 5.0, 0.0)
        self._steps += 1
        ended = self._steps >= 5
        infos = {"final_obs": self._observe(), "_final_obs": ended} if ended.any() else {}
        self._fresh(np.flatnonzero(ended))
        return self._observe(), rewards, np.zeros(self.num_envs, np.bool_), ended, infos


@pytest.mark.parametrize("agent", AGENTS)
def test_learns_what_each_user_wants(agent):
    """A bandit with 10 items of which the history names the right one; chance is 10 %."""
    door = FakeDoor(tiny_world(items=10), Budget(steps=6000))
    door.make = lambda n: _counted(Mirror(n, door.task), door)  # type: ignore[method-assign]
    learner = agent(gamma=0.5, learning_rate=3e-3)
    learner.train(door, 0)
    curve = learner.describe()["learning_curve"]
    learner.reset(door.task, 64, 0)
    env = Mirror(64, door.task)
    observations, _ = env.reset()
    sessions = Sessions(np.arange(64), np.zeros(64, np.uint64), np.zeros(64, np.int64))
    right = learner.act(observations, {}, sessions) == env._wanted
    assert right.mean() >= 0.9
    assert curve[-1]["return"] > 2 * curve[0]["return"]


def _counted(env, door):
    from tests.baselines.support import _Counting

    return _Counting(env, door)


def test_dqn_learns_to_stay_on_a_small_world():
    world = tiny_world(users=60, items=12, threshold=0.5, window=1)
    learner = DQNAgent(learning_rate=3e-3)
    learner.train(FakeDoor(world, Budget(steps=3000)), 0)
    before = DQNAgent()
    before.train(FakeDoor(world, Budget(steps=8)), 0)
    assert evaluate(learner, world, 30).returns.mean() > 1.5 * evaluate(before, world, 30).returns.mean()


def test_spaces_of_policies_add_the_mask_only_where_there_is_one():
    tasks = {protocol: FakeDoor(tiny_world(), Budget(), protocol=protocol).task for protocol in ("FB", "NX_0")}
    assert FORBIDDEN not in PolicyView(tasks["FB"]).space.spaces
    assert FORBIDDEN not in PolicyView(tasks["NX_0"], masks=False).space.spaces
    assert PolicyView(tasks["NX_0"]).space[FORBIDDEN].shape == (4,)


def test_values_of_what_the_horizon_cuts_off_are_added_for_all_lanes_at_once():
    """SB3 sees the same rewards with and without `value_of_cut`: its loop adds what the adapter else adds."""
    world, plain, batched = tiny_world(threshold=0.0, r_min=0.0, horizon=3), [], []
    for env, kept in ((adapter(world, 4), plain), (adapter(world, 4), batched)):
        if kept is batched:
            env.discount, env.value_of_cut = 0.5, lambda states: states["context"].sum(axis=1)
        env.reset()
        for _ in range(6):
            _, rewards, dones, infos = env.step(np.arange(4))
            for lane in np.flatnonzero(dones):
                if kept is plain:
                    assert infos[lane]["TimeLimit.truncated"]
                    rewards[lane] += 0.5 * infos[lane]["terminal_observation"]["context"].sum()
            kept.append(rewards)
    np.testing.assert_array_equal(plain, batched)


def test_an_annealed_learning_rate_falls_with_the_budget():
    door = FakeDoor(tiny_world(), Budget(steps=100))
    env = GymVecEnv(door.make(10), door.task)
    rate = PPOAgent(anneal=True, learning_rate=0.01).ppo_kwargs(env, door, 0)["learning_rate"]
    env.reset()
    found = []
    for _ in range(10):
        found.append(rate(1.0))
        env.step(np.zeros(10, np.int64))
    np.testing.assert_allclose([*found, rate(1.0)], np.arange(10, -1, -1) / 1000, atol=1e-12)
