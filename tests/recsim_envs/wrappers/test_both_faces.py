"""Every wrapper shows the same sessions through both faces, in every autoreset mode, and stands in an `EnvSpec`."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import recsim_envs
from recsim_envs import wrappers
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.faces.env import SimulatorEnv
from tests.recsim_envs.wrappers.slates import FAMILY, SLOTS
from tests.recsim_envs.wrappers.support import LANES, assert_faces_agree

recsim_envs.register("tests/WrappedSlates-v0", family=FAMILY)

# Name, arguments; all of them can be written as JSON.
WRAPPERS = [
    ("CandidateSet", {"num_candidates": 4}),
    ("CandidateSet", {"num_candidates": 5, "source": "random"}),
    ("CandidateSet", {"num_candidates": 5, "source": "nearest"}),
    ("EmbeddingAction", {"dim": 3}),
    ("EmbeddingAction", {"embedding": "hashing", "dim": 8, "metric": "l2"}),
    ("EpisodeStatistics", {}),
    ("FlattenSlate", {}),
    ("FlattenSlate", {"enumerate_slates": True}),
    ("NoRepeat", {"on_repeat": "replace"}),
    ("PrivilegedInfo", {}),
    ("TextAction", {"on_unknown": "popular"}),
    ("TextObservation", {"max_tokens": 64}),
]
NAMES = [f"{name}-{'-'.join(map(str, options.values()))}" for name, options in WRAPPERS]


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("base", ["slates", "masked-slates", "items"])
@pytest.mark.parametrize(("name", "options"), [w for w in WRAPPERS if w[0] != "PrivilegedInfo"])
def test_scalar_and_vector_show_the_same(name, options, base, mode, small_world):
    beneath = {
        "slates": {"family": FAMILY, "horizon": 4},
        "masked-slates": {"family": FAMILY, "horizon": 4, "forbids": 5},
        "items": {"family": "departure", "world": small_world, "horizon": 6},
    }[base]

    def scalar(env):
        return getattr(wrappers, name)(env, **options)

    def vector(env):
        return getattr(wrappers, f"Vector{name}")(env, **options)

    space = scalar(SimulatorEnv(**beneath)).action_space
    space.seed(1)
    actions = [[space.sample() for _ in range(LANES)] for _ in range(30)]
    batches = [batch if name == "TextAction" else np.array(batch) for batch in actions]
    assert assert_faces_agree(scalar, vector, beneath, batches, mode) >= 3


@pytest.mark.parametrize(("name", "options"), WRAPPERS, ids=NAMES)
@pytest.mark.parametrize("env_id", ["tests/WrappedSlates-v0", "longrec/Games-v0"])
def test_a_wrapped_environment_is_made_again_from_its_spec(name, options, env_id):
    env = getattr(wrappers, name)(gym.make(env_id, split="test"), **options)
    spec = EnvSpec.from_json(env.spec.to_json())
    again = gym.make(spec)
    assert again.spec.to_json() == env.spec.to_json()
    assert type(again) is type(env)
    assert (again.observation_space, again.action_space) == (env.observation_space, env.action_space)
    assert str(again.reset(seed=3)) == str(env.reset(seed=3)) or name == "PrivilegedInfo"
    vector = wrappers.make_vec(spec, 3, autoreset_mode="SameStep")
    assert type(vector).__name__ == f"Vector{name}"
    assert vector.single_action_space == env.action_space
    assert vector.num_envs == 3


def test_wrappers_stack_and_come_back_in_their_order():
    env = gym.make("longrec/Games-v0")
    env = wrappers.FlattenSlate(wrappers.CandidateSet(wrappers.NoRepeat(wrappers.EpisodeStatistics(env))))
    vector = wrappers.make_vec(env.spec, 2)
    names = []
    while hasattr(vector, "env"):
        names.append(type(vector).__name__)
        vector = vector.env
    assert names == ["VectorFlattenSlate", "VectorCandidateSet", "VectorNoRepeat", "VectorEpisodeStatistics"]


def test_a_wrapper_without_a_twin_is_named():
    env = gym.wrappers.RecordEpisodeStatistics(wrappers.NoRepeat(gym.make("longrec/Games-v0")))
    with pytest.raises(ConfigurationError, match="RecordEpisodeStatistics of gymnasium"):
        wrappers.make_vec(env.spec, 2)
    with pytest.raises(ConfigurationError, match="horizon"):
        wrappers.make_vec(gym.make("longrec/Games-v0", max_episode_steps=10).spec, 2)


@pytest.mark.parametrize(
    ("name", "options"),
    [w for w in WRAPPERS if w[0] != "PrivilegedInfo"],  # which shows what is no space
)
@pytest.mark.parametrize("env_id", ["tests/WrappedSlates-v0", "longrec/Games-v0"])
def test_gymnasiums_checker_finds_nothing(name, options, env_id):
    env = getattr(wrappers, name)(gym.make(env_id).unwrapped, **options)
    with pytest.warns(UserWarning, match="different from the unwrapped") as caught:  # it says so of every wrapper
        check_env(env, skip_render_check=True)
    assert len(caught) == 1


@pytest.mark.parametrize("name", sorted({name for name, _ in WRAPPERS}))
def test_other_environments_are_refused(name):
    with pytest.raises(ConfigurationError, match="no longrec environment"):
        getattr(wrappers, name)(gym.make("CartPole-v1"))


def test_wrappers_in_the_wrong_order_are_refused():
    env = gym.make("tests/WrappedSlates-v0")
    flat, few = wrappers.FlattenSlate(env), wrappers.CandidateSet(env, num_candidates=4)
    for name in ("CandidateSet", "TextObservation", "FlattenSlate"):
        with pytest.raises(ConfigurationError, match=rf"{name} needs a Dict"):
            getattr(wrappers, name)(flat)
    for name in ("NoRepeat", "EmbeddingAction", "TextAction", "EpisodeStatistics"):
        with pytest.raises(ConfigurationError, match=rf"{name}.* needs actions that are ids"):
            getattr(wrappers, name)(few)


@pytest.mark.parametrize("name", ["CandidateSet", "NoRepeat", "FlattenSlate"])
@pytest.mark.parametrize("action", [[0, 99], [-1, 0], [0], "x", 1.5, None, [0.5, 1.0]])
def test_actions_without_meaning_are_refused(name, action):
    options = {"enumerate_slates": True} if name == "FlattenSlate" else {}
    options |= {"num_candidates": 4} if name == "CandidateSet" else {}
    env = getattr(wrappers, name)(gym.make("tests/WrappedSlates-v0"), **options)
    env.reset(seed=0)
    with pytest.raises(InvalidActionError):
        env.step(action)
    env.step(env.action_space.sample() if name != "NoRepeat" else np.arange(SLOTS))  # nothing had moved
