"""An interrupted fit goes on where it was and ends in the same bits; what is left of another fit is not used."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open

from recsim_envs.errors import LogError
from recsim_envs.worlds.models import checkpoint, fit_model
from tests.recsim_envs.worlds.models.planted import QUICK, planted

HOW = replace(QUICK, epochs=4)
DATA = planted("tastes")


class StopError(Exception):
    pass


def fit(name, folder=None, seed=0, how=HOW, stop_at=None):
    """Fit; at the `stop_at`-th report of the model's own training, stop. Also how often it reported."""
    told = []

    def progress(stage, done, total):
        if stage == f"fitting {name}":
            told.append(done)
            if len(told) == stop_at:
                raise StopError

    model = fit_model(name, DATA.train, DATA.valid, DATA.sizes, how, seed, progress, folder)
    return model, len(told)


def bits(model):
    return {name: array.tobytes() for name, array in model.arrays.items()}, model.epochs, model.validation_rmse


@pytest.mark.parametrize("name", ["mf", "deepfm", "gru"])
@pytest.mark.parametrize("in_epochs", [False, True])
def test_an_interrupted_fit_ends_in_the_same_bits(name, in_epochs, tmp_path, monkeypatch):
    whole, reports = fit(name)
    if in_epochs:
        monkeypatch.setattr(checkpoint, "_SECONDS", 0.0)  # a write after every batch
    for stop in (reports // 2 + 2, 3):  # twice, the second time soon after going on
        with pytest.raises(StopError):
            fit(name, tmp_path, stop_at=stop)
    resumed, left = fit(name, tmp_path)
    assert bits(resumed) == bits(whole)
    assert left <= reports // 2 + 1
    assert [p.name for p in tmp_path.iterdir()] == [f"{name}.safetensors"]


def test_a_finished_fit_is_read_and_not_repeated(tmp_path):
    first, _ = fit("mf", tmp_path)
    again, reports = fit("mf", tmp_path)
    assert bits(again) == bits(first)
    assert reports == 1


@pytest.mark.parametrize("change", [{"seed": 1}, {"how": replace(HOW, rank=5)}, {"how": replace(HOW, rate=0.01)}])
def test_the_state_of_another_fit_is_not_used(change, tmp_path):
    fit("mf", tmp_path)
    found, _ = fit("mf", tmp_path, **change)
    assert bits(found) == bits(fit("mf", **change)[0])


def test_the_state_of_other_data_is_not_used(tmp_path):
    fit("mf", tmp_path)
    values = DATA.train.values.copy()
    values[0] += 1
    arguments = replace(DATA.train, values=values), DATA.valid, DATA.sizes, HOW
    found = fit_model("mf", *arguments, checkpoint=tmp_path)
    assert bits(found) == bits(fit_model("mf", *arguments))


@pytest.mark.parametrize("damage", [b"", b"no such format" * 9, "truncate"])
def test_a_damaged_state_is_replaced(damage, tmp_path):
    whole, _ = fit("mf", tmp_path)
    path = tmp_path / "mf.safetensors"
    path.write_bytes(path.read_bytes()[:1000] if damage == "truncate" else damage)
    assert bits(fit("mf", tmp_path)[0]) == bits(whole)
    with safe_open(path, "np") as file:
        assert json.loads(file.metadata()["training"])["standing"]["epoch"] >= whole.epochs


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(LogError, match="another folder for checkpoints"):
        fit("mf", tmp_path / "taken")


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.recsim_envs.worlds.models import test_resume
test_resume.checkpoint._SECONDS = 0.0
steps = []
def progress(stage, done, total):
    steps.append(done)
    if stage == "fitting mf" and done > total // 2:
        os.kill(os.getpid(), signal.SIGKILL)
data = test_resume.DATA
test_resume.fit_model("mf", data.train, data.valid, data.sizes, test_resume.HOW, 0, progress, Path(sys.argv[1]))
"""


def test_a_killed_process_is_gone_on_from(tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    whole, reports = fit("mf")
    resumed, left = fit("mf", tmp_path)
    assert bits(resumed) == bits(whole)
    assert left <= reports // 2 + 1


def test_arrays_of_a_resumed_model_can_be_written_to(tmp_path):
    fit("mf", tmp_path)
    model, _ = fit("mf", tmp_path)
    assert all(array.flags.writeable and array.flags.owndata for array in model.arrays.values())
    assert np.isfinite(model.validation_rmse)
