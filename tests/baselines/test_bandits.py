"""The linear bandits against closed forms, and what their exploration and their clusters do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.bandits import kernels
from baselines.bandits.cluster import ClusterBanditAgent
from baselines.bandits.contexts import View, make_contexts
from baselines.bandits.epsilon import EpsilonGreedyAgent
from baselines.bandits.linear import Evidence
from baselines.bandits.linucb import LinUCBAgent
from baselines.bandits.thompson import LinearThompsonAgent
from baselines.selection import category_sets
from baselines.simple import RandomAgent
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.families import make_family
from recsim_envs.ids import BUILTIN
from recsim_envs.spec import Budget, Sessions
from tests.baselines.support import FakeDoor, evaluate
from tests.baselines.test_diverse import CATEGORIES, likeness
from tests.baselines.test_greedy import catalogue
from tests.worlds import tiny_world

KINDS = [LinUCBAgent, LinearThompsonAgent, EpsilonGreedyAgent, ClusterBanditAgent]


def features(seed: int, rows: int = 3, items: int = 7, p: int = 3, q: int = 2) -> tuple[View, np.ndarray]:
    """A view, and the same features as one array (b, n, d)."""
    generator = np.random.default_rng(seed)
    view = View(generator.normal(size=(p, items)), generator.normal(size=(rows, q, items)).astype(np.float32))
    x = np.concatenate([np.broadcast_to(view.static, (rows, p, items)), view.moving], axis=1)
    return view, x.transpose(0, 2, 1)


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_compiled_sums_are_the_textbooks(seed: int):
    view, x = features(seed)
    generator = np.random.default_rng(seed + 1)
    thetas, root = generator.normal(size=(3, 5)), generator.normal(size=(5, 5))
    np.testing.assert_allclose(view.means(thetas), np.einsum("bnd,bd->bn", x, thetas), atol=1e-12)
    quadratic = np.einsum("bnd,de,bne->bn", x, root @ root.T, x)
    np.testing.assert_allclose(view.spreads(root @ root.T), np.sqrt(quadratic), rtol=1e-9)
    slates = generator.integers(0, 7, (3, 2))
    np.testing.assert_array_equal(view.of(slates), np.take_along_axis(x, slates[:, :, None], axis=1))


@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 10.0]))
@settings(max_examples=25)
def test_models_are_ridge_regressions_around_their_prior(seed: int, strength: float):
    generator = np.random.default_rng(seed)
    evidence, rows = Evidence(4, 5), np.array([2, 0])
    seen: dict[int, list[tuple[np.ndarray, float]]] = {0: [], 2: []}
    for _ in range(6):
        x, y, known = (
            generator.normal(size=(2, 3, 5)),
            generator.normal(size=(2, 3)),
            generator.uniform(size=(2, 3)) < 0.7,
        )
        evidence.add(rows, x, y, known)
        for b, row in enumerate(rows.tolist()):
            seen[row] += [(x[b, k], y[b, k]) for k in range(3) if known[b, k]]
    prior, others = generator.normal(size=(2, 5)), generator.normal(size=(3, 5))
    models, errors = evidence.models(rows, prior, strength), evidence.errors(rows, others)
    for b, row in enumerate(rows.tolist()):
        design, target = np.array([x for x, _ in seen[row]]), np.array([y for _, y in seen[row]])
        inverse = np.linalg.inv(design.T @ design + strength * np.eye(5))
        np.testing.assert_allclose(models[b], inverse @ (design.T @ target + strength * prior[b]), atol=1e-9)
        expected = [((target - design @ theta) ** 2).sum() for theta in others]
        np.testing.assert_allclose(errors[b], expected, rtol=1e-9)
    assert not evidence.grams[[1, 3]].any()
    evidence.forget(np.array([2]))
    np.testing.assert_array_equal(evidence.models(rows[:1], prior[:1], strength), prior[:1])


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_likeness_is_that_of_the_items(seed: int):
    c = catalogue(CATEGORIES, [1.0] * 8)
    recent = np.random.default_rng(seed).integers(-1, 8, (4, 3))
    out = np.empty((4, 3, 8), np.float32)
    kernels.alike(*category_sets(c), recent, out)
    for row, shown in enumerate(recent.tolist()):
        shown = [i for i in shown if i >= 0]
        for i in range(8):
            found = [likeness(c, i, j) for j in shown]
            expected = [float(np.mean(found)) if found else 0.0, max(found, default=0.0), float(i in shown)]
            np.testing.assert_allclose(out[row, :, i], expected, atol=1e-6)


def explorer(agent: Any, seed: int = 0) -> tuple[Any, View, np.ndarray]:
    """An agent in training that has seen some evidence, and a view."""
    view, x = features(seed)
    agent._seed = 5
    agent._start(5)
    generator = np.random.default_rng(seed)
    sessions = Sessions(np.arange(3), np.zeros(3, np.uint64), np.zeros(3, np.int64))
    agent._explore(view, sessions, 0)
    agent._learn(sessions, x[:, :4], generator.normal(size=(3, 4)), np.ones((3, 4), np.bool_))
    return agent, view, x


def closed_form(agent: Any) -> tuple[np.ndarray, np.ndarray]:
    inverse = np.linalg.inv(agent._pooled.grams[0] + agent.ridge * np.eye(5))
    return inverse @ agent._pooled.moments[0], inverse


def later(step: int = 1) -> Sessions:
    return Sessions(np.arange(3), np.zeros(3, np.uint64), np.full(3, step))


def test_linucb_adds_alpha_standard_deviations():
    agent, view, x = explorer(LinUCBAgent(alpha=0.8, ridge=2.0))
    theta, inverse = closed_form(agent)
    expected = x @ theta + 0.8 * np.sqrt(np.einsum("bnd,de,bne->bn", x, inverse, x))
    np.testing.assert_allclose(agent._explore(view, later(), 1), expected, rtol=1e-9)


def test_thompson_draws_from_the_posterior():
    agent, _, _ = explorer(LinearThompsonAgent(scale=0.5))
    theta, inverse = closed_form(agent)
    draws = np.concatenate([agent._draws(np.arange(100), decision) for decision in range(200)])
    error = 5 * 0.5 * np.sqrt(np.diag(inverse) / len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - theta) < error)
    np.testing.assert_allclose(np.cov(draws.T), 0.25 * inverse, atol=5 * 0.25 * inverse.max() * np.sqrt(2 / len(draws)))


def test_epsilon_decays_and_random_is_uniform():
    agent, view, x = explorer(EpsilonGreedyAgent(explore=30.0))
    theta, _ = closed_form(agent)
    greedy = (x @ theta).argmax(axis=1)
    shown = np.array([agent._explore(view, later(), decision).argmax(axis=1) for decision in range(2000)])
    assert (shown[:10] == greedy).mean() < 0.5  # all random: one in seven is the best by chance
    decisions = 3.0 * np.arange(10, 2000)
    expected = (6 / 7 * 30.0 / (decisions + 1)).sum() * 3
    assert (shown[10:] != greedy).sum() == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_clusters_hold_the_evidence_of_their_sessions():
    agent, view, x = explorer(ClusterBanditAgent(clusters=3))
    generator = np.random.default_rng(0)
    for step in range(1, 30):
        sessions = later(step % 4)
        agent._explore(view, sessions, step)
        agent._learn(
            sessions, x[:, :2], generator.normal(size=(3, 2)) + 5 * np.arange(3)[:, None], np.ones((3, 2), bool)
        )
    np.testing.assert_allclose(agent._evidence.grams.sum(axis=0), agent._pooled.grams[0])
    np.testing.assert_allclose(agent._evidence.moments.sum(axis=0), agent._pooled.moments[0])
    np.testing.assert_allclose(agent._evidence.squares.sum(), agent._pooled.squares[0])
    assert len(agent._learned()) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_earns_more_than_random_from_a_hundred_sessions(kind: type):
    world, budget = tiny_world(users=40, items=50, threshold=0.0), Budget(episodes=100)
    agent, door = kind(num_envs=4), FakeDoor(world, budget)
    agent.train(door, seed=1)
    assert door.episodes <= 103
    assert agent.describe()["train_sessions"] == door.episodes
    returns = [evaluate(player, world, sessions=40).returns.mean() for player in (agent, RandomAgent())]
    assert returns[0] > 2 * returns[1]


def test_a_session_bends_only_its_own_model():
    """A lane's actions are those of the session alone, and feedback changes them."""
    world = tiny_world(users=40, items=50, threshold=2.0)
    free, bound = LinUCBAgent(session_prior=0.1), LinUCBAgent(session_prior=1e9)
    for agent in (free, bound):
        agent.train(FakeDoor(world, Budget(episodes=20)), seed=1)
    together = evaluate(free, world, sessions=6).actions
    assert [evaluate(free, world, order=np.array([i])).actions[0] for i in range(6)] == together
    assert evaluate(bound, world, sessions=6).actions != together


