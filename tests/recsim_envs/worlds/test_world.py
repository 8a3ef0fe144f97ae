"""World folders: what was saved is what is loaded, and damage of any kind has a name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from recsim_envs.errors import WorldError
from recsim_envs.worlds.world import World
from tests.worlds import tiny_deepfm_world, tiny_factor_world, tiny_gru_world, tiny_world


def calibrated():
    return tiny_factor_world(calibrated=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_world().save(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.mark.parametrize("make", [tiny_world, tiny_factor_world, calibrated, tiny_deepfm_world, tiny_gru_world])
def test_a_saved_world_is_loaded_unchanged_and_memory_mapped(make, tmp_path):
    world = make()
    loaded = world.save(tmp_path / "w")
    again = World.load(tmp_path / "w")
    assert loaded.hash == again.hash == world.hash
    assert again.info == world.info
    assert list(again.catalogue.titles) == list(world.catalogue.titles)
    assert again.catalogue.titles[-1] == "Item 29"
    assert again.catalogue.titles[1:3] == ["Item 1", "Item 2"]
    for name, array in world.arrays.items():
        assert isinstance(again.arrays[name], np.memmap), name
        np.testing.assert_array_equal(again.arrays[name], array)
    users = np.array([3, 0])
    np.testing.assert_array_equal(again.user_rewards(users), world.user_rewards(users))


def test_the_hash_covers_content_and_constants_but_not_the_card():
    world = tiny_world()
    assert world.with_card({"a": 1}).hash == world.hash
    assert tiny_world(threshold=1.6).hash != world.hash
    assert tiny_world(seed=1).hash != world.hash


def test_the_hash_of_a_world_does_not_depend_on_how_worlds_are_written():
    """As computed by the first release: a folder that was built then is opened now."""
    assert tiny_world().hash == "6706e6604e9a19c180edf11445c6b6005dc567741455dff37470b7b3d730dfab"
    assert tiny_factor_world().hash == "e04c992557224ba4c2c2cdd6e99adaa88e323604cf6275c6adcce4a188151f50"


@pytest.mark.parametrize("depth", range(900, 1010, 10))
def test_a_deeply_nested_manifest_is_a_typed_error(folder, depth):
    text = (folder / "world.json").read_text()
    (folder / "world.json").write_text(text.replace('"dtype"', f'"x": {"[" * depth}{"]" * depth}, "dtype"', 1))
    with pytest.raises(WorldError, match=r"world\.json"):
        World.load(folder)


def test_a_missing_folder_says_how_to_build_one(tmp_path):
    with pytest.raises(WorldError, match="longrec world build"):
        World.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["rewards", "vectors", "log_indptr"])
def test_a_missing_array_is_named(folder, name):
    (folder / f"{name}.npy").unlink()
    with pytest.raises(WorldError, match=rf"{name}\.npy is missing"):
        World.load(folder)


@pytest.mark.parametrize("keep", [0, 40, 200])
def test_a_truncated_array_is_named(folder, keep):
    file = folder / "vectors.npy"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(WorldError, match=r"vectors\.npy is truncated"):
        World.load(folder)


def test_a_tampered_array_is_found_by_its_hash(folder):
    rewards = np.load(folder / "rewards.npy")
    rewards[0, 0] = 6 - rewards[0, 0] if rewards[0, 0] != 3 else 5
    np.save(folder / "rewards.npy", rewards)
    with pytest.raises(WorldError, match=r"rewards\.npy: content differs"):
        World.load(folder)
    assert World.load(folder, verify=False).num_users == 12


def test_another_dtype_is_named(folder):
    np.save(folder / "vectors.npy", np.load(folder / "vectors.npy").astype(np.float64))
    with pytest.raises(WorldError, match=r"promises <f4 .* holds <f8"):
        World.load(folder)


def test_a_pickled_array_is_refused(folder):
    np.save(folder / "vectors.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(WorldError, match=r"vectors\.npy"):
        World.load(folder)


def edit(folder: Path, change) -> None:
    record = json.loads((folder / "world.json").read_text())
    change(record)
    (folder / "world.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["departure"].update(threshold=0.1), "do not match its hash"),
        (lambda r: r.update(name="other"), "do not match its hash"),
        (lambda r: r["departure"].update(window=0), "departure.window"),
        (lambda r: r.update(schema_version=2), "schema_version"),
        (lambda r: r.update(surprise=1), "surprise"),
        (lambda r: r.pop("hash"), "incomplete"),
        (lambda r: r.pop("arrays"), "incomplete"),
        (lambda r: r["arrays"].pop("vectors"), "missing \\['vectors'\\]"),
        (
            lambda r: r["arrays"].update({"../../etc/passwd": {"dtype": "|u1", "shape": [1], "sha256": ""}}),
            "array name",
        ),
        (lambda r: r["arrays"]["vectors"].pop("dtype"), "incomplete"),
        (lambda r: r.update(reward_range=[5, 1]), "reward_range 5 to 1 is not finite and rising"),
        (lambda r: r.update(reward_range=[float("-inf"), float("inf")]), "reward_range -inf to inf is not finite"),
        (lambda r: r.update(reward_range=[1, float("nan")]), "reward_range 1 to nan is not finite"),
    ],
)
def test_a_tampered_field_is_named(folder, change, message):
    edit(folder, change)
    with pytest.raises(WorldError, match=message):
        World.load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 200_000], ids=lambda t: t[:3])
def test_a_damaged_world_json_is_a_typed_error(folder, text):
    (folder / "world.json").write_text(text)
    with pytest.raises(WorldError, match=r"world\.json"):
        World.load(folder)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("title_bytes", lambda a: a | 0x80, "titles that are no UTF-8"),
        ("title_bytes", lambda a: np.r_[a[:-1], np.uint8(0xC3)], "titles that are no UTF-8"),  # a character cut short
        (
            "title_bytes",  # the whole is UTF-8, but "é" lies across the end of the first title
            lambda a: np.r_[a[:5], np.frombuffer("é".encode(), np.uint8), a[7:]],
            "titles that are no UTF-8",
        ),
        ("title_offsets", lambda a: np.r_[a[0], a[2], a[1], a[3:]], "title_offsets decreases"),
        (
            "title_offsets",  # differences that overflow look as if it rose
            lambda a: np.r_[a[0], 2**62, 2**63 - 1, -(2**63), -(2**62), np.zeros(len(a) - 6, np.int64), a[-1]],
            "title_offsets decreases",
        ),
        ("log_items", lambda a: np.where(a == a.max(), 30, a).astype(np.int32), "log_items holds an unknown id"),
        ("train_users", lambda a: np.arange(0, 7, dtype=np.int32), "overlap"),
        ("vectors", lambda a: np.where(np.arange(5) == 0, np.nan, a).astype(np.float32), "NaN"),
        ("category_indptr", lambda a: np.minimum(a, 29), "category"),
        ("popularity", lambda a: a[:-1], "items"),
        ("mean_reward", lambda a: a[None], "axes"),
        ("rewards", lambda a: a.astype(np.int64), "rewards is <i8"),
        ("test_users", lambda a: a[:0], "empty"),
        ("rewards", lambda a: a + np.int8(1), "rewards leaves the reward range 1 to 5"),
        ("log_rewards", lambda a: np.where(a == a.max(), np.nan, a).astype(np.float32), "log_rewards leaves"),
        ("mean_reward", lambda a: np.full_like(a, np.inf), "mean_reward holds NaN"),
    ],
)
def test_an_inconsistent_world_is_not_saved(tmp_path, name, change, message):
    world = tiny_world()
    world.arrays[name] = change(world.arrays[name])
    with pytest.raises(WorldError, match=message):
        world.save(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_saving_replaces_a_world_but_nothing_else(tmp_path):
    tiny_world().save(tmp_path / "w")
    assert tiny_world(seed=1).save(tmp_path / "w").hash == tiny_world(seed=1).hash
    kept = tiny_world().save(tmp_path / "w", overwrite=False)
    assert kept.hash == tiny_world(seed=1).hash
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter1.txt").write_text("long work")
    with pytest.raises(WorldError, match="is no world, so it is not replaced"):
        tiny_world().save(precious)
    assert (precious / "chapter1.txt").read_text() == "long work"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["thesis", "w"]


def test_an_unwritable_target_is_a_typed_error(tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "world", tmp_path / "file"):
        with pytest.raises(WorldError):
            tiny_world().save(target)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_a_typed_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WorldError, match="cannot write"):
        tiny_world().save(tmp_path / "w")
    tmp_path.chmod(0o700)


def test_a_failure_in_mid_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recsim_envs.worlds.world.np.save", full)
    with pytest.raises(WorldError, match="No space left"):
        tiny_world().save(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_unknown_splits_are_refused():
    with pytest.raises(WorldError, match="use 'train', 'test' or 'all'"):
        tiny_world().users("validation")
