"""The conformance checker passes what keeps the rules and names what does not."""

from __future__ import annotations

import sys

import pytest

import recsim_envs
from recsim_envs.check import check_environment
from recsim_envs.errors import ConfigurationError
from recsim_envs.families.departure.simulator import DepartureSimulator


class Forgetful(DepartureSimulator):
    """Breaks the rule that a lane does not depend on its neighbours."""

    def begin(self, lanes, seeds):
        super().begin(lanes, seeds + self.num_lanes)


def outcome(env_id):
    return {finding.check: finding.ok for finding in check_environment(env_id)}


def test_a_sound_environment_passes(small_world):
    recsim_envs.register("tests/Sound-v0", world=small_world)
    assert outcome("tests/Sound-v0") == {"gymnasium": True, "stable-baselines3": True, "vector = scalar": True}


def test_a_checker_that_is_not_installed_is_skipped(small_world, monkeypatch):
    recsim_envs.register("tests/Bare-v0", world=small_world)
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.env_checker", None)
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    findings = {finding.check: finding for finding in check_environment("tests/Bare-v0")}
    assert [name for name, finding in findings.items() if finding.skipped] == ["stable-baselines3"]
    assert findings["stable-baselines3"].detail.endswith("pip install 'longrec[rl]'")
    assert all(finding.ok for finding in findings.values())


def test_a_lane_that_knows_its_neighbours_fails(small_world):
    recsim_envs.register("tests/Forgetful-v0", world=small_world, family=f"{__name__}:Forgetful")
    assert outcome("tests/Forgetful-v0")["vector = scalar"] is False


def test_an_unknown_id_is_an_error():
    with pytest.raises(ConfigurationError, match="is not registered"):
        check_environment("tests/Nowhere-v0")
