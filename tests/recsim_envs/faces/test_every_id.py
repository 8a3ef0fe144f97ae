"""Whatever is registered passes the conformance suite, and every face shows the same sessions."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import recsim_envs
from recsim_envs import rng
from recsim_envs.check import check_environment
from recsim_envs.errors import LongrecError
from recsim_envs.faces.seeding import episode_seeds, lane_seeds
from recsim_envs.fingerprint import check_fingerprint, golden
from recsim_envs.ids import BUILTIN, builtin_ids
from recsim_envs.markets import registered_markets
from recsim_envs.policies import random_actions

IDS = builtin_ids()
PROTOCOLS = ["FB", "NX_0", "NX_10"]
JUNK = [-1, 0, 3.5, "many", None, True, float("nan"), 10**12, [], {}]


def test_every_family_has_an_id():
    assert {family for family, _ in BUILTIN.values()} >= {"departure"}
    assert set(IDS) <= set(recsim_envs.registered_ids())


@pytest.mark.parametrize("env_id", IDS)
def test_the_conformance_suite_passes(env_id):
    assert [f for f in check_environment(env_id, fast=True) if not f.ok or f.skipped] == []


@pytest.mark.parametrize("env_id", IDS)
def test_gymnasium_and_sb3_warn_of_nothing(env_id):
    env = gym.make(env_id, render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # SB3 tells of spaces that it wraps by itself; Gymnasium of bounds that have none.
        warnings.filterwarnings("ignore", message=".*(minimum value is -infinity|maximum value is infinity).*")
        check_env(env.unwrapped, skip_render_check=False)
        check_env_sb3(env, warn=True)


@pytest.mark.parametrize("protocol", PROTOCOLS[1:])
@pytest.mark.parametrize("env_id", [i for i in IDS if gym.registry[i].kwargs["family"] == "departure"])
def test_protocols_keep_the_rules_too(env_id, protocol):
    env = gym.make(env_id, protocol=protocol, render_mode="ansi")
    check_env(env.unwrapped, skip_render_check=True)
    _, info = env.reset(seed=1)
    assert set(info) == {"action_mask"}


@pytest.mark.parametrize("env_id", IDS)
def test_a_vector_lane_equals_a_scalar_environment_for_many_seeds(env_id):
    """Bit for bit over several episodes and their autoreset, each lane against `reset(seed=its seed)`."""
    lanes, steps = 200, 24
    vector = gym.make_vec(env_id, num_envs=lanes, split="test")
    scalar = gym.make(env_id, split="test").unwrapped
    seeds = rng.bits_array(17, np.arange(lanes), rng.POLICY) >> np.uint64(1)
    first, _ = vector.reset(seed=[int(s) for s in seeds])
    actions, record = [], []
    for t in range(steps):
        actions.append(random_actions(vector.unwrapped.simulator, seeds, t))
        record.append(vector.step(actions[-1]))
    for lane in range(lanes):
        observation, _ = scalar.reset(seed=int(seeds[lane]))
        assert_same(observation, first, lane)
        over = False
        for a, (observations, rewards, terminated, truncated, _) in zip(actions, record, strict=True):
            if over:
                observation, _ = scalar.reset()
                result = (0.0, False, False)
            else:
                observation, *result, _ = scalar.step(a[lane] if a.ndim > 1 else int(a[lane]))
            assert_same(observation, observations, lane)
            assert tuple(result[:3]) == (rewards[lane], terminated[lane], truncated[lane])
            over = result[1] or result[2]


def assert_same(observation, batch, lane):
    for key, value in observation.items():
        assert value.dtype == batch[key].dtype
        assert value.tobytes() == np.ascontiguousarray(batch[key][lane]).tobytes()


@pytest.mark.parametrize("env_id", IDS)
def test_the_bare_simulator_plays_the_same_episodes(env_id):
    vector = gym.make_vec(env_id, num_envs=64, autoreset_mode="Disabled")
    simulator = recsim_envs.make_simulator(env_id, 64)
    observations, _ = vector.reset(seed=5)
    simulator.begin(np.arange(64), episode_seeds(lane_seeds(5, 64), np.zeros(64, np.int64)))
    assert all(np.array_equal(observations[k], v) for k, v in simulator.observe().items())


@pytest.mark.parametrize("env_id", IDS)
def test_train_and_test_sessions_differ(env_id):
    starts = []
    for split in ("train", "test"):
        simulator = recsim_envs.make_simulator(env_id, 32, split=split)
        simulator.begin(np.arange(32), np.arange(32, dtype=np.uint64))
        first = simulator.step(random_actions(simulator, np.arange(32, dtype=np.uint64), 0)).rewards
        starts.append(np.concatenate([first, *(v.reshape(-1) for v in simulator.observe().values())]))
    assert not np.array_equal(*starts)
    with pytest.raises(LongrecError, match="split"):
        recsim_envs.make_simulator(env_id, 1, split="tset")


@pytest.mark.parametrize("env_id", IDS)
def test_options_are_refused_with_their_name_or_accepted(env_id):
    """Whatever is given to any option: the environment works, or a typed error names the option."""
    import inspect

    family = type(recsim_envs.make_simulator(env_id, 1))
    for option in inspect.signature(family).parameters.values():
        if option.kind is option.KEYWORD_ONLY and option.name not in ("env_id", "world"):
            for value in JUNK:
                assert option.name in complaint(env_id, **{option.name: value}) or works(env_id, **{option.name: value})


def complaint(env_id, **options):
    try:
        recsim_envs.make_simulator(env_id, 2, **options)
    except LongrecError as error:
        return str(error)
    return ""


def works(env_id, **options):
    simulator = recsim_envs.make_simulator(env_id, 2, **options)
    keys = np.arange(2, dtype=np.uint64)
    simulator.begin(np.arange(2), keys)
    return np.isfinite(simulator.step(random_actions(simulator, keys, 0)).rewards).all()


@pytest.mark.parametrize("env_id", [*IDS, *registered_markets()])
def test_a_trajectory_is_the_golden_one(env_id):
    assert env_id in golden(), "run: python -m recsim_envs.fingerprint --write"
    check_fingerprint(env_id)


@pytest.mark.parametrize("market", registered_markets())
def test_every_market_passes_its_conformance_suite(market):
    assert [f for f in check_environment(market, fast=True) if not f.ok or f.skipped] == []


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_make_vec_knows_gymnasiums_autoreset_modes(mode):
    env = gym.make_vec(IDS[0], num_envs=3, autoreset_mode=mode.value)
    assert env.metadata["autoreset_mode"] is mode
    assert env.observation_space.contains(env.reset(seed=0)[0])