def test_slots_that_nobody_clicked_earned_nothing():
    family, options = BUILTIN["InterestEvolution-v0"]
    task = make_family(family, 1, split="test", **options).task
    contexts = make_contexts(LinUCBAgent(), task, 2, 8)
    after = {"response_clicks": np.array([[0, 1], [0, 0]])}
    targets, known = contexts.targets(np.array([[3, 4], [5, 6]]), np.array([4.0, 0.0]), after)
    assert targets.tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert known.all()
    assert "own user_interests" in contexts.names


def test_feedback_on_other_items_is_not_taken_for_that_on_the_slate():
    family, options = BUILTIN["SlateTopKBored-v0"]
    sim = make_family(family, 2, split="test", **options)
    contexts = make_contexts(LinUCBAgent(), sim.task, 2, 8)
    after = sim.observe() | {"slate": np.tile(np.arange(10), (2, 1)), "length": np.ones((2, 1), np.int32)}
    after["clicks"] = np.zeros((2, 10), np.int32)
    after["clicks"][:, 3] = 1
    shown = np.stack([np.arange(10), np.arange(10) + 5])
    targets, known = contexts.targets(shown, np.ones(2), after)
    assert targets[0].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert known.all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize("thetas", ["x", [[1.0]], [1.0, 2.0], [[float("nan")] * 16]])
def test_a_model_of_another_shape_is_refused(tmp_path, thetas: Any):
    record = {"items": 3, "features": ["a"] * 16, "thetas": thetas}
    (tmp_path / "bandit.json").write_text(json.dumps(record))
    with pytest.raises(AgentError, match="thetas"):
        LinUCBAgent().load(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_impossible_parameters_are_refused(kind: type):
    bad: list[dict[str, Any]] = [{"dim": 0}, {"ridge": 0.0}, {"session_prior": -1.0}, {"num_envs": 0}]
    own = {
        LinUCBAgent: "alpha",
        LinearThompsonAgent: "scale",
        EpsilonGreedyAgent: "explore",
        ClusterBanditAgent: "clusters",
    }
    for parameters in [*bad, {own[kind]: -1}]:
        with pytest.raises(ConfigurationError, match=next(iter(parameters))):
            kind(**parameters)
