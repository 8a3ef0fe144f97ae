"""The response model: compiled kernel against torch, the training command, and the file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numba import njit
from safetensors.numpy import load, save

from recsim_envs.errors import WorldError
from recsim_envs.families import make_family
from recsim_envs.families.session import synthetic_log
from recsim_envs.families.session.network import ask, chance, remember, start
from recsim_envs.families.session.response import WEIGHTS, ResponseModel, from_bytes, shipped

NEEDS_TORCH = "the response model is trained in torch: pip install longrec[data]"


def test_the_shipped_file_is_small_and_named_by_its_hash():
    content = WEIGHTS.read_bytes()
    assert len(content) < 1_000_000
    simulator = make_family("session", 1)
    assert simulator.provenance() == ("weights.safetensors", hashlib.sha256(content).hexdigest())
    assert simulator.model.to_bytes() == content


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-50], lambda b: b[100:], lambda b: b"", lambda b: b.replace(b"fame", b"lame")]
)
def test_a_damaged_file_names_itself_and_the_way_out(damage):
    with pytest.raises(WorldError, match=r"x\.safetensors is no response model .*install longrec again"):
        from_bytes(damage(WEIGHTS.read_bytes()), "x.safetensors")


@pytest.mark.parametrize("name", sorted(load(WEIGHTS.read_bytes())))
def test_arrays_that_do_not_fit_are_refused_before_the_kernel_reads_them(name):
    arrays = load(WEIGHTS.read_bytes())
    whole = arrays[name]
    damaged = [whole[..., :-1], whole.ravel()[None], np.full_like(whole, 255 if whole.dtype == np.uint8 else -1)]
    if whole.dtype == np.float32:
        damaged[2] = np.full_like(whole, np.nan)
    for array in damaged:
        content = save(arrays | {name: np.ascontiguousarray(array)})
        with pytest.raises(
            WorldError, match=r"x\.safetensors is no response model .* of a response model .* make it by"
        ):
            from_bytes(content, "x.safetensors")


def test_nobody_is_shown_videos_without_any_fame():
    with pytest.raises(WorldError, match="above 0 for some video"):
        replace(shipped(), fame=np.zeros(1000, np.int64))


def test_an_environment_needs_no_torch():
    code = "import sys, gymnasium, recsim_envs; gymnasium.make('longrec/Session-v0').reset(); "
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_agents_see_cannot_be_written():
    catalogue = make_family("session", 1).task.catalogue
    for array in (catalogue.popularity, catalogue.mean_reward, catalogue.category_ids, catalogue.category_indptr):
        assert not array.flags.writeable
    assert len(set(catalogue.titles)) == catalogue.num_items == 1000
    assert catalogue.popularity.min() > 0


def test_the_log_has_the_rates_it_was_solved_for():
    """Within five standard errors, counting each user's answers as one."""
    log = synthetic_log.generate(synthetic_log.videos(300, 3), 4000, 5, 3)
    by_user = log.responses.mean((1, 2))
    error = by_user.std(0) / np.sqrt(len(by_user))
    # Moods, which the intercepts leave out, lift the rates a little.
    assert (np.abs(by_user.mean(0) - synthetic_log.RATES) < 5 * error + 0.03 * synthetic_log.RATES).all()
    assert not (log.responses[..., 1] & ~log.responses[..., 0]).any()
    again = synthetic_log.generate(synthetic_log.videos(300, 3), 4000, 5, 3)
    assert np.array_equal(again.responses, log.responses)
    assert np.array_equal(again.items, log.items)


def test_kernel_equals_torch():
    torch = pytest.importorskip("torch", reason=NEEDS_TORCH)
    from recsim_envs.families.session.torch_model import HIDDEN, WIDTH, ResponseNet

    catalogue = synthetic_log.videos(80, 1)
    log = synthetic_log.generate(catalogue, 5, 6, 1)
    torch.manual_seed(0)
    net = ResponseNet(catalogue.attributes).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        features, items = torch.from_numpy(log.features).long(), torch.from_numpy(log.items).long()
        expected = net.chances(net(features, items, torch.from_numpy(log.responses).float())).numpy()
    fame, rewards = catalogue.fame, np.zeros(80, np.float32)
    model = ResponseModel(net.fold(), catalogue.attributes, fame, fame, rewards, log.features)
    arrays, rows = model.arrays, model.profile_rows
    hidden, gates = np.empty(HIDDEN, np.float32), np.empty((2, 3 * HIDDEN), np.float32)
    queries = np.empty((7, WIDTH), np.float32)
    for user in range(5):
        start(arrays, rows[user], hidden)
        for request in range(6):
            ask(arrays, rows[user], hidden, queries)
            slate = log.items[user, request].tolist()
            found = [[_chance(arrays, queries, b, item) for b in range(7)] for item in slate]
            np.testing.assert_allclose(found, expected[user, request], rtol=2e-4, atol=1e-6)
            for item, answers in zip(slate, log.responses[user, request].astype(np.float32), strict=True):
                remember(arrays, item, answers, hidden, gates)


@njit
def _chance(net, queries, behaviour, item):
    return chance(net, queries, behaviour, item)


def test_the_training_command_is_deterministic_and_its_file_plays(tmp_path):
    pytest.importorskip("torch", reason=NEEDS_TORCH)
    small = ["--videos", "120", "--users", "300", "--requests", "4", "--epochs", "2"]
    files = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    told = ""
    for file in files:
        command = [sys.executable, "-m", "recsim_envs.families.session.train", "--out", str(file), *small]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "epoch 2 of 2" in told
    assert "rates under the logging policy" in told
    assert files[0].read_bytes() == files[1].read_bytes() != WEIGHTS.read_bytes()
    assert {f.name for f in tmp_path.iterdir()} == {"a.safetensors", "b.safetensors"}
    model = from_bytes(files[0].read_bytes(), "a.safetensors")
    simulator = make_family("session", 2, model=model)
    simulator.begin(np.arange(2), np.arange(2).astype(np.uint64))
    assert simulator.step(np.full((2, 6), 119)).rewards.shape == (2,)
    assert simulator.task.catalogue.num_items == 120
    assert shipped() is not model
