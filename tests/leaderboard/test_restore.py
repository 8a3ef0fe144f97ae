"""The door to training users, killed and put back: environments, seeds and the account stand where they stood."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.evaluate.training import MeteredEnvs
from recsim_envs import make_simulator, rng
from recsim_envs.errors import AgentError
from recsim_envs.spec import Budget
from tests.leaderboard.conftest import ENV


@pytest.fixture
def door(world_path, tmp_path):
    task = make_simulator(ENV, 1, split="train", world=str(world_path)).task

    def made(folder=tmp_path / "kept"):
        options = {"world": str(world_path)}
        return MeteredEnvs(ENV, options, task, Budget(episodes=60), lambda e, r: 1000 * e + r, folder=folder)

    return made


def play(env, steps, start=0):
    for step in range(start, start + steps):
        out = env.step(rng.below_array(60, 1, step, rng.POLICY, np.arange(env.num_envs)))
    return out


def used(envs):
    """Two environments in turn, one of them partly reset, a third that is closed."""
    first, second, third = envs.make(4), envs.make(3), envs.make(2)
    for env in (first, second, third):
        env.reset(seed=1)
    play(first, 3), play(third, 2), play(second, 4)
    third.close()
    play(first, 2, 3)
    second.reset(options={"reset_mask": np.array([True, False, True])})
    return first, second


def account(envs):
    return envs.used_episodes, envs.used_steps, envs.remaining()


def test_restored_environments_go_on_as_if_nothing_had_happened(door):
    envs = door()
    used(envs)
    middle = envs.mark()
    open_then = [env for env in envs._made if not env.done]
    play(open_then[0], 5, 5)  # lost in the kill
    envs = door()
    restored = envs.restore(middle)
    reference = door(folder=None)
    twins = used(reference)
    assert account(envs) == account(reference)
    assert [env.num_envs for env, *_ in restored] == [4, 3]
    for (env, observations, _infos), twin in zip(restored, twins, strict=True):
        assert observations.keys() == env.single_observation_space.spaces.keys()
        now, expected = play(env, 6, 9), play(twin, 6, 9)
        for key in observations:
            np.testing.assert_array_equal(now[0][key], expected[0][key])
        np.testing.assert_array_equal(now[1], expected[1])
    assert account(envs) == account(reference)
    assert envs.mark() == middle + 1  # what was lost is written over


def test_a_mark_without_anything_new_writes_nothing_and_needs_a_folder(door, tmp_path):
    envs = door()
    envs.make(2).reset()
    assert envs.mark() == envs.mark() == 1
    assert [path.name for path in (tmp_path / "kept" / "environments").iterdir()] == ["000000.npz"]
    with pytest.raises(AgentError, match="keeps no folder"):
        door(folder=None).mark()


def test_restore_comes_first_and_names_what_is_missing(door):
    envs = door()
    envs.make(2)
    with pytest.raises(AgentError, match="before anything else"):
        envs.restore(0)
    with pytest.raises(AgentError, match=r"000000.npz is missing or damaged; delete the folder"):
        door().restore(1)
