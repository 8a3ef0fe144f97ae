"""The cache: what goes in comes out, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from leaderboard.board.store import Store
from recsim_envs.errors import ConfigurationError

KEY = "ab" + "0" * 62


@given(
    record=st.binary(min_size=1, max_size=200),
    array=arrays(np.float64, array_shapes(max_dims=2, max_side=5), elements=st.floats(width=64)),
)
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, record: bytes, array: np.ndarray) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "cache")
    store.write(KEY, record, {"a": array, "counts": np.arange(5.0)})
    told, found = store.read(KEY) or (b"", {})
    assert told == record
    assert np.array_equal(found["a"].astype(np.float64), array, equal_nan=True)
    assert found["counts"].dtype == np.uint8  # the smallest type that is exact


def test_every_flipped_byte_makes_it_a_miss(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    store.write(KEY, b"{}", {"a": np.arange(3.0)})
    path = store.path(KEY)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert store.read(KEY) is None
    for size in (0, 10, 40, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert store.read(KEY) is None
    path.write_bytes(whole)
    assert store.read(KEY) is not None


def test_arrays_that_were_there_and_are_gone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="removed or damaged while it was in use"):
        Store(tmp_path / "cache").arrays(KEY)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files here")
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    with pytest.raises(ConfigurationError, match="false figures"):
        Store(tmp_path / "cache")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="pass another --cache"):
        Store(tmp_path / "file")


def test_what_nobody_used_for_long_is_removed(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "cache"), "cd" + KEY[2:]
    for key in (KEY, other):
        store.write(key, b"{}", {})
        os.utime(store.path(key), (0, 0))
    store.read(other)  # it is in use again
    store.prune()
    assert store.read(KEY) is None
    assert store.read(other) is not None
