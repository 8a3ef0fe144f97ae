"""The common form of observations, held against the observations themselves, for every id."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from baselines.states import StateReader
from recsim_envs.errors import AgentError
from recsim_envs.ids import builtin_ids
from recsim_envs.spec import TaskSpec

IDS = builtin_ids()


def played(env_id: str, lanes: int = 6, steps: int = 3):
    envs = gym.make_vec(env_id, num_envs=lanes)
    observations, _ = envs.reset(seed=3)
    envs.action_space.seed(3)
    for _ in range(steps):
        observations, *_ = envs.step(envs.action_space.sample())
    return envs.unwrapped.task, observations


@pytest.mark.parametrize("env_id", IDS)
def test_every_id_is_read_into_its_declared_space(env_id: str):
    task, observations = played(env_id)
    reader = StateReader(task)
    state = reader.read(observations)
    assert set(state) == set(reader.space.spaces)
    for key, box in reader.space.spaces.items():
        assert state[key].shape == (6, *box.shape)
        assert state[key].dtype == box.dtype
        assert all(box.contains(row) for row in state[key])
    assert task.candidates == ("candidates" in state)


@pytest.mark.parametrize("env_id", IDS)
def test_a_row_does_not_depend_on_the_others(env_id: str):
    task, observations = played(env_id)
    reader = StateReader(task)
    whole, one = reader.read(observations), reader.read({k: v[2:3] for k, v in observations.items()})
    for key, values in whole.items():
        np.testing.assert_array_equal(values[2:3], one[key])


def test_the_departure_family_has_two_histories_of_rewards():
    task, observations = played("longrec/Games-v0")
    reader, state = StateReader(task), StateReader(task).read(observations)
    assert [(h.key, h.length, h.signals) for h in reader.histories] == [
        ("history_items", 10, ("reward",)),
        ("session_items", 10, ("reward",)),
    ]
    np.testing.assert_array_equal(state["session_items/items"], observations["session_items"])
    expected = np.where(observations["session_items"] >= 0, observations["session_rewards"] / 2.5 - 1, 0)
    np.testing.assert_allclose(state["session_items/signals"][..., 0], expected, atol=1e-6)
    np.testing.assert_allclose(state["context"][:, 0], observations["length"][:, 0] / task.horizon, atol=1e-6)


def test_slates_tell_clicks_as_minus_one_and_one():
    task, observations = played("longrec/SlateTopKBored-v0")
    state = StateReader(task).read(observations)
    np.testing.assert_array_equal(state["slate/items"], observations["slate"])
    np.testing.assert_array_equal(state["slate/signals"][..., 0], 2 * observations["clicks"] - 1)
    assert np.array_equal(state["context"][:, :10], observations["hist"])


def test_behaviours_come_in_seven_columns_of_each_video():
    task, observations = played("longrec/Session-v0")
    (history,) = StateReader(task).histories
    state = StateReader(task).read(observations)
    assert history.signals == tuple(f"behaviour {n}" for n in range(7))
    behaviours = observations["history_behaviours"].reshape(6, 60, 7)
    met = observations["history_items"] >= 0
    np.testing.assert_array_equal(state["history_items/signals"][met], 2 * behaviours[met] - 1)
    assert not state["history_items/signals"][~met].any()


def test_candidates_are_told_by_their_topic_and_number():
    task, observations = played("longrec/InterestExploration-v0")
    reader, state = StateReader(task), StateReader(task).read(observations)
    assert not reader.histories
    candidates = state["candidates"]
    assert candidates.shape[1] == 10
    topics = observations["candidate_topics"]
    ones = [np.eye(2)[topics], observations["candidate_qualities"][..., None]]
    np.testing.assert_allclose(np.sort(candidates, axis=2), np.sort(np.concatenate(ones, axis=2), axis=2), atol=1e-6)


def test_observations_of_another_kind_are_refused():
    task, _ = played("longrec/Games-v0", steps=0)
    flat = TaskSpec(**{**vars(task), "observation_space": gym.spaces.Box(0, 1, (3,))})
    with pytest.raises(AgentError, match="no Dict of boxes"):
        StateReader(flat)
