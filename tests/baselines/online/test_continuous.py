"""SAC and TD3: vectors become the nearest items, on every kind of environment, and training stops and goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.items import item_features
from baselines.online.continuous import ContinuousAgent
from baselines.online.embedding_actions import EmbeddingVecEnv, ItemVectors
from baselines.online.sac import SACAgent
from baselines.online.sb3_vec import PolicyView
from baselines.online.td3 import TD3Agent
from baselines.states import CANDIDATES
from recsim_envs.errors import ConfigurationError
from recsim_envs.families import make_family
from recsim_envs.spec import Budget, Sessions
from tests.baselines.online.test_resume import KillError, door, killed_after
from tests.baselines.online.test_slateq import fake_door
from tests.baselines.test_families import played

AGENTS = [SACAgent, TD3Agent]
SMALL = {"embedding_dim": 8, "hidden": 16, "num_envs": 8, "action_dim": 6}


def test_vectors_find_the_nearest_allowed_items():
    task = make_family("boredom", 1, layout="topk").task
    vectors = ItemVectors(task, 6)
    assert vectors.space.shape == (6,)
    generator = np.random.default_rng(0)
    wanted = generator.uniform(-1, 1, (20, 6)).astype(np.float32)
    allowed = generator.random((20, 1000)) < 0.02
    items = item_features(task.catalogue, 6)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    for mask in (None, allowed):
        found = vectors.find(wanted, {}, {} if mask is None else {"action_mask": mask.astype(np.int8)})
        for row, slate in enumerate(found):
            distance = ((items.astype(np.float64) - wanted[row]) ** 2).sum(axis=1)
            distance[~allowed[row] if mask is not None else []] = np.inf
            assert slate.tolist() == distance.argsort(kind="stable")[:10].tolist()


def test_where_fewer_items_are_allowed_the_nearest_fills_the_slate():
    vectors = ItemVectors(make_family("boredom", 1, layout="topk").task, 6)
    mask = np.zeros((2, 1000), np.int8)
    mask[0, [7, 900, 31]] = 1
    found = vectors.find(np.ones((2, 6)), {}, {"action_mask": mask})
    assert sorted(set(found[0].tolist())) == [7, 31, 900]
    assert (found[0, 3:] == found[0, 0]).all()
    assert (found[1] == 0).all()  # nothing is allowed: the session is over


@pytest.mark.parametrize(
    ("env_id", "width"),
    [("InterestEvolution-v0", 20), ("InterestExploration-v0", 3), ("LongTermSatisfaction-v0", 1)],
)
def test_candidates_are_their_observed_features_within_the_box(env_id: str, width: int):
    fake = fake_door(env_id, Budget())
    vectors, view = ItemVectors(fake.task, 6), PolicyView(fake.task)
    assert vectors.space.shape == (width,)
    states = view.read(*fake.make(32).reset(seed=1))
    reach = np.array({20: [1] * 20, 3: [5, 1, 1], 1: [1]}[width], np.float32)
    scaled = states[CANDIDATES] / reach
    assert (np.abs(scaled) <= 1).all()
    for slot in (0, 9):  # the vector of a candidate finds it, or an equal one
        found = vectors.find(scaled[:, slot], states, {})[:, 0]
        np.testing.assert_array_equal(scaled[np.arange(32), found], scaled[:, slot])


@pytest.mark.parametrize("env_id", ["SlateTopKBored-v0", "GamesClicks-v0", "InterestEvolution-v0", "Session-v0"])
@pytest.mark.parametrize("kind", AGENTS)
def test_plays_every_kind_alike_whatever_the_lanes(kind: type[ContinuousAgent], env_id: str):
    agent = kind(**SMALL)
    agent.train(fake_door(env_id, Budget(steps=160)), seed=1)
    assert agent.describe()["gradient_updates"] > 10
    once = played(agent, env_id, 5, np.arange(5))
    assert played(agent, env_id, 2, np.array([3, 0, 4, 2, 1])) == once
    assert all(len(set(slate)) == len(slate) for session in once for slate in session)


@pytest.mark.parametrize("kind", AGENTS)
def test_what_acts_is_what_was_trained(kind: type[ContinuousAgent]):
    """The items of `act` are those that the environment finds for the actor's own action, or lie about its mean."""
    fake, agent = fake_door("InterestEvolution-v0", Budget(steps=400)), kind(**SMALL)
    agent.train(fake, 0)
    agent.reset(fake.task, 16, 0)
    observations, infos = fake.make(16).reset(seed=2)
    states = {k: torch.from_numpy(v) for k, v in PolicyView(fake.task, masks=False).read(observations, infos).items()}
    with torch.no_grad():
        vectors = agent._policy._predict(states, deterministic=True).numpy()
    assert (np.abs(vectors) <= 1).all()
    many = [Sessions(np.arange(16), np.arange(16, dtype=np.uint64), np.full(16, step)) for step in range(400)]
    acting = np.stack([agent.vectors(states, at).detach().numpy() for at in many])
    if kind is TD3Agent:
        np.testing.assert_allclose(acting[0], vectors, atol=1e-6)
    else:
        np.testing.assert_allclose(np.median(acting, axis=0), vectors, atol=0.25)
        assert (acting.std(axis=0) > 0.05).all()
    expected = agent._vectors.find(acting[7], {k: v.numpy() for k, v in states.items()}, infos)
    np.testing.assert_array_equal(agent.act(observations, infos, many[7]), expected)


def test_training_shows_what_the_protocol_allows():
    """The environment refuses what is forbidden, so that a session that is played through shows nothing twice."""
    fake = fake_door("GamesClicks-v0", Budget(steps=200), protocol="NX_0")
    env = SACAgent(**SMALL).adapted(fake.make(4), fake.task)
    assert isinstance(env, EmbeddingVecEnv)
    env.seed(0)
    env.reset()
    for _ in range(20):
        env.step(np.tile(np.float32(0.3), (4, 6)))
    assert len(env.returns) > 0


@pytest.mark.parametrize("kind", AGENTS)
def test_stopped_again_and_again_it_ends_in_the_same_bits(kind: type[ContinuousAgent], tmp_path: Path):
    env_id, parameters = "longrec/InterestEvolution-v0", SMALL | {"num_envs": 16, "checkpoint_seconds": 0.0}
    whole, whole_door = kind(**parameters), door(env_id, None, 512)
    whole.train(whole_door, 0)
    for steps in (9, 15):
        with pytest.raises(KillError):
            kind(**parameters).train(killed_after(door(env_id, tmp_path, 512), steps), 0)
    last, envs = kind(**parameters), door(env_id, tmp_path, 512)
    last.train(envs, 0)
    assert (envs.used_steps, envs.used_episodes) == (whole_door.used_steps, whole_door.used_episodes)
    assert last.describe() == whole.describe()
    assert all(torch.equal(last._weights[k], whole._weights[k]) for k in whole._weights)


def test_too_few_columns_are_refused():
    with pytest.raises(ConfigurationError, match="action_dim must be at least 3, got 2"):
        SACAgent(action_dim=2)
