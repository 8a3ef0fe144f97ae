"""Registering environments: worlds, families of one's own, plug-ins, and a light import."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import gymnasium as gym
import pytest

import recsim_envs
from recsim_envs.errors import ConfigurationError


def test_importing_the_package_is_light():
    heavy = "torch transformers numba pydantic polars pyarrow faiss ray stable_baselines3 scipy"
    code = f"import sys, recsim_envs; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_world_becomes_an_environment_with_one_call(small_world, tmp_path):
    small_world.save(tmp_path / "shop")
    recsim_envs.register("tests/Shop-v0", world=tmp_path / "shop", window=2)
    env = gym.make("tests/Shop-v0", horizon=9)
    assert env.unwrapped.simulator.window == 2
    assert env.unwrapped.simulator.horizon == 9
    assert "tests/Shop-v0" in recsim_envs.registered_ids()
    assert recsim_envs.make_simulator("tests/Shop-v0", 3).task.env_id == "tests/Shop-v0"
    env.reset(seed=0)
    # What gym.make_vec and JSON need of a specification.
    assert gym.make(gym.spec("tests/Shop-v0")).unwrapped.simulator.window == 2
    assert gym.envs.registration.EnvSpec.from_json(env.spec.to_json()).kwargs["horizon"] == 9


def test_registering_the_same_again_is_quiet_and_something_else_is_not(small_world):
    recsim_envs.register("tests/Twice-v0", world="games")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recsim_envs.register("tests/Twice-v0", world="games")
        with pytest.raises(UserWarning, match="Twice"):
            recsim_envs.register("tests/Twice-v0", world="books")


def test_a_family_of_ones_own_is_named_by_its_class(small_world):
    family = "recsim_envs.families.departure.simulator:DepartureSimulator"
    recsim_envs.register("tests/Own-v0", world=small_world, family=family)
    assert gym.make_vec("tests/Own-v0", num_envs=2).reset(seed=0)[0]["length"].shape == (2, 1)
    recsim_envs.register("tests/Lost-v0", family="nowhere:Simulator")
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        recsim_envs.make_simulator("tests/Lost-v0", 1)


@pytest.mark.parametrize(
    ("env_id", "words"),
    [
        ("longrec/Gmaes-v0", "did you mean longrec/Games-v0"),
        ("CartPole-v1", "is not registered"),
        ("???", "`longrec envs list` shows all"),
        ("creator_market", "did you mean creator_market_v0"),
    ],
)
def test_an_unknown_id_names_its_neighbours(env_id, words):
    with pytest.raises(ConfigurationError, match=words):
        recsim_envs.make_simulator(env_id, 1)


@pytest.mark.parametrize("env_id", ["mine/Foo", "Foo-v", "a/b/Foo-v0", "", "Foo-v0\n", "mine/Fö-v0"])
def test_what_is_no_id_is_refused(env_id):
    with pytest.raises(ConfigurationError, match="must look like mine/Shop-v0"):
        recsim_envs.register(env_id, world="games")


@pytest.mark.parametrize("env_id", ["longrec/Games-v0", "CartPole-v1", "no id"])
def test_the_users_registry_cannot_redirect_an_id_or_break_the_import(env_id, own_home, small_world):
    folder = small_world.save(own_home / "shop").path
    (own_home / "registry.json").write_text(json.dumps({env_id: str(folder), "mine/Kept-v0": str(folder)}))
    before = gym.registry.get(env_id)
    with pytest.warns(UserWarning, match="shop is left out"):
        recsim_envs.registration.register_builtin()
    assert gym.registry.get(env_id) is before
    assert gym.registry.pop("mine/Kept-v0").kwargs["world"] == str(folder)


class BrokenPlugin:
    name, value = "broken", "broken:register"

    def load(self):
        raise ImportError("no such module")


def test_a_broken_plugin_is_left_out_with_a_warning(monkeypatch):
    monkeypatch.setattr("recsim_envs.registration.entry_points", lambda group: [BrokenPlugin()])
    with pytest.warns(UserWarning, match="plug-in 'broken' .* was left out"):
        recsim_envs.registration.register_builtin()


def test_a_module_that_cannot_be_imported_is_left_out_with_a_warning(monkeypatch):
    monkeypatch.setenv("LONGREC_PLUGINS", "json, no_such_module,")
    with pytest.warns(UserWarning, match="plug-in 'no_such_module' of LONGREC_PLUGINS was left out") as told:
        recsim_envs.registration.register_builtin()
    assert len(told) == 1
