"""Estimators against what can be computed by hand: expectations over every session of a tiny process."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.ope.estimators import ESTIMATORS, Sessions, effective_size, evaluate, value
from tests.leaderboard.ope import tiny

TRUTH = tiny.values()[1][tiny.HORIZON][0]
MODELS = {
    "perfect": tiny.values(),
    "zero": tuple(np.zeros_like(part) for part in tiny.values()),
    "wrong": tuple(part + 0.7 for part in tiny.values()),
    "of another policy": tiny.values(tiny.BEHAVIOUR),
}


def consistent(model):
    """v as the expectation of q, whatever q is."""
    q = np.array(model[0])
    return q, (tiny.TARGET * q).sum(axis=2)


def expectation(name, model):
    return sum(p * value(ESTIMATORS[name](tiny.sessions([s], model=model))) for p, s in tiny.every_session())


def test_the_sessions_are_all_there_are():
    assert sum(p for p, _ in tiny.every_session()) == pytest.approx(1)
    played = sum(
        p * np.prod([tiny.TARGET[s] / tiny.BEHAVIOUR[s] for s in steps]) * sum(tiny.REWARD[s] for s in steps)
        for p, steps in tiny.every_session()
    )
    assert played == pytest.approx(TRUTH)


@pytest.mark.parametrize("name", ["ips", "pdis"])
def test_importance_sampling_is_unbiased(name):
    assert expectation(name, None) == pytest.approx(TRUTH, abs=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_doubly_robust_is_unbiased_whatever_the_model(model):
    assert expectation("dr", consistent(MODELS[model])) == pytest.approx(TRUTH, abs=1e-12)


def test_a_perfect_model_leaves_no_variance():
    """Transitions are deterministic, so each session alone gives the truth: Jiang & Li 2016, theorem 1."""
    for _, session in tiny.every_session():
        s = tiny.sessions([session], model=MODELS["perfect"])
        assert value(ESTIMATORS["dr"](s)) == pytest.approx(TRUTH, abs=1e-12)
        assert value(ESTIMATORS["dm"](s)) == pytest.approx(TRUTH, abs=1e-12)
        assert value(ESTIMATORS["wdr"](s)) == pytest.approx(TRUTH, abs=1e-12)


def test_doubly_robust_without_a_model_is_importance_sampling():
    s = tiny.sessions([session for _, session in tiny.every_session()], model=MODELS["zero"])
    assert value(ESTIMATORS["dr"](s)) == pytest.approx(value(ESTIMATORS["pdis"](s)))
    assert value(ESTIMATORS["wdr"](s)) == pytest.approx(value(ESTIMATORS["wpdis"](s)))


@pytest.mark.parametrize("name", ["ips", "snips", "pdis", "wpdis", "dr", "wdr"])
def test_a_log_in_the_exact_proportions_gives_the_truth(name):
    """Probabilities are multiples of 1/32: so many copies of each session are the expectation itself."""
    sampled = [s for p, s in tiny.every_session() for _ in range(round(p * 32))]
    assert len(sampled) == 32
    for model in MODELS.values():
        s = tiny.sessions(sampled, model=consistent(model))
        assert value(ESTIMATORS[name](s)) == pytest.approx(TRUTH, abs=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_behaviour_policy_itself_is_the_mean_return(name):
    sampled = [s for p, s in tiny.every_session() for _ in range(round(p * 32))]
    model = tiny.values(tiny.BEHAVIOUR)
    s = tiny.sessions(sampled, target=tiny.BEHAVIOUR, model=model)
    assert value(ESTIMATORS[name](s)) == pytest.approx(s.rewards.sum(axis=1).mean(), abs=1e-12)


def test_formulas_by_hand():
    """Two sessions of two steps, written out."""
    r, rho = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[2.0, 4.0], [0.5, 0.5]])
    q, v = np.array([[1.5, 1.0], [2.0, 0.0]]), np.array([[1.0, 0.5], [2.5, 0.0]])
    s = Sessions(r, rho, q, v)
    assert value(ESTIMATORS["ips"](s)) == pytest.approx((4 * 3 + 0.5 * 3) / 2)
    assert value(ESTIMATORS["snips"](s)) == pytest.approx((4 * 3 + 0.5 * 3) / 4.5)
    assert value(ESTIMATORS["pdis"](s)) == pytest.approx((2 * 1 + 4 * 2 + 0.5 * 3) / 2)
    assert value(ESTIMATORS["wpdis"](s)) == pytest.approx((2 * 1 + 0.5 * 3) / 2.5 + 4 * 2 / 4.5)
    assert value(ESTIMATORS["dm"](s)) == pytest.approx(1.75)
    first = 1.0 + 2 * (1 + 0.5 - 1.5) + 4 * (2 + 0 - 1.0)
    assert value(ESTIMATORS["dr"](s)) == pytest.approx((first + 2.5 + 0.5 * (3 + 0 - 2.0)) / 2)
    step0 = (2 * (1 - 1.5) + 0.5 * (3 - 2.0)) / 2.5 + (1.0 + 2.5) / 2
    step1 = (4 * (2 - 1.0) + 0.5 * 0) / 4.5 + (2 * 0.5 + 0.5 * 0) / 2.5
    assert value(ESTIMATORS["wdr"](s)) == pytest.approx(step0 + step1)


def test_effective_size():
    assert effective_size(np.ones((7, 1))) == pytest.approx(7)
    assert effective_size(np.array([[1.0], [0.0], [0.0]])) == 1
    assert effective_size(np.array([[3.0], [1.0]])) == pytest.approx(16 / 10)
    assert effective_size(np.array([[1e200], [1e200]])) == pytest.approx(2)
    assert effective_size(np.zeros((3, 2))) == 0


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(0)
    kinds, steps = zip(*tiny.every_session(), strict=True)
    for name in ("ips", "wpdis", "dr"):
        inside = 0
        for _ in range(200):
            drawn = [steps[k] for k in generator.choice(len(kinds), 150, p=kinds)]
            found = evaluate(name, tiny.sessions(drawn, model=consistent(MODELS["wrong"])), replicates=300).estimate
            inside += found.low <= TRUTH <= found.high
        assert 0.88 <= inside / 200 <= 0.99, name


def test_many_sessions_are_grouped_for_the_bootstrap():
    generator = np.random.default_rng(1)
    rewards = generator.normal(5, 2, (10_001, 1))
    found = evaluate("pdis", Sessions(rewards, np.ones_like(rewards)))
    half = 1.96 * 2 / np.sqrt(10_001)
    assert (found.estimate.high - found.estimate.low) / 2 == pytest.approx(half, rel=0.1)
    assert found.estimate.low < rewards.mean() < found.estimate.high


@pytest.mark.parametrize("name", ESTIMATORS)
def test_without_overlap_nothing_is_said(name):
    shape = (20, 4)
    s = Sessions(np.ones(shape), np.zeros(shape), np.ones(shape), np.random.default_rng(0).normal(size=shape))
    found = evaluate(name, s)
    if name == "dm":
        assert found.estimate is not None
        assert np.isnan(found.ess)
    else:
        assert (found.estimate, found.ess) == (None, 0)
        assert found.note.startswith("no support")


def test_degenerate_cases_are_labelled():
    ones = np.ones((5, 2))
    same = evaluate("ips", Sessions(ones, ones))
    assert (same.estimate.value, same.estimate.low) == (2.0, None)
    assert "no variation" in same.estimate.note
    alone = evaluate("ips", Sessions(ones[:1], ones[:1]))
    assert alone.estimate.low is None
    overflow = evaluate("ips", Sessions(ones, np.where(np.arange(5)[:, None] == 0, np.inf, 1.0) * ones))
    assert overflow.estimate is None
    assert "overflow" in overflow.note
    one = np.zeros((300, 1))
    one[0] = 5.0
    few = evaluate("snips", Sessions(np.ones((300, 1)), one))
    assert few.note == "rests on 1.0 sessions"
    assert few.estimate.low is None
    with pytest.raises(ValueError, match="needs a model"):
        evaluate("dr", Sessions(ones, ones))
