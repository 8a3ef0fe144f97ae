"""What agents elsewhere are told of a task is all that agents here see of it, for every environment."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from leaderboard.hosting.tasks import task_message, task_of
from leaderboard.hosting.wire import encode, fill, read_line
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError

IDS = sorted(env_id for env_id in gymnasium.registry if env_id.startswith("longrec/"))


@pytest.mark.parametrize("buffers", [True, False])
@pytest.mark.parametrize("env_id", IDS)
def test_tasks_arrive_whole(env_id, buffers):
    task = make_simulator(env_id, 1).task
    line, _, body = encode({"task": task_message(task)}, buffers=buffers).partition(b"\n")
    told = task_of(fill(read_line(line), bytearray(body))["task"])
    assert told.observation_space == task.observation_space
    assert list(told.observation_space) == list(task.observation_space)
    assert told.action_space == task.action_space
    for name in ("env_id", "horizon", "protocol", "reward_range", "domain", "candidates", "slate_size"):
        assert getattr(told, name) == getattr(task, name)
    assert list(told.catalogue.titles) == list(task.catalogue.titles)
    assert list(told.catalogue.category_names) == list(task.catalogue.category_names)
    for name in ("category_indptr", "category_ids", "popularity", "mean_reward"):
        there, here = getattr(told.catalogue, name), getattr(task.catalogue, name)
        assert there.dtype == here.dtype
        assert np.array_equal(there, here)


def test_spaces_without_a_word():
    task = replace(make_simulator("longrec/Games-v0", 1).task, action_space=spaces.Text(5))
    with pytest.raises(AgentError, match="the protocol has no word for the space Text"):
        task_message(task)
