"""Every user model: it finds what was planted, says what a world computes from its arrays, and repeats its bits."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.models import MODELS, Training, fit_model
from recsim_envs.worlds.rewards import REWARD_MODELS
from tests.recsim_envs.worlds.models import reference
from tests.recsim_envs.worlds.models.planted import ITEMS, QUICK, USERS, planted, rmse

TRAINED = [name for name in MODELS if name != "biases"]


@cache
def data(kind="tastes"):
    return planted(kind)


def fitted(name, how=QUICK, seed=0, kind="tastes", **more):
    found = data(kind)
    return fit_model(name, found.train, found.valid, found.sizes, how, seed, **more)


@cache
def quick(name):
    return fitted(name)


def same(first, other):
    return all(np.array_equal(first.arrays[name], other.arrays[name]) for name in first.arrays)


def test_biases_are_those_of_a_ridge_regression():
    """Against the normal equations: some damping of the grid solves them."""
    model, found = quick("biases"), data()
    train, mean = found.train, float(found.train.values.mean(dtype=np.float64))
    design = np.zeros((len(train), USERS + ITEMS))
    design[np.arange(len(train)), train.users] = design[np.arange(len(train)), USERS + train.items] = 1
    learned = np.concatenate([model.arrays["user_bias"] - mean, model.arrays["item_bias"]])
    gaps = []
    for damping in (20, 10, 5, 2, 1):
        solved = np.linalg.solve(design.T @ design + damping * np.eye(USERS + ITEMS), design.T @ (train.values - mean))
        gaps.append(np.abs(solved - learned).max())
    assert min(gaps) < 0.02
    assert max(gaps) > 0.05


@pytest.mark.parametrize(
    ("name", "kind"), [("mf", "tastes"), ("deepfm", "categories"), ("gru", "moods"), ("gru", "tastes")]
)
def test_a_model_finds_what_biases_cannot(name, kind):
    sequential = {"batch": 16, "rate": 0.02} if name == "gru" else {}
    how = Training(rank=8, epochs=20, width=16, sequence=16, **sequential)
    assert rmse(fitted(name, how, kind=kind), data(kind)) < 0.8 * rmse(fitted("biases", kind=kind), data(kind))


def test_only_the_sequential_model_finds_moods():
    assert rmse(fitted("mf", Training(rank=8, epochs=20), kind="moods"), data("moods")) > 0.9


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_the_formula_of_the_worlds_arrays(name):
    model = quick(name)
    reward_model, arrays = model.world_arrays()
    assert all(array.dtype == np.float32 for array in arrays.values())
    g = np.random.default_rng(1)
    users, items = g.integers(USERS, size=200), g.integers(ITEMS, size=200)
    formula = getattr(reference, reward_model)
    expected = [
        formula(arrays, u, i, *([arrays["user_states"][u].astype(float)] if reward_model == "gru" else []))
        for u, i in zip(users, items, strict=True)
    ]
    np.testing.assert_allclose(model.predict(users, items), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_bits_and_another_does_not(name):
    assert same(quick(name), fitted(name))
    assert same(quick(name), fitted(name, seed=5)) == (name == "biases")  # which draw nothing


@pytest.mark.parametrize("name", MODELS)
def test_the_scale_of_values_only_scales_predictions(name):
    found = data()
    train, valid = (replace(part, values=part.values * 100 + 1000) for part in (found.train, found.valid))
    scaled = fit_model(name, train, valid, found.sizes, QUICK)
    users, items = np.arange(50), np.arange(50)
    expected = 1000 + 100 * quick(name).predict(users, items)
    np.testing.assert_allclose(scaled.predict(users, items), expected, atol=2)


@pytest.mark.parametrize("name", MODELS)
def test_validation_error_and_epochs_are_those_of_the_model(name):
    model, found = quick(name), data()
    log = found.log[found.part < 2]
    rows = np.flatnonzero(found.part[found.part < 2] == 1)
    errors = model.predict_rows(log, rows) - log.values[rows]
    assert model.validation_rmse == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)
    assert 0 < model.epochs <= (50 if name == "biases" else QUICK.epochs)


@pytest.mark.parametrize("name", [n for n in MODELS if n != "gru"])
def test_a_static_model_reads_no_log(name):
    model, found = quick(name), data()
    assert not model.sequential
    assert model.after(found.log) is model
    expected = model.predict(found.log.users[found.test], found.log.items[found.test])
    np.testing.assert_array_equal(model.predict_rows(found.log, found.test), expected)


@pytest.mark.parametrize("name", TRAINED)
def test_items_have_vectors(name):
    vectors = quick(name).item_vectors()
    assert vectors.shape == (ITEMS, QUICK.rank)
    assert vectors.std(0).min() > 0


def test_biases_have_no_item_vectors():
    with pytest.raises(ConfigurationError, match="categories or text"):
        quick("biases").item_vectors()


def test_training_stops_when_patience_ends():
    told = []
    how = replace(QUICK, epochs=1000, patience=1, rate=0.05)
    model = fitted("mf", how, progress=lambda *a: told.append(a))
    assert model.epochs < 100
    assert told[-1][1] == told[-1][2]
    assert {stage for stage, _, _ in told} == {"fitting biases", "fitting mf"}


@pytest.mark.parametrize("name", TRAINED)
def test_it_leaves_torchs_generator_and_threads_alone(name):
    import torch

    state, threads = torch.get_rng_state(), torch.get_num_threads()
    fitted(name, replace(QUICK, epochs=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_naming_the_models_imports_no_torch():
    code = "import sys, recsim_envs.worlds.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", MODELS)
def test_a_world_computes_the_same_from_the_arrays(name):
    model = quick(name).after(data().log)
    reward_model, arrays = model.world_arrays()
    kind = REWARD_MODELS[reward_model]
    kind.check(arrays, "the model")
    rewards, everybody = kind(arrays, (-100.0, 100.0)), np.arange(USERS)
    table = rewards.catalogue(everybody, rewards.fresh(everybody))
    users, items = np.divmod(np.arange(USERS * ITEMS), ITEMS)
    np.testing.assert_allclose(table.ravel(), model.predict(users, items), atol=1e-5)


def test_deepfm_does_without_categories():
    found = data()
    none = replace(found.sizes, category_indptr=np.zeros(ITEMS + 1, np.int64), category_ids=np.zeros(0, np.int32))
    model = fit_model("deepfm", found.train, found.valid, replace(none, num_categories=0), QUICK)
    assert np.isfinite(model.predict(np.arange(50), np.arange(50))).all()
    assert model.validation_rmse < quick("biases").validation_rmse
