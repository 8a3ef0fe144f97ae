"""The conformance suite passes what keeps the rules, and names the rule that an environment breaks."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import recsim_envs
from recsim_envs.check import check_environment
from recsim_envs.check.suite import CHECKS
from recsim_envs.errors import ConfigurationError
from recsim_envs.families.base import Step
from recsim_envs.families.departure.simulator import DepartureSimulator


class Forgetful(DepartureSimulator):
    """A lane depends on how many there are."""

    def begin(self, lanes, seeds):
        super().begin(lanes, seeds + self.num_lanes)


class Placed(DepartureSimulator):
    """A lane depends on where it lies."""

    def begin(self, lanes, seeds):
        super().begin(lanes, seeds + lanes.astype(np.uint64))


class Deaf(DepartureSimulator):
    """Seeds change nothing."""

    def begin(self, lanes, seeds):
        super().begin(lanes, np.zeros(len(lanes), np.uint64))


class Talkative(DepartureSimulator):
    """Infos name hidden state."""

    def infos(self):
        return {"threshold": np.full(self.num_lanes, self.threshold)}


class Gossip(DepartureSimulator):
    """Observations tell who the user is, under another name."""

    def observe(self):
        return super().observe() | {"length": self.user_ids()[:, None].astype(np.int32)}


class Generous(DepartureSimulator):
    """Pays more than the task says."""

    def step(self, actions):
        return Step(2 * super().step(actions).rewards, *super().step(actions)[1:])


class Obliging(DepartureSimulator):
    """Takes whatever comes for an action."""

    def step(self, actions):
        return super().step(np.zeros(self.num_lanes, np.int64))


class Hasty(DepartureSimulator):
    """Moves before it refuses."""

    def step(self, actions):
        super().step(np.zeros(self.num_lanes, np.int64))
        return super().step(actions)


class Restless(DepartureSimulator):
    """Draws from a generator that a copy does not share."""

    generator = np.random.default_rng(0)

    def step(self, actions):
        step = super().step(actions)
        return step._replace(rewards=step.rewards * self.generator.uniform(0.5, 1.0))


class Endless(DepartureSimulator):
    """Says a horizon that it does not keep."""

    def __init__(self, num_lanes, *, world, split="train", env_id=""):
        super().__init__(num_lanes, world=world, split=split, env_id=env_id, threshold=0.0, r_min=0.0)
        object.__setattr__(self.task, "horizon", 3)


class Exposed(DepartureSimulator):
    """Hands out the array that it goes on counting in."""

    def step(self, actions):
        step = super().step(actions)
        self.earned = vars(self).get("earned", np.zeros(self.num_lanes))
        self.earned += step.rewards
        return step._replace(rewards=self.earned)


class Meddling(DepartureSimulator):
    """Begins all lanes where some are asked for."""

    def begin(self, lanes, seeds):
        super().begin(np.arange(self.num_lanes), np.resize(seeds, self.num_lanes))


class Posthumous(DepartureSimulator):
    """Pays after the end."""

    def step(self, actions):
        gone, step = self.over, super().step(actions)
        return step._replace(rewards=step.rewards + gone)


class Mute(DepartureSimulator):
    """Never says why a session ended."""

    def causes(self, lanes=slice(None)):
        return np.full(len(self.over[lanes]), "", object)


class Whispering(DepartureSimulator):
    """Infos tell who the user is, as a decimal number."""

    def infos(self):
        return {"weight": self.user_ids().astype(np.float32)}


BROKEN = {
    Forgetful: "vector = scalar",
    Placed: "same bits in another process",
    Deaf: "lanes and seeds are independent",
    Talkative: "nothing hidden is shown",
    Gossip: "nothing hidden is shown",
    Generous: "spaces and rewards are kept",
    Endless: "spaces and rewards are kept",
    Obliging: "wrong actions are refused",
    Hasty: "wrong actions are refused",
    Restless: "copies go on alike",
    Exposed: "arrays belong to the caller",
    Meddling: "sessions end, and lanes restart alone",
    Posthumous: "sessions end, and lanes restart alone",
    Mute: "sessions end, and lanes restart alone",
    Whispering: "nothing hidden is shown",
}


def findings(env_id, **options):
    return {finding.check: finding for finding in check_environment(env_id, **options)}


def test_a_sound_environment_passes_every_check(small_world):
    recsim_envs.register("tests/Sound-v0", world=small_world)
    found = findings("tests/Sound-v0")
    assert list(found) == list(CHECKS)
    assert [f for f in found.values() if not f.ok or f.skipped] == []
    assert "of vectorised CartPole-v1" in found["speed"].detail
    assert "over" in found["horizon gap"].detail or "not ranked" in found["horizon gap"].detail


def test_checkers_that_draw_without_the_mask_are_kept_from_what_is_forbidden(small_world):
    """Twenty steps among thirty items without repeats: blind draws would repeat one of them nearly always."""
    recsim_envs.register("tests/Masked-v0", world=small_world, protocol="NX_20")
    for _ in range(3):
        assert findings("tests/Masked-v0", fast=True)["stable-baselines3"].ok


@pytest.mark.parametrize(("family", "check"), BROKEN.items(), ids=[family.__name__ for family in BROKEN])
def test_a_broken_rule_is_named(small_world, family, check):
    env_id = f"tests/{family.__name__}-v0"
    recsim_envs.register(env_id, world=small_world, family=f"{__name__}:{family.__name__}")
    assert not findings(env_id, fast=True)[check].ok


def test_a_checker_that_is_not_installed_is_skipped(small_world, monkeypatch):
    recsim_envs.register("tests/Bare-v0", world=small_world)
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.env_checker", None)
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    found = findings("tests/Bare-v0", fast=True)
    assert [name for name, finding in found.items() if finding.skipped] == ["stable-baselines3"]
    assert found["stable-baselines3"].detail.endswith("pip install 'longrec[rl]'")
    assert all(finding.ok for finding in found.values())


def test_an_unknown_id_is_an_error():
    with pytest.raises(ConfigurationError, match="is not registered"):
        findings("tests/Nowhere-v0")
