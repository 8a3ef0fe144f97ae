"""Vectors as actions: the nearest allowed items, exactly, whatever the lane."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import recsim_envs  # noqa: F401
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.wrappers import EmbeddingAction, NoRepeat
from recsim_envs.wrappers.embeddings import item_embeddings
from recsim_envs.wrappers.kernels import as_columns, nearest
from tests.recsim_envs.catalogues import catalogue
from tests.recsim_envs.wrappers.slates import FAMILY, ITEMS

_SMALL = st.integers(-3, 3).map(float)  # exact in float32, and full of ties


@given(
    arrays(np.float32, (2, 3), elements=_SMALL),
    arrays(np.float32, (7, 3), elements=_SMALL),
    arrays(np.bool_, (2, 7)),
    st.booleans(),
    st.integers(1, 4),
)
def test_the_kernel_finds_the_nearest_by_sorting(queries, vectors, allowed, by_distance, slots):
    out = np.empty((2, slots), np.int64)
    nearest(queries, as_columns(vectors), by_distance, allowed, out)
    for b in range(2):
        scores = -((vectors - queries[b]) ** 2).sum(axis=1) if by_distance else vectors @ queries[b]
        order = [i for i in np.argsort(-scores, kind="stable").tolist() if allowed[b, i]][:slots]
        assert out[b].tolist() == order + [-1] * (slots - len(order))


def test_an_items_own_vector_shows_it():
    env = EmbeddingAction(gym.make("longrec/Games-v0"), dim=16)
    vectors = item_embeddings(env.unwrapped.task.catalogue, "svd", 16)
    env.reset(seed=1)
    observation, *_ = env.step(vectors[123])
    shown = observation["session_items"][-1]
    assert np.allclose(vectors[shown], vectors[123])
    assert np.abs(vectors).max() == env.action_space.high[0]


def test_a_slate_is_the_nearest_few_and_masked_items_are_passed_over():
    env = EmbeddingAction(NoRepeat(SimulatorEnv(family=FAMILY, forbids=0)), dim=3)
    vectors = item_embeddings(env.unwrapped.task.catalogue, "svd", 3)
    _, info = env.reset(seed=4)  # a user who does not hate the first two
    assert "action_mask" not in info
    order = np.argsort(-(vectors @ vectors[0]), kind="stable").tolist()
    order.remove(0)
    observation, _, left, *_ = env.step(vectors[0])
    assert observation["session_items"][-2:].tolist() == order[:2]
    assert not left
    observation, *_ = env.step(vectors[0])
    assert observation["session_items"][-2:].tolist() == order[2:4]


def test_observed_vectors_of_candidates_serve_as_embeddings():
    env = EmbeddingAction(SimulatorEnv(family=FAMILY), embedding="observation:taste")
    assert env.action_space == gym.spaces.Box(-1, 1, (2,), np.float32)
    env.reset(seed=0)
    observation, *_ = env.step(np.array([0.0, 1.0], np.float32))
    assert observation["session_items"][-2:].tolist() == [ITEMS - 1, ITEMS - 2]


def test_all_that_describes_candidates_is_used():
    env = EmbeddingAction(gym.make("longrec/InterestExploration-v0"), embedding="observation")
    observation, _ = env.reset(seed=0)
    topics = int(env.observation_space["candidate_topics"].high.max()) + 1
    assert env.action_space.shape == (1 + topics,)
    env.step(np.array([1.0] + [0.0] * topics))  # quality alone
    shown = observation["candidate_qualities"][np.argsort(-observation["candidate_qualities"], kind="stable")[:2]]
    assert env.unwrapped.simulator.observe_lane(0)["response_qualities"].tolist() == shown.tolist()


def test_a_file_of_vectors(tmp_path):
    path = tmp_path / "vectors.npy"
    np.save(path, np.eye(ITEMS)[:, :4])
    env = EmbeddingAction(SimulatorEnv(family=FAMILY), embedding=str(path))
    assert env.action_space.shape == (4,)
    env.reset(seed=0)
    observation, *_ = env.step(np.array([0, 0.5, 1, 0], np.float32))
    assert observation["session_items"][-2:].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((5, 2)), "5 rows for 6 items"),
        (np.zeros(6), "must be a matrix"),
        (np.full((6, 2), np.nan), "row 0 has an entry that is no finite"),
        (np.full((6, 2), 1e300), "row 0 has an entry that is no finite"),
        (np.array([{}] * 6, object), "allow_pickle"),
        (b"", "neither 'svd' nor"),
        (b"\x93NUMPY broken", "neither 'svd' nor"),
    ],
)
def test_a_file_that_does_not_serve_is_named(tmp_path, content, message):
    path = tmp_path / "vectors.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(ConfigurationError, match=message):
        EmbeddingAction(SimulatorEnv(family=FAMILY), embedding=str(path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding": "absent.npy"}, "absent.npy"),
        ({"embedding": 3}, "embedding must be"),
        ({"embedding": "observation"}, "embedding 'observation' needs a part"),
        ({"embedding": "observation:nothing"}, "a row for each of 6 candidates; parts of that name and shape: none"),
        ({"dim": 0}, "dim"),
        ({"dim": 300}, "dim must be at most 256"),
        ({"metric": "cosine"}, "metric"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ConfigurationError, match=message):
        EmbeddingAction(SimulatorEnv(family=FAMILY), **options)


@pytest.mark.parametrize("action", [[0.0, np.nan, 0.0], [np.inf, 0, 0], [0.0], "abc", None, 1.0])
def test_vectors_without_meaning_are_refused(action):
    env = EmbeddingAction(SimulatorEnv(family=FAMILY), dim=3)
    env.reset(seed=0)
    with pytest.raises(InvalidActionError):
        env.step(action)
    env.step(np.array([1e38, -1e38, 9.0]))  # far outside the box is still a direction


def test_items_alike_have_vectors_alike():
    titles = ["Alpha", "Beta", "Gamma", "Alpha", "Beta", "Delta"]
    for kind in ("svd", "hashing"):
        vectors = item_embeddings(catalogue(titles), kind, 16)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert np.allclose(vectors[0], vectors[3])  # same title, same category
        assert vectors[2] @ vectors[5] > vectors[2] @ vectors[0]  # same category against another
