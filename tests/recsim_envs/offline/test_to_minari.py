"""Minari reads back every step of what was written for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recsim_envs.errors import LogError
from recsim_envs.offline import DatasetSpec, generate, transitions

minari = pytest.importorskip("minari")

from recsim_envs.offline.to_minari import ROOT, write_minari  # noqa: E402

SPECS = [
    DatasetSpec("longrec/Games-v0", "mixed", sessions=12),
    DatasetSpec("longrec/SlateTopKBored-v0", "random", sessions=3, options={"horizon": 6}),
    DatasetSpec("longrec/Retention-v0", "mixed", sessions=3),
    DatasetSpec("longrec/LongTermSatisfaction-v0", "epsilon-greedy", sessions=2, options={"horizon": 4}),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_every_step_comes_back(spec, tmp_path, monkeypatch):
    log = generate(spec)
    path = write_minari(log, tmp_path)
    assert path == tmp_path / spec.id
    monkeypatch.setenv(ROOT, str(tmp_path))
    dataset = minari.load_dataset(spec.id)
    assert (dataset.total_episodes, dataset.total_steps) == (len(log), len(log.rewards))
    assert dataset.env_spec.id == spec.env_id
    (batch,) = transitions(log)
    row = 0
    for session, episode in enumerate(dataset.iterate_episodes()):
        rows = slice(row, row + len(episode.rewards))
        row = rows.stop
        assert np.array_equal(episode.actions, log.actions[rows])
        assert np.array_equal(episode.rewards, log.rewards[rows])
        assert np.array_equal(episode.terminations, batch.terminated[rows])
        assert np.array_equal(episode.truncations, batch.truncated[rows])
        assert np.array_equal(episode.infos["propensity"][1:], log.propensities[rows])
        assert set(episode.infos["component"]) == {log.components[session]}
        for key, seen in episode.observations.items():
            assert seen.dtype == batch.observations[key].dtype
            assert np.array_equal(seen[:-1], batch.observations[key][rows])
            assert np.array_equal(seen[1:], batch.next_observations[key][rows])
    assert row == len(log.rewards)
    assert next(iter(dataset.storage.get_episode_metadata([0])))["seed"] == int(log.seeds[0])


def test_the_environment_is_recovered_with_the_options_of_the_log(tmp_path, monkeypatch):
    write_minari(generate(DatasetSpec("longrec/Games-v0", "random", 2, options={"horizon": 7})), tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "moved")
    monkeypatch.setenv(ROOT, str(tmp_path / "moved"))
    kwargs = minari.load_dataset("longrec/games/random-v0").recover_environment().spec.kwargs
    assert (kwargs["horizon"], kwargs["split"], kwargs["world"]) == (7, "train", "games")


def test_minari_lists_it_and_it_is_never_replaced(tmp_path, monkeypatch):
    log = generate(SPECS[0])
    write_minari(log, tmp_path)
    with pytest.raises(LogError, match="never replaces"):
        write_minari(log, tmp_path)
    write_minari(generate(DatasetSpec("longrec/Games-v0", "random", sessions=2)), tmp_path)
    monkeypatch.setenv(ROOT, str(tmp_path))
    assert set(minari.list_local_datasets()) == {"longrec/games/mixed-v0", "longrec/games/random-v0"}


def test_a_relative_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_minari(generate(SPECS[0]), Path("here")) == tmp_path / "here" / SPECS[0].id


def test_a_broken_build_leaves_nothing(tmp_path, monkeypatch):
    from minari.dataset._storages.arrow_storage import ArrowStorage

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArrowStorage, "update_episodes", full)
    monkeypatch.setenv(ROOT, "untouched")
    with pytest.raises(LogError, match="No space left"):
        write_minari(generate(SPECS[0]), tmp_path)
    assert list(tmp_path.iterdir()) == []
    import os

    assert os.environ[ROOT] == "untouched"


def test_a_name_that_minari_does_not_know(tmp_path, small_world):
    import gymnasium

    import recsim_envs

    small_world.save(tmp_path / "w")
    recsim_envs.register("mine/My.Shop-v0", world=tmp_path / "w")
    try:
        with pytest.raises(LogError, match="Malformed dataset ID"):
            write_minari(generate(DatasetSpec("mine/My.Shop-v0", "random", sessions=2)), tmp_path / "minari")
    finally:
        gymnasium.registry.pop("mine/My.Shop-v0")


def test_minari_is_imported_only_where_it_is_needed():
    script = "import sys, recsim_envs.offline; sys.exit('minari' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
