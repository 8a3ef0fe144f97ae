"""Whatever kind of world the departure family runs on: every face, batch and process sees the same sessions."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import recsim_envs
from recsim_envs import rng
from recsim_envs.check import check_environment
from recsim_envs.families import make_family
from recsim_envs.fingerprint import run_fingerprint
from recsim_envs.policies import random_actions
from tests.worlds import every_kind, tiny_gru_world

WORLDS = every_kind()
IDS = ["longrec/Games-v0", "longrec/GamesDrift-v0", "longrec/GamesChurn-v0"]


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """Ids of one world that are gone after the test."""
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))
    monkeypatch.setattr(gym, "registry", gym.envs.registration.registry)
    world = tiny_gru_world(users=40, items=60, threshold=1.5).save(tmp_path / "world")

    def register(name, **options):
        recsim_envs.register(f"tests/{name}-v0", world=world, **options)
        return f"tests/{name}-v0"

    return register


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"protocol": "NX_0", "leave_by": "category", "window": 3},
        {"family": "changing-departure", "drift": 3, "churn": 4, "shift": 0.5, "leaving_pays": True},
        {"family": "feedback", "of": "departure", "delay": 2, "noise": 0.3},
    ],
    ids=["plain", "no-repeat", "changing", "feedback"],
)
def test_the_conformance_suite_passes_on_a_sequential_world(registered, options):
    env_id = registered("Sequential", **options)
    assert [f for f in check_environment(env_id, fast=True) if not f.ok or f.skipped] == []


@pytest.mark.parametrize("name", sorted(WORLDS))
@pytest.mark.parametrize("env_id", IDS)
def test_a_vector_lane_equals_a_scalar_environment(env_id, name):
    lanes, options = 12, {"world": WORLDS[name], "split": "test", "horizon": 6, "threshold": 1.5}
    vector, scalar = gym.make_vec(env_id, num_envs=lanes, **options), gym.make(env_id, **options).unwrapped
    seeds = rng.bits_array(17, np.arange(lanes), rng.POLICY) >> np.uint64(1)
    vector.reset(seed=[int(s) for s in seeds])
    actions, record = [], []
    for t in range(20):
        actions.append(random_actions(vector.unwrapped.simulator, seeds, t))
        record.append(vector.step(actions[-1]))
    for lane in range(lanes):
        scalar.reset(seed=int(seeds[lane]))
        over = False
        for batch, (observations, rewards, terminated, truncated, _) in zip(actions, record, strict=True):
            observation, *result = (*scalar.reset()[:1], 0.0, False, False) if over else scalar.step(int(batch[lane]))
            assert all(np.array_equal(value, observations[key][lane]) for key, value in observation.items())
            assert tuple(result[:3]) == (rewards[lane], terminated[lane], truncated[lane])
            over = result[1] or result[2]


@pytest.mark.parametrize("name", sorted(WORLDS))
@pytest.mark.parametrize("options", [{}, {"drift": 3, "churn": 2}])
def test_how_many_lanes_run_together_changes_nothing(name, options):
    def make(lanes):
        return make_family("changing-departure", lanes, world=WORLDS[name], split="all", **options)

    assert len({run_fingerprint(make, together) for together in (1, 5, 16)}) == 1


def test_fingerprints_of_kinds_differ():
    def make(world):
        return lambda lanes: make_family("departure", lanes, world=world)

    assert len({run_fingerprint(make(world)) for world in WORLDS.values()}) == len(WORLDS)


def begin(simulator, seeds):
    simulator.begin(np.arange(simulator.num_lanes), np.asarray(seeds, np.uint64))


def felt(simulator, actions):
    """What the users in all lanes would give these items now."""
    lanes = np.arange(simulator.num_lanes)
    return simulator.opinions(lanes)[lanes, actions]


@pytest.mark.parametrize("rule", [{"threshold": 1.5}, {"leave_by": "category", "category_limit": 1, "window": 3}])
@pytest.mark.parametrize("protocol", ["FB", "NX_0", "NX_10"])
def test_opinions_follow_the_session_where_the_world_is_sequential(protocol, rule):
    simulator = make_family("departure", 20, world=WORLDS["gru"], protocol=protocol, leaving_pays=True, **rule)
    begin(simulator, np.arange(20))
    first = simulator.opinions(np.arange(20))
    assert np.array_equal(first, WORLDS["gru"].user_rewards(simulator.user_ids()))
    for t in range(8):
        assert np.array_equal(simulator.changed(), ~simulator.over)
        over, actions = simulator.over, (np.arange(20) * 7 + t * 4) % 30
        expected, remembered = np.where(over, 0.0, felt(simulator, actions)), simulator.hidden()["memory"]
        assert np.array_equal(simulator.step(actions).rewards, expected)
        moved = np.any(simulator.hidden()["memory"] != remembered, axis=1)
        assert np.array_equal(moved, ~over)  # a session that is over is left alone
    assert np.abs(simulator.opinions(np.arange(20)) - first).max() > 0.5


def test_the_reward_that_leaving_forfeits_was_felt_all_the_same():
    options = {"world": WORLDS["gru"], "split": "all", "threshold": 0.0, "r_min": 4.0}
    pays, forfeits = (make_family("departure", 30, leaving_pays=pays, **options) for pays in (True, False))
    for simulator in (pays, forfeits):
        begin(simulator, np.arange(30))
        for t in range(2):
            rewards = simulator.step((np.arange(30) + t) % 30).rewards
    assert np.any(rewards == 0.0)
    assert np.array_equal(pays.hidden()["memory"], forfeits.hidden()["memory"])


def test_a_new_session_begins_with_what_the_log_left():
    simulator = make_family("departure", 6, world=WORLDS["gru"], split="all", threshold=0.0, r_min=0.0)
    begin(simulator, np.arange(6))
    simulator.step(np.arange(6))
    kept = simulator.hidden()["memory"]
    simulator.begin(np.array([1, 4]), np.array([50, 51], np.uint64))
    memory, states = simulator.hidden()["memory"], WORLDS["gru"].arrays["user_states"]
    assert np.array_equal(memory[[1, 4]], states[simulator.user_ids()[[1, 4]]])
    assert np.array_equal(memory[[0, 2, 3, 5]], kept[[0, 2, 3, 5]])
    assert "memory" not in make_family("departure", 1, world=WORLDS["deepfm"]).hidden()
