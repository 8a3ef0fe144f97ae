"""What cannot be fitted is refused before any work, and the message says what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.worlds.models import MODELS, Training, fit_model
from tests.recsim_envs.worlds.models.planted import QUICK, planted

DATA = planted("tastes")


def fit(name="mf", train=DATA.train, valid=DATA.valid, sizes=DATA.sizes, how=QUICK, seed=0):
    return fit_model(name, train, valid, sizes, how, seed)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"rank": 0}, "rank must be a whole number from 1 to 1024, got 0"),
        ({"rank": 2000}, "rank"),
        ({"rank": 2.0}, "rank"),
        ({"epochs": 0}, "epochs"),
        ({"patience": True}, "patience"),
        ({"batch": -1}, "batch"),
        ({"width": 0}, "width"),
        ({"sequence": 0}, "sequence"),
        ({"hidden": (64,)}, "two layers"),
        ({"hidden": (64, 0)}, "hidden"),
        ({"rate": float("nan")}, "rate"),
        ({"rate": "fast"}, "rate"),
        ({"factor_decay": -1.0}, "factor_decay"),
        ({"device": "tpu"}, "device must be 'cpu' or 'cuda', got 'tpu'"),
    ],
)
def test_options_without_meaning(option, message):
    with pytest.raises(ConfigurationError, match=message):
        fit(how=Training(**option))


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, None])
def test_seeds_that_are_none(seed):
    with pytest.raises(ConfigurationError, match="seed"):
        fit(seed=seed)


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="pass device='cpu'"):
        fit(how=replace(QUICK, device="cuda"))


@pytest.mark.parametrize(("name", "near"), [("deep-fm", "deepfm"), ("gru4rec", "gru"), ("bias", "biases")])
def test_an_unknown_model_with_the_nearest(name, near):
    with pytest.raises(ConfigurationError, match=f"did you mean {near!r}.*biases, mf, deepfm, gru"):
        fit(name)


def test_a_model_like_no_other():
    with pytest.raises(ConfigurationError, match="'zzz'; There are biases"):
        fit("zzz")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers(name, bad):
    values = DATA.train.values.copy()
    values[17] = bad
    with pytest.raises(LogError, match=rf"training row 17, field value: {bad} is no finite number \(1 such rows\)"):
        fit(name, train=replace(DATA.train, values=values))


@pytest.mark.parametrize(("field", "value"), [("users", -1), ("users", 10_000), ("items", 60)])
def test_numbers_of_nobody(field, value):
    ids = getattr(DATA.valid, field).copy()
    ids[3] = value
    with pytest.raises(LogError, match=rf"validation row 3, field {field[:-1]}: {value} is not in 0\.\."):
        fit(valid=replace(DATA.valid, **{field: ids}))


@pytest.mark.parametrize("part", ["train", "valid"])
def test_nothing_to_learn_from(part):
    with pytest.raises(LogError, match=r"there are no (training|validation) rows"):
        fit(**{part: DATA.train[:0]})


def test_values_that_are_all_equal():
    with pytest.raises(LogError, match=r"all \d+ training values are 1, so nothing can be learned"):
        fit(train=replace(DATA.train, values=np.ones_like(DATA.train.values)))
