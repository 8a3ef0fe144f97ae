"""Fingerprints see every bit, and nothing but what the environment computes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from recsim_envs import fingerprint as module
from recsim_envs import make_simulator
from recsim_envs.errors import ConfigurationError, PlatformError
from recsim_envs.families import make_family
from recsim_envs.fingerprint import check_fingerprint, fingerprint, golden, main, run_fingerprint, write
from tests.worlds import tiny_world

GAMES = "longrec/Games-v0"
HEX = set("0123456789abcdef")


def tiny(**options):
    world = tiny_world(users=20, items=30)
    return lambda lanes: make_family("departure", lanes, world=world, **options)


@pytest.mark.parametrize("env_id", sorted(golden()))
def test_this_platform_computes_as_the_golden_run_did(env_id):
    check_fingerprint(env_id)
    assert fingerprint(env_id) == golden()[env_id]
    assert len(golden()[env_id]) == 64
    assert set(golden()[env_id]) <= HEX


@pytest.mark.parametrize("options", [{}, {"protocol": "NX_0"}])
def test_how_many_lanes_run_together_changes_nothing(options):
    assert len({run_fingerprint(tiny(**options), together) for together in (1, 5, 16)}) == 1


def test_options_change_it():
    found = [run_fingerprint(tiny(**o)) for o in ({}, {"protocol": "NX_0"}, {"horizon": 7}, {"threshold": 0.1})]
    assert len(set(found)) == 4
    assert fingerprint(GAMES, {"horizon": 7}) != fingerprint(GAMES)
    with pytest.raises(ConfigurationError, match="has no option 'horison'"):
        fingerprint(GAMES, {"horison": 7})


@pytest.mark.parametrize("what", ["reward", "observation", "cause"])
def test_the_last_bit_counts(what, monkeypatch):
    make = tiny()
    before = run_fingerprint(make)

    class Off(type(make(1))):
        def step(self, actions):
            out = super().step(actions)
            if what != "reward" or not out.rewards.any():
                return out
            first = int(np.flatnonzero(out.rewards)[0])
            out.rewards[first] = np.nextafter(out.rewards[first], 9)
            return out

        def observe(self):
            out = super().observe()
            if what == "observation":
                out["session_rewards"] = np.nextafter(out["session_rewards"], np.float32(9))
            return out

        def causes(self, lanes=slice(None)):
            found = super().causes(lanes)
            return np.where(found == "too-alike", "alike", found) if what == "cause" else found

    world = tiny_world(users=20, items=30)
    assert run_fingerprint(lambda lanes: Off(lanes, world=world)) != before


def test_a_platform_that_computes_otherwise_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(module, "golden", lambda: {GAMES: "0" * 64})
    with pytest.raises(
        PlatformError, match=r"Games-v0 computes otherwise .*, not 000000000000 \(here numpy .*numba .*do not"
    ):
        check_fingerprint(GAMES)
    check_fingerprint("longrec/Books-v0")  # has no golden value here


def test_a_run_that_shows_much_is_shorter(monkeypatch):
    steps = []

    class Counts(type(tiny()(1))):
        def step(self, actions):
            steps.append(1)
            return super().step(actions)

    world = tiny_world(users=20, items=30)
    run_fingerprint(lambda lanes: Counts(lanes, world=world))
    assert len(steps) == module.STEPS
    monkeypatch.setattr(module, "_BYTES", 1000)
    run_fingerprint(lambda lanes: Counts(lanes, world=world))
    assert len(steps) == module.STEPS + 1


def test_values_are_written_for_the_ids_given(tmp_path, monkeypatch, capsys):
    known = {"longrec/Gone-v0": "1" * 64, "longrec/Books-v0": "2" * 64}
    monkeypatch.setattr(module, "golden", _Golden(known))
    write(tmp_path / "fingerprints.json", [GAMES])
    assert json.loads((tmp_path / "fingerprints.json").read_text()) == {
        "longrec/Books-v0": "2" * 64,
        GAMES: fingerprint(GAMES),
    }
    assert main([GAMES]) == 1
    assert capsys.readouterr().out == f"{GAMES} differs from fingerprints.json, or is not in it\n"
    monkeypatch.undo()
    assert main([GAMES]) == 0


class _Golden:
    def __init__(self, values):
        self.values = values

    def __call__(self):
        return self.values

    def cache_clear(self):
        pass


def test_test_users_play():
    assert fingerprint(GAMES) == run_fingerprint(lambda lanes: make_simulator(GAMES, lanes, split="test"))
