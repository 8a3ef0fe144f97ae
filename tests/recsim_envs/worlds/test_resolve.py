"""From a name to a world: generated once, kept, mended, cached."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError, WorldError
from recsim_envs.worlds import catalogue, resolve
from recsim_envs.worlds.recipes import GAMES, RECIPES
from recsim_envs.worlds.registry import register_world, registered_worlds
from tests.worlds import tiny_world

SMALL = replace(GAMES, name="small", users=40, train_users=20, items=400)


@pytest.fixture
def small_recipe(monkeypatch):
    monkeypatch.setitem(RECIPES, "small", SMALL)


def test_a_recipe_is_generated_once_and_cached(own_home, small_recipe):
    world = resolve("small")
    assert resolve("small") is world
    folder = catalogue.recipe_folder(SMALL)
    assert world.path == folder
    assert folder.parent == own_home / "worlds"
    assert [p.name for p in folder.parent.iterdir()] == [f"small-{SMALL.digest()}"]


def test_a_damaged_recipe_world_is_generated_again(own_home, small_recipe):
    world = resolve("small")
    file = world.path / "rewards.npy"
    file.write_bytes(file.read_bytes()[:500])
    (world.path / "world.json").touch()  # a new process would not have it in its cache; neither has this one now
    with pytest.warns(UserWarning, match=r"damaged.*rewards\.npy"):
        again = resolve("small")
    assert again.hash == world.hash
    assert len(list(world.path.parent.iterdir())) == 1


def test_another_recipe_has_another_folder():
    assert replace(SMALL, seed=1).digest() != SMALL.digest()


def test_an_unwritable_home_says_what_to_set(tmp_path, monkeypatch, small_recipe):
    (tmp_path / "home").write_text("a file is in the way")
    monkeypatch.setenv("LONGREC_HOME", str(tmp_path / "home"))
    with pytest.raises(WorldError, match="LONGREC_HOME"):
        resolve("small")


def test_processes_that_race_all_get_the_world(own_home):
    code = (
        "from dataclasses import replace; from recsim_envs.worlds import resolve, recipes; "
        "recipes.RECIPES['small'] = replace(recipes.GAMES, name='small', users=40, train_users=20, items=400); "
        "print(resolve('small').hash)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda _: subprocess.run(command, capture_output=True, text=True), range(3)))
    assert [r.returncode for r in runs] == [0, 0, 0], runs[0].stderr
    assert len({r.stdout for r in runs}) == 1
    assert len(list((own_home / "worlds").iterdir())) == 1


def test_a_world_resolves_to_itself_and_a_folder_to_its_world(tmp_path):
    world = tiny_world()
    assert resolve(world) is world
    saved = world.save(tmp_path / "w")
    assert resolve(tmp_path / "w").hash == resolve(str(tmp_path / "w")).hash == saved.hash


def test_a_replaced_folder_is_loaded_anew(tmp_path):
    tiny_world().save(tmp_path / "w")
    first = resolve(tmp_path / "w")
    tiny_world(seed=5).save(tmp_path / "w")
    second = resolve(tmp_path / "w")
    assert second.hash != first.hash
    np.testing.assert_array_equal(first.arrays["rewards"], tiny_world().arrays["rewards"])


def test_unknown_names_come_with_a_suggestion(own_home):
    with pytest.raises(WorldError, match="did you mean games"):
        resolve("gamez")
    with pytest.raises(WorldError, match="known names are games, books"):
        resolve("zzzzzzz")


def test_registered_worlds_are_kept_and_resolve(own_home, tmp_path):
    saved = tiny_world().save(tmp_path / "w")
    register_world("mine/Tiny-v0", tmp_path / "w")
    register_world("mine/Other-v0", tmp_path / "elsewhere")
    assert registered_worlds() == {"mine/Tiny-v0": tmp_path / "w", "mine/Other-v0": tmp_path / "elsewhere"}
    assert resolve("mine/Tiny-v0").hash == saved.hash
    assert [p.name for p in own_home.iterdir()] == ["registry.json"]


@pytest.mark.parametrize("env_id", ["longrec/Games-v0", "CartPole-v1"])
def test_ids_of_others_cannot_be_taken(own_home, tmp_path, env_id):
    with pytest.raises(ConfigurationError, match="is that of another environment"):
        register_world(env_id, tmp_path)
    assert not own_home.exists()


@pytest.mark.parametrize("env_id", ["mine", "mine/a b-v0", "mine/Tiny-v12345", ""])
def test_ids_that_are_none_cannot_be_registered(own_home, tmp_path, env_id):
    with pytest.raises(ConfigurationError, match="must look like"):
        register_world(env_id, tmp_path)


def test_an_id_of_ones_own_may_be_given_to_another_world(own_home, tmp_path, monkeypatch):
    register_world("mine/Tiny-v0", tmp_path / "a")
    monkeypatch.setitem(gymnasium.registry, "mine/Tiny-v0", None)  # as it is in the next process
    register_world("mine/Tiny-v0", tmp_path / "b")
    assert registered_worlds() == {"mine/Tiny-v0": tmp_path / "b"}


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"a": 3}'])
def test_a_damaged_registry_is_warned_about_and_read_as_empty(own_home, text):
    own_home.mkdir()
    (own_home / "registry.json").write_text(text)
    with pytest.warns(UserWarning, match=r"registry\.json"):
        assert registered_worlds() == {}


def test_the_registry_is_read_without_heavy_imports(own_home):
    code = (
        "import sys, recsim_envs.worlds.registry as r; r.registered_worlds(); "
        "print([m for m in ('numba', 'pydantic', 'polars', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
