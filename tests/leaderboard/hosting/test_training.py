"""Training environments at the other end of a pipe are the harness's: every array, every error, every mark."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.evaluate.training import MeteredEnvs
from leaderboard.hosting.door import EnvsDoor
from leaderboard.hosting.envs import RemoteEnvs
from leaderboard.hosting.failures import ProtocolError
from leaderboard.hosting.remote import readable
from leaderboard.hosting.tasks import task_message
from leaderboard.hosting.wire import encode, fill, read_line
from recsim_envs import make_simulator, rng
from recsim_envs.errors import AgentError, BudgetExceededError, EpisodeError, InvalidActionError
from recsim_envs.spec import Budget
from tests.leaderboard.conftest import ENV


def sent(message):
    """As it arrives."""
    line, _, body = encode(message, buffers=True).partition(b"\n")
    return fill(read_line(line), bytearray(body))


@pytest.fixture
def pair(world_path, tmp_path):
    """The same training environments here, and as an agent elsewhere has them; with a folder each."""
    options = {"world": str(world_path), "protocol": "NX_0"}
    task = make_simulator(ENV, 1, split="train", **options).task

    def made(budget=None, kept=True):
        budget = budget or Budget(episodes=40)
        metered = [
            MeteredEnvs(
                ENV, options, task, budget, lambda e, r: 1000 * e + r, folder=tmp_path / place if kept else None
            )
            for place in ("here", "there")
        ]
        door = EnvsDoor(metered[1], lambda observations, infos: {"observations": observations, "infos": infos})
        told = {
            "task": task_message(task),
            "budget": vars(budget),
            "remaining": vars(budget),
            "folder": str(tmp_path / "there") if kept else None,
        }
        return metered[0], RemoteEnvs(lambda call: sent(door.serve(sent(call))), sent(told))

    return made


def equal(a, b):
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            equal(a[key], b[key])
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            equal(one, other)
    else:
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


def actions(env, step):
    masks = env.action_masks()
    drawn = rng.bits_array(1, step, rng.POLICY, np.arange(masks.size)).reshape(masks.shape)
    return np.where(masks, drawn, 0).argmax(axis=1)


def test_every_array_is_the_same(pair):
    here, there = pair()
    envs = here.make(6), there.make(6)
    for name in ("num_envs", "observation_space", "single_observation_space", "action_space", "single_action_space"):
        assert getattr(envs[0], name) == getattr(envs[1], name)
    assert envs[1].metadata["autoreset_mode"] == envs[0].metadata["autoreset_mode"]
    assert envs[1].spec.id == ENV
    equal(envs[0].reset(seed=3), envs[1].reset(seed=4))
    for step in range(200):
        assert (here.spent(), here.remaining()) == (there.spent(), there.remaining())
        if here.spent():
            break
        equal(envs[0].action_masks(), envs[1].action_masks())
        equal(*(env.step(actions(env, step)) for env in envs))
        if step == 4:
            mask = {"reset_mask": np.arange(6) % 2 == 0}
            equal(*(env.reset(options=mask) for env in envs))
    assert here.spent()
    for env in envs:
        env.close()
        env.close()


def test_errors_are_the_same(pair):
    _, there = pair(Budget(episodes=2), kept=False)
    env = there.make(4)
    assert env.num_envs == 2
    env.reset()
    with pytest.raises(InvalidActionError, match="out of range"):
        env.step(np.array([10**6, 0]))
    with pytest.raises(BudgetExceededError, match="hold every session that is left"):
        there.make(1)
    with pytest.raises(AgentError, match="there is nothing to mark"):
        there.mark()
    env.step(actions(env, 0))
    env.close()
    with pytest.raises(EpisodeError, match="is closed"):
        env.reset()
    with pytest.raises(BudgetExceededError, match="the training budget is spent"):
        there.make(1)


def test_marks_are_gone_back_to(pair):
    for envs in pair():
        env = envs.make(5)
        env.reset()
        for step in range(3):
            env.step(actions(env, step))
        assert envs.mark() == 1
    here, there = pair()
    restored = [envs.restore(1) for envs in (here, there)]
    assert here.remaining() == there.remaining()
    ((one, *seen),), ((other, *told),) = restored
    equal(tuple(seen), tuple(told))
    equal(one.step(actions(one, 3)), other.step(actions(other, 3)))


@pytest.mark.parametrize(
    "call",
    [
        {"method": "unwrapped"},
        {"method": ["make"]},
        {},
        {"method": "make"},
        {"method": "make", "num_envs": "many"},
        {"method": "make", "num_envs": -1},
        {"method": "make", "num_envs": True},
        {"method": "step", "env": 7, "actions": [0]},
        {"method": "step", "env": -1, "actions": [0]},
        {"method": "reset", "env": 0, "options": [1]},
    ],
)
def test_calls_that_are_none(world_path, call):
    task = make_simulator(ENV, 1, split="train", world=str(world_path)).task
    envs = MeteredEnvs(ENV, {"world": str(world_path)}, task, Budget(episodes=9), lambda e, r: e + r)
    door = EnvsDoor(envs, lambda observations, infos: {})
    door.serve({"method": "make", "num_envs": 2})
    with pytest.raises(ProtocolError):
        door.serve({"type": "call", **call})


def test_masks_are_lists_of_forbidden_items_in_json():
    infos = {"action_mask": np.array([[1, 0, 0], [1, 1, 1]], np.int8), "final_info": {"action_mask": np.zeros((1, 2))}}
    told = sent({"infos": readable(infos)})["infos"]
    assert [row.tolist() for row in told["forbidden"]] == [[1, 2], []]
    assert [row.tolist() for row in told["final_info"]["forbidden"]] == [[0, 1]]
