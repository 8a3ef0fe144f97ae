"""What the two faces add to a simulator: seeds, autoreset, masks and errors."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError, EpisodeError, InvalidActionError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.faces.seeding import lane_seeds
from recsim_envs.faces.vector import SimulatorVectorEnv


@pytest.fixture
def scalar(small_world):
    return SimulatorEnv(family="departure", world=small_world, horizon=6)


def vector(small_world, **options):
    return SimulatorVectorEnv(4, family="departure", world=small_world, **({"horizon": 3} | options))


def test_episodes_of_one_seed_follow_each_other(scalar):
    def episodes(seed):
        observations = [scalar.reset(seed=seed)[0], scalar.reset()[0], scalar.reset()[0]]
        return [o["history_items"].tolist() for o in observations]

    first = episodes(9)
    assert first == episodes(9)
    assert first != episodes(10)
    assert len({tuple(e) for e in first}) > 1


@pytest.mark.parametrize("seed", [-1, 1.5, True, 2**64, "7"])
def test_seeds_that_are_none_are_refused(scalar, small_world, seed):
    with pytest.raises(ConfigurationError, match="seed must be an integer"):
        scalar.reset(seed=seed)
    with pytest.raises(ConfigurationError, match="seed must be an integer"):
        vector(small_world).reset(seed=seed)


def test_step_before_reset_and_after_the_end(scalar):
    with pytest.raises(EpisodeError, match="call reset"):
        scalar.step(0)
    scalar.reset(seed=1)
    while not scalar.simulator.over[0]:
        scalar.step(3)
    with pytest.raises(EpisodeError, match="call reset"):
        scalar.step(0)
    scalar.reset()
    scalar.step(0)


@pytest.mark.parametrize("action", [30, -1, 2**70, 1.0, np.float32(1), True, "3", None, [1, 2], np.array([[1]])])
def test_what_is_no_item_is_refused_and_moves_nothing(scalar, action):
    scalar.reset(seed=1)
    with pytest.raises(InvalidActionError):
        scalar.step(action)
    observation, *_ = scalar.step(2)
    assert observation["length"].tolist() == [1]


@pytest.mark.parametrize("action", [2, np.int64(2), np.uint8(2), np.array(2), np.array([2])])
def test_every_kind_of_integer_is_an_item(scalar, action):
    scalar.reset(seed=1)
    observation, reward, terminated, truncated, info = scalar.step(action)
    assert observation["session_items"][-1] == 2
    assert (type(reward), type(terminated), type(truncated), info) == (float, bool, bool, {})


def test_action_masks_for_masked_policies(small_world):
    env = SimulatorEnv(family="departure", world=small_world, protocol="NX_5")
    env.reset(seed=0)
    _, _, _, _, info = env.step(7)
    assert info["action_mask"].dtype == np.int8
    assert np.array_equal(env.action_masks(), info["action_mask"].astype(bool))
    assert env.action_masks().sum() == 29
    assert env.action_space.sample(mask=info["action_mask"]) != 7
    many = vector(small_world, protocol="NX_5")
    many.reset(seed=0)
    many.step(np.array([1, 2, 3, 4]))
    assert np.array_equal(np.argmin(many.action_masks(), 1), [1, 2, 3, 4])
    assert vector(small_world).action_masks().all()


def test_vector_seeds(small_world):
    one, two = vector(small_world), vector(small_world)
    a, _ = one.reset(seed=3)
    b, _ = two.reset(seed=[int(s) for s in lane_seeds(3, 4)])
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert not set(lane_seeds(0, 100)) & set(lane_seeds(1, 100))
    with pytest.raises(ConfigurationError, match="3 seeds were given for 4"):
        one.reset(seed=[1, 2, 3])


def roll(env, steps):
    env.reset(seed=1)
    return [env.step(np.full(4, 5 + t)) for t in range(steps)]


def test_next_step_autoreset_spends_a_step_on_the_reset(small_world):
    env = vector(small_world, threshold=0.0, r_min=0.0)
    (*_, truncated, _), (observations, rewards, terminated, again, _) = roll(env, 4)[2:]
    assert truncated.all()
    assert not rewards.any()
    assert not (terminated | again).any()
    assert np.all(observations["length"] == 0)


def test_same_step_autoreset_keeps_the_last_observation(small_world):
    env = vector(small_world, threshold=0.0, r_min=0.0, autoreset_mode="SameStep")
    observations, rewards, _, truncated, infos = roll(env, 3)[-1]
    assert truncated.all()
    assert np.all(observations["length"] == 0)
    assert infos["_final_obs"].tolist() == [True] * 4
    assert infos["final_obs"]["session_items"][:, -3:].tolist() == [[5, 6, 7]] * 4
    assert np.array_equal(infos["final_obs"]["session_rewards"][:, -1], rewards)


def test_disabled_autoreset_waits_for_the_mask(small_world):
    env = vector(small_world, threshold=0.0, r_min=0.0, autoreset_mode="Disabled")
    roll(env, 3)
    with pytest.raises(EpisodeError, match=r"lanes \[0, 1, 2, 3\] have ended"):
        env.step(np.zeros(4, int))
    observations, _ = env.reset(options={"reset_mask": np.array([True, True, False, False])})
    assert observations["length"].ravel().tolist() == [0, 0, 3, 3]
    for bad in (np.ones(3, bool), np.ones(4), np.zeros(4, bool)):
        with pytest.raises(ConfigurationError, match="reset_mask must be 4 booleans"):
            env.reset(options={"reset_mask": bad})


def test_a_masked_reset_with_a_seed_restarts_only_its_lanes(small_world):
    env, other = (vector(small_world, autoreset_mode="Disabled") for _ in range(2))
    env.reset(seed=1)
    env.step(np.arange(4))
    mask = np.array([False, True, False, True])
    masked, _ = env.reset(seed=2, options={"reset_mask": mask})
    fresh, _ = other.reset(seed=2)
    assert np.array_equal(masked["history_items"][mask], fresh["history_items"][mask])
    assert masked["length"].ravel().tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("face", [SimulatorEnv, vector])
def test_unknown_choices_are_named(face, small_world):
    def build(**options):
        return face(small_world, **options) if face is vector else face(
            family="departure", world=small_world, **options
        )  # fmt: skip

    with pytest.raises(ConfigurationError, match="render_mode 'human' does not exist"):
        build(render_mode="human")
    with pytest.raises(ConfigurationError, match="reset knows no option 'user'"):
        build().reset(options={"user": 3})
    with pytest.raises(EpisodeError, match="reset"):
        build().step(np.zeros(4, int) if face is vector else 0)


def test_an_unknown_autoreset_mode_is_named(small_world):
    with pytest.raises(ConfigurationError, match="use 'NextStep', 'SameStep', 'Disabled'"):
        vector(small_world, autoreset_mode="never")


def test_vector_rendering_and_task(small_world):
    env = vector(small_world, render_mode="ansi")
    env.reset(seed=0)
    assert len(env.render()) == 4
    assert env.task.catalogue.num_items == 30
    gym.register("tests/Small-v0", entry_point=SimulatorEnv, kwargs={"family": "departure", "world": small_world})
    assert gym.make("tests/Small-v0").unwrapped.task.env_id == "tests/Small-v0"
