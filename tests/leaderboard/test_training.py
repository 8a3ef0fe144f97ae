"""The meter: every session and step is counted, whatever an agent tries."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from gymnasium import spaces

from leaderboard.evaluate.training import MeteredEnvs
from recsim_envs import make_simulator, rng
from recsim_envs.errors import BudgetExceededError, EpisodeError
from recsim_envs.spec import Budget
from tests.leaderboard.conftest import ENV
from tests.leaderboard.slates import SLATES, register


@pytest.fixture
def make(world_path):
    def made(budget, **options):
        task = make_simulator(ENV, 1, split="train", world=str(world_path)).task
        return MeteredEnvs(ENV, {"world": str(world_path)}, task, budget, lambda e, r: 1000 * e + r, **options)

    return made


def actions(env, step):
    return rng.below_array(60, 1, step, rng.POLICY, np.arange(env.num_envs))


def play(envs, env, limit=10_000):
    for step in range(limit):
        if envs.spent():
            return step
        env.step(actions(env, step))
    return limit


def test_episodes_run_out(make):
    envs = make(Budget(episodes=20))
    env = envs.make(6)
    env.reset()
    play(envs, env)
    assert envs.used_episodes == 20
    assert envs.remaining().episodes == 0
    with pytest.raises(BudgetExceededError, match=r"episodes and \d+ steps used of 20 episodes\); stop when"):
        env.step(actions(env, 0))
    with pytest.raises(BudgetExceededError):
        envs.make(1)


def test_steps_run_out(make):
    envs = make(Budget(steps=100))
    env = envs.make(8)
    env.reset()
    assert play(envs, env) == 12
    assert envs.used_steps == 96
    assert envs.remaining().steps == 0
    env.close()
    assert envs.make(64).num_envs == 4  # what is left, in a narrower batch


def test_no_more_lanes_than_sessions_left(make):
    envs = make(Budget(episodes=10))
    assert envs.make(64).num_envs == 10
    envs = make(Budget(episodes=10))
    first = envs.make(8)
    assert envs.make(64).num_envs == 2
    first.close()
    assert envs.make(64).num_envs == 8


def test_one_lane_spends_exactly_its_budget(make):
    envs = make(Budget(episodes=15))
    env = envs.make(1)
    env.reset()
    play(envs, env)
    assert envs.used_episodes == 15


def test_abandoned_sessions_are_charged(make):
    envs = make(Budget(episodes=100))
    env = envs.make(5)
    env.reset()
    env.reset()
    assert envs.used_episodes == 0  # nothing was seen of them but their start
    ended = env.step(actions(env, 0))[2].sum()
    before = envs.used_episodes
    env.reset()
    assert envs.used_episodes == before + 5 - ended
    ended = env.step(actions(env, 1))[2].sum()
    before = envs.used_episodes
    env.close()
    env.close()
    assert envs.used_episodes == before + 5 - ended


def test_surplus_endings_are_not_told(make):
    """Nine sessions at a time: in the step that spends the budget, the others look as if they went on."""
    for budget in range(9, 40):
        envs = make(Budget(episodes=budget))
        env = envs.make(9)
        env.reset()
        told, step = 0, 0
        while not envs.spent():
            observations, _, terminated, truncated, infos = env.step(actions(env, step))
            over = terminated | truncated
            told, step = told + over.sum(), step + 1
            if over.any():
                assert (infos["_final_obs"] == over).all()
            assert (observations["length"][over] == 0).all()
            assert (observations["length"][~over] > 0).all()
        assert told == envs.used_episodes == budget


def test_agents_cannot_choose_the_users(make):
    first, second = make(Budget(episodes=50)).make(6), make(Budget(episodes=50)).make(6)
    a, b = first.reset(seed=1)[0], second.reset(seed=2)[0]
    assert all(np.array_equal(a[k], b[k]) for k in a)
    c = second.reset(seed=1)[0]
    assert any(not np.array_equal(a[k], c[k]) for k in a)


def test_hidden_state_only_for_privileged_agents(make):
    assert "privileged" not in make(Budget(episodes=5)).make(2).reset()[1]
    assert "privileged" in make(Budget(episodes=5), privileged=True).make(2).reset()[1]


@pytest.mark.parametrize("width", [1, 20])
def test_many_environments_grant_no_more_than_one(make, width):
    """Sessions begun in environments that are neither finished nor closed are held: there is no free first step."""
    envs = make(Budget(episodes=20))
    for _ in range(20 // width):
        env = envs.make(width)
        env.reset()
        env.step(actions(env, 0))
    with pytest.raises(BudgetExceededError, match="hold every session that is left"):
        envs.make(width)
    assert envs.used_steps == 20


def test_closed_environments_are_closed(make):
    envs = make(Budget(steps=100))
    wide, narrow = envs.make(100), envs.make(1)
    wide.reset()
    narrow.reset()
    wide.close()
    for step in range(99):
        narrow.step(actions(narrow, step))
    for call in (lambda: wide.step(actions(wide, 0)), wide.reset):
        with pytest.raises(EpisodeError, match="is closed; make another one"):
            call()
    assert envs.used_steps == 99


def test_no_way_around_the_meter(make):
    envs = make(Budget(episodes=10))
    env = envs.make(5)
    assert env.unwrapped is env
    assert not hasattr(env, "env")
    assert env.spec.id == ENV
    assert env.task is envs.task
    env.reset()
    assert env.action_masks().shape == (5, 60)
    for thing in (env, envs):
        for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied"):
                duplicate(thing)


def test_sessions_begun_by_autoreset_are_not_charged_unplayed(make):
    envs = make(Budget(episodes=100))
    env = envs.make(1)
    env.reset()
    step = 0
    while not envs.used_episodes:
        env.step(actions(env, step))
        step += 1
    env.close()
    assert envs.used_episodes == 1


def test_slates_are_metered_step_by_step():
    register()
    task = make_simulator(SLATES, 1, split="train").task
    envs = MeteredEnvs(SLATES, {}, task, Budget(episodes=20), lambda e, r: 1000 * e + r)
    env = envs.make(6)
    assert env.single_action_space == spaces.MultiDiscrete([12] * 3)
    env.reset()
    assert env.action_masks().shape == (6, 36)
    steps = 0
    while not envs.spent():
        env.step(rng.below_array(12, 1, steps, rng.POLICY, np.arange(18)).reshape(6, 3))
        steps += 1
    assert (envs.used_episodes, envs.used_steps) == (20, 6 * steps)
    with pytest.raises(BudgetExceededError):
        env.step(np.zeros((6, 3), np.int64))


def test_progress_tells_return_and_length_of_recent_sessions(make):
    """Against sessions that are added up beside the door; abandoned ones do not count."""
    told, ended = [], []
    envs = make(Budget(episodes=30), progress=lambda *news: told.append(news))
    env = envs.make(4)
    env.reset()
    returns, lengths = np.zeros(4), np.zeros(4)
    while not envs.spent():
        _, rewards, terminated, truncated, _ = env.step(np.zeros(4, np.int64))
        returns, lengths = returns + rewards, lengths + 1
        for lane in np.flatnonzero(terminated | truncated):
            ended.append((returns[lane], lengths[lane]))
            returns[lane] = lengths[lane] = 0
        if len(ended) == 12 and lengths.any():
            env.reset()  # charged, but not over: what they earned so far is nobody's return
            returns[:] = lengths[:] = 0
    assert told[-1][0] == 30
    assert told[-1][1:] == pytest.approx(np.mean(ended, axis=0))
